"""The codes on exported registers: each names the last seal that held when the file was made."""

import datetime
from typing import Any

from django.db import transaction

from attendance.lib import advisory_locks, seal_keys
from attendance.models import RegisterSeal, SealedExport, Section
from attendance.models.public_ids import read_export_code
from attendance.registers.dates import DateRange
from attendance.registers.term_register import TermRegister, term_register


def hold_still(section: Section) -> None:
    """Let nobody change an ended register of the section until the transaction ends.

    Call it before the register of an export is read, so that its code names what the register shows.
    """
    advisory_locks.share_seals([section.pk])


def read_with_code(
    section: Section, *, today: datetime.date, dates: DateRange, at: datetime.datetime
) -> tuple[TermRegister, str]:
    """The register for an export, and the code of the export as people read it."""
    with transaction.atomic():
        hold_still(section)
        register = term_register(section, today=today, dates=dates)
        return register, shown_code(make_code(register, at=at))


def make_code(register: TermRegister, *, at: datetime.datetime) -> str:
    """A code for an export of this register: ten characters, to be shown as two times five.

    As long as nothing is sealed, the same export has the same code. Call it in the transaction in which the register was read, after ``hold_still``.
    """
    section = register.section
    last = (
        RegisterSeal.objects.filter(section=section).order_by("-number").values_list("number", "mac").first()
    )
    number, mac = last or (0, "")
    key = seal_keys.current()
    what: dict[str, Any] = {
        "section": section,
        "first_day": register.dates.first,
        "last_day": register.dates.last,
        "last_seal": number,
        "last_mac": mac,
        "key_id": key.id,
    }
    former = SealedExport.objects.filter(**what).order_by("made_at").last()
    if former and seal_keys.is_mac(former.mac, key_id=key.id, message=former.message()):
        return former.code
    export = SealedExport(**what, made_at=at)
    export.mac = key.mac(export.message())
    export.save()
    return export.code


def find_export(text: str) -> SealedExport | None:
    """The export with the code that somebody typed; None if there is none."""
    code = read_export_code(text)
    return SealedExport.objects.filter(code=code).first() if code else None


def days_of(export: SealedExport) -> DateRange:
    return DateRange(export.first_day, export.last_day)


def shown_code(code: str) -> str:
    """The code as people read and type it: two times five characters."""
    return f"{code[:5]}-{code[5:]}"
