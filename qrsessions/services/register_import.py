"""Import of old registers: limited, and kept in the audit log."""

import datetime
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext

from attendance.lib.rate_limits import Limit
from attendance.models import Section, User
from attendance.registers.importing import Options, Report, import_registers
from attendance.rosters.files import RosterFile
from qrsessions.models import Action
from qrsessions.services import audit_log

# A file of 900 kB takes seconds.
IMPORTS = Limit("register-import", times=30, per_seconds=10 * 60)


def import_register_file(
    *,
    section: Section,
    file: RosterFile,
    by: User,
    at: datetime.datetime,
    options: Options,
    dry_run: bool,
) -> Report:
    """Import the old register of a section from a file: see ``attendance.registers.importing``.

    :raises RegisterRefused: if the file has a problem, unless it is a dry run
    :raises BadMapping: if a word is mapped to something unknown
    :raises TooOften: if the user has imported too many files
    """
    IMPORTS.allow(str(by.pk))
    return import_register_files(
        files=[file], section=section, by=by, at=at, options=options, dry_run=dry_run
    )


def import_register_files(
    *,
    files: Sequence[RosterFile],
    section: Section | None,
    by: User | None,
    at: datetime.datetime,
    options: Options,
    dry_run: bool,
) -> Report:
    """Import registers and keep in the audit log which meetings are held by them. Without a section, the files name theirs."""
    with transaction.atomic():
        report = import_registers(
            files=files, section=section, by=by, at=at, options=options, dry_run=dry_run
        )
        detail = gettext("import of %(file)s") % {"file": ", ".join(file.name for file in files)}
        audit_log.record_meetings(report.taken, action=Action.FINISH, by=by, at=at, detail=detail)
    return report
