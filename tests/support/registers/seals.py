"""Registers and their seals: what the seals say, and changes of rows that bypass the application."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from attendance.models import Meeting, MeetingState, RegisterSeal, Section
from attendance.registers.verification.verify import Outcome, Verification, verify


@contextmanager
def outside() -> Iterator[None]:
    """As somebody who may do anything in the database: its triggers do not run."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def tamper(statement: str, *values: Any) -> None:
    """Change rows by SQL, past the application and the triggers."""
    with outside(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount


def numbers(section: Section) -> list[int]:
    return list(
        RegisterSeal.objects.filter(section=section).order_by("number").values_list("number", flat=True)
    )


def assert_sealed(section: Section) -> Verification:
    """Every register of the section that was held is sealed and as its seals say, and no number is missing."""
    found = verify(section)
    assert found.outcome == Outcome.AS_SEALED, found
    held = Meeting.objects.filter(section=section, state=MeetingState.HELD)
    assert not held.filter(seals=None).exists()
    assert numbers(section) == list(range(1, len(numbers(section)) + 1))
    return found
