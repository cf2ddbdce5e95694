"""Change user or lifetime, then run a command. Run as a script; needs only Python.

    start_as.py namespace UID GID COMMAND...   root appears as that user, in a new user namespace
    start_as.py user UID GID COMMAND...        switch to that user
    start_as.py mortal PARENT COMMAND...       gets SIGTERM when the parent process ends, for any reason

It is a script because only a process with one thread can enter a user namespace, and because Python code
between fork and exec may deadlock.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


def enter_namespace(uid: int, gid: int) -> None:
    """Keep our files and rights under an unprivileged uid: PostgreSQL refuses to run as uid 0.

    :raises OSError: if the kernel or the container forbids it
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")


def become_user(uid: int, gid: int) -> None:
    """Drop root's rights."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def end_with(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("The parent process is gone.")


def main() -> None:
    """Run the mode that the first argument names."""
    match sys.argv[1:]:
        case ["namespace", uid, gid, *command]:
            try:
                enter_namespace(int(uid), int(gid))
            except OSError as error:
                sys.exit(f"No user namespace: {error.strerror}.")
        case ["user", uid, gid, *command]:
            become_user(int(uid), int(gid))
        case ["mortal", parent, *command]:
            end_with(int(parent))
        case _:
            sys.exit(__doc__)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
