"""The codes on exported registers: each names the last seal that held when the file was made."""

import datetime

from attendance.lib import advisory_locks, seal_keys
from attendance.models import RegisterSeal, SealedExport, Section
from attendance.models.public_ids import read_export_code
from attendance.registers.dates import DateRange
from attendance.registers.term_register import TermRegister


def hold_still(section: Section) -> None:
    """Let nobody change an ended register of the section until the transaction ends.

    Call it before the register of an export is read, so that its code names what the register shows.
    """
    advisory_locks.share_seals([section.pk])


def make_code(register: TermRegister, *, at: datetime.datetime) -> str:
    """A code for an export of this register: ten characters, to be shown as two times five.

    Call it in the transaction in which the register was read, after ``hold_still``.
    """
    section = register.section
    last = (
        RegisterSeal.objects.filter(section=section)
        .order_by("-number")
        .values_list("number", flat=True)
        .first()
    )
    key = seal_keys.current()
    export = SealedExport(
        section=section,
        first_day=register.dates.first,
        last_day=register.dates.last,
        made_at=at,
        last_seal=last or 0,
        key_id=key.id,
    )
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
