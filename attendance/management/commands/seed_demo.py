"""``manage.py seed_demo``: a demo institution to try, to show and to load-test."""

import csv
import dataclasses
import os
import secrets
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from attendance.demo import NameTaken, SignIn, seed

# Only for a trial on one's own machine, whose data no institution owns; anywhere else each run makes its own.
EMBEDDED_PASSWORD = "rollcall-demo"  # noqa: S105


class Command(BaseCommand):
    help = (
        "Adds a demo institution: the course CS101 with its sections, teachers and students. "
        "Run again, it adds what is missing. "
        "Outside the embedded database it gives all demo users a new random password."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--sections", type=_number, default=10, help="how many sections (10)")
        parser.add_argument("--students", type=_number, default=600, help="how many students in all (600)")
        parser.add_argument(
            "--tokens",
            type=Path,
            metavar="FILE",
            help="write the sign-ins and API tokens as CSV, one row per user and section, readable by you alone",
        )

    def handle(self, *args: Any, sections: int, students: int, tokens: Path | None, **options: Any) -> None:
        password = EMBEDDED_PASSWORD if settings.EMBEDDED_DATABASE else secrets.token_hex(12)
        try:
            if tokens:
                with _private_file(tokens) as file:
                    sign_ins = _seed(sections, students, password)
                    _write(sign_ins, file)
            else:
                _seed(sections, students, password)
        except OSError as error:
            raise CommandError(f"The tokens cannot be written to {tokens}: {error.strerror}") from error
        self.stdout.write(
            f"The demo has {sections} sections of CS101 and {students} students.\n"
            f"Sign in as admin, teacher, teacher2, or student1 to student{students}; "
            f"the password of all is {password}"
        )
        if tokens:
            self.stdout.write(f"Sign-ins and tokens are in {tokens}")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)


def _seed(sections: int, students: int, password: str) -> list[SignIn]:
    try:
        return seed(sections=sections, students=students, password=password, today=timezone.localdate())
    except NameTaken as error:
        raise CommandError(f"{error} Nothing was changed.") from error


def _private_file(path: Path) -> TextIO:
    """Open for writing, for the owner alone, also if it was there before."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(number, 0o600)
    return os.fdopen(number, "w", encoding="utf-8", newline="")


def _write(sign_ins: list[SignIn], file: TextIO) -> None:
    rows = csv.DictWriter(file, fieldnames=[field.name for field in dataclasses.fields(SignIn)])
    rows.writeheader()
    rows.writerows(dataclasses.asdict(sign_in) for sign_in in sign_ins)
