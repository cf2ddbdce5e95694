"""``manage.py seed_demo``: add a demo institution for trials, demonstrations and load tests."""

import csv
import dataclasses
import datetime
import os
import secrets
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from attendance.demo import DEMO_PASSWORD
from attendance.demo.institution import NameTaken, SignIn, seed
from attendance.models import Role, Section


class Command(BaseCommand):
    help = (
        "Adds a demo institution: the course CS101 with sections, teachers and students. "
        "Running it again adds whatever is missing. "
        "With an external database, all demo users get a new random password."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--sections", type=_positive_int, default=10, help="number of sections (default: 10)"
        )
        parser.add_argument(
            "--students", type=_positive_int, default=600, help="total number of students (default: 600)"
        )
        parser.add_argument(
            "--tokens",
            type=Path,
            metavar="FILE",
            help="make a new API token for each user, and write the sign-ins and tokens to this CSV file, one row per user and section, readable only by you",
        )

    def handle(self, *args: Any, sections: int, students: int, tokens: Path | None, **options: Any) -> None:
        password = DEMO_PASSWORD if settings.EMBEDDED_DATABASE else secrets.token_hex(12)
        try:
            if tokens:
                with _private_file(tokens) as file:
                    sign_ins = _seed(sections, students, password, tokens_at=timezone.now())
                    _write(sign_ins, file)
            else:
                sign_ins = _seed(sections, students, password)
        except OSError as error:
            raise CommandError(f"Cannot write the tokens to {tokens}: {error.strerror}") from error
        self.stdout.write(
            f"The demo has {sections} sections of CS101 and {students} students.\n"
            f"Sign in as admin, teacher, teacher2, or student1 to student{students}; "
            f"the password for all of them is {password}"
        )
        self.stdout.write(f"One student of each section: {_one_of_each_section(sign_ins)}")
        if tokens:
            self.stdout.write(f"Sign-ins and tokens are in {tokens}")


def _positive_int(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _seed(
    sections: int, students: int, password: str, *, tokens_at: datetime.datetime | None = None
) -> list[SignIn]:
    try:
        return seed(
            sections=sections,
            students=students,
            password=password,
            today=timezone.localdate(),
            tokens_at=tokens_at,
        )
    except NameTaken as error:
        raise CommandError(f"{error} Nothing was changed.") from error


def _one_of_each_section(sign_ins: list[SignIn]) -> str:
    """Such as “student1 (A), student2 (B)”."""
    first: dict[int, str] = {}
    for sign_in in sign_ins:
        if sign_in.role == Role.STUDENT and sign_in.section:
            first.setdefault(sign_in.section, sign_in.username)
    names = dict(Section.objects.filter(pk__in=first).values_list("pk", "name"))
    return ", ".join(f"{username} ({names[section]})" for section, username in first.items())


def _private_file(path: Path) -> TextIO:
    """Open the file for writing, readable by its owner only, even if it already existed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")


def _write(sign_ins: list[SignIn], file: TextIO) -> None:
    rows = csv.DictWriter(file, fieldnames=[field.name for field in dataclasses.fields(SignIn)])
    rows.writeheader()
    rows.writerows(dataclasses.asdict(sign_in) for sign_in in sign_ins)
