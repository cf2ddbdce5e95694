#!/usr/bin/env python
"""Django's commands. Those that need the embedded servers find them running or start them for their own duration."""

import os
import signal
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config import embedded

NEED_NO_SERVER = {"collectstatic", "compilemessages", "findstatic", "help", "makemessages", "version"}


def main() -> None:
    """Run one command; what is wrong with the installation is said in one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    words = sys.argv[1:]
    needs_servers = (
        bool(words) and words[0] not in NEED_NO_SERVER and not {"-h", "--help", "--version"} & set(words)
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Python would end at once and leave the servers behind. (nohup ignores SIGHUP, and that stays.)
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    try:
        with embedded.running(
            settings.DATA_DIR,
            postgres=needs_servers and settings.EMBEDDED_DATABASE,
            valkey=needs_servers and settings.EMBEDDED_REDIS,
        ):
            execute_from_command_line(sys.argv)
    except (embedded.EmbeddedError, ImproperlyConfigured) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
