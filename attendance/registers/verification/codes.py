"""Verifying the code on an exported register, for somebody who may or may not see that register."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from attendance.lib.rate_limits import Limit
from attendance.lib.refusals import Refused
from attendance.models import SealedExport, Section
from attendance.registers.verification.export_codes import days_of, find_export
from attendance.registers.verification.verify import Verification, verify

# Each reads a whole register, and nobody may try codes until one is known.
VERIFICATIONS = Limit("verify-register", times=20, per_seconds=60)


class UnknownCode(Refused):
    code = "unknown_code"
    status = 404
    detail = _("No exported register has this code. Check each character.")


@dataclass(frozen=True)
class VerifiedCode:
    """:ivar export: with the code and the moment of the export
    :ivar found: None if the user may not see the whole register: then only ``outcome`` may be told
    """

    export: SealedExport
    outcome: str
    found: Verification | None


def verify_code(text: str, *, sections: QuerySet[Section]) -> VerifiedCode:
    """Whether the register that a code is of is still as it was when it was exported.

    :param sections: those whose register the user may see
    :raises UnknownCode: if no export has the code
    """
    export = find_export(text)
    section = Section.objects.filter(pk=export.section_id).first() if export else None
    if export is None or section is None:
        raise UnknownCode
    visible = sections.filter(pk=section.pk).first()
    found = verify(visible or section, dates=days_of(export), export=export)
    return VerifiedCode(export, found.outcome, found if visible else None)
