#!/usr/bin/env python
"""Django's commands. A command that needs the embedded servers starts them while it runs, unless they run already."""

import os
import signal
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config import embedded

COMMANDS_WITHOUT_SERVERS = {
    "collectstatic",
    "compilemessages",
    "findstatic",
    "help",
    "makemessages",
    "version",
}


def main() -> None:
    """Run one command. Errors in the configuration are printed as one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    arguments = sys.argv[1:]
    needs_servers = (
        bool(arguments)
        and arguments[0] not in COMMANDS_WITHOUT_SERVERS
        and not {"-h", "--help", "--version"} & set(arguments)
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        # By default Python ends at once and leaves the servers running. (Under nohup, SIGHUP stays ignored.)
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
