"""Codes on exports: as sealed, or changed since, with the changes."""

import datetime

import pytest
from django.db import transaction
from django.utils import timezone

from attendance.models import SealedExport, Section
from attendance.models.public_ids import ALPHABET, new_export_code, read_export_code
from attendance.registers.dates import ALWAYS, DateRange
from attendance.registers.term_register import term_register
from attendance.registers.verification.codes import UnknownCode, verify_code
from attendance.registers.verification.export_codes import hold_still, make_code, shown_code
from attendance.registers.verification.verify import Outcome
from qrsessions.services import meetings
from tests.support import factories
from tests.support.classes import correct
from tests.support.registers.seals import tamper

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(taught_class):
    """A class that was held: the first of three students present."""
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    taught_class.mark(session, 0)
    taught_class.step(session, "end")
    session.meeting.refresh_from_db()
    return session


def export(section, dates=ALWAYS):
    with transaction.atomic():
        hold_still(section)
        return make_code(term_register(section, today=timezone.localdate(), dates=dates), at=timezone.now())


def verified(code):
    found = verify_code(code, sections=Section.objects.all()).found
    assert found is not None
    return found


def told(found):
    return [(change.student, str(change.before), str(change.after), change.by) for change in found.changes]


def test_export_is_as_sealed_until_the_application_changes_something(taught_class, session):
    code = export(taught_class.section)
    assert verified(code).outcome == Outcome.AS_SEALED

    correct(taught_class, session, "excused", 1)

    found = verified(code)
    assert found.outcome == Outcome.CHANGED
    assert told(found) == [(taught_class.students[1], "absent", "excused", taught_class.teacher)]
    assert verified(export(taught_class.section)).outcome == Outcome.AS_SEALED


def test_class_held_after_the_export_is_named(taught_class, session):
    code = export(taught_class.section)
    of_that_day = export(taught_class.section, DateRange(session.meeting.date, session.meeting.date))
    assert verified(code).missing_meetings == []

    later = taught_class.open()
    taught_class.step(later, "end")

    for one in (code, of_that_day):
        found = verified(one)
        assert (found.outcome, found.missing_meetings) == (Outcome.AS_SEALED, [later.meeting])
    before = session.meeting.date - datetime.timedelta(days=1)
    assert verified(export(taught_class.section, DateRange(None, before))).missing_meetings == []
    # A class that was cancelled was not held.
    meetings.cancel(meeting=later.meeting, reason="Strike", by=taught_class.teacher, at=timezone.now())
    assert verified(code).missing_meetings == []


def test_cancelling_reopening_and_scans_afterwards_are_told(taught_class, session):
    code = export(taught_class.section)
    at = timezone.now()
    meeting = meetings.cancel(meeting=session.meeting, reason="Strike", by=taught_class.teacher, at=at)
    meetings.restore(meeting=meeting, by=taught_class.teacher, at=at)
    taught_class.step(session, "reopen")
    taught_class.mark(session, 1)
    taught_class.step(session, "end")

    found = verified(code)

    assert found.outcome == Outcome.CHANGED
    assert told(found) == [
        (None, "held", "cancelled", None),
        (None, "cancelled", "held", None),
        (None, "held", "open", None),
        (taught_class.students[1], "absent", "present", None),
        (None, "open", "held", None),
    ]


def test_a_later_class_changes_nothing_that_was_exported(taught_class, session):
    code = export(taught_class.section)
    taught_class.step(taught_class.open(), "end")

    assert verified(code).outcome == Outcome.AS_SEALED


def test_only_the_days_of_the_export_matter(taught_class, session):
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    code = export(taught_class.section, DateRange(yesterday, yesterday))
    correct(taught_class, session, "excused", 1)
    tamper("UPDATE attendance_attendancerecord SET method = 'code' WHERE method = 'qr'")

    assert verified(code).outcome == Outcome.AS_SEALED
    assert verified(export(taught_class.section)).outcome == Outcome.ALTERED


def test_seals_and_changes_that_were_rolled_back_by_hand_are_missed_by_the_code(taught_class, session):
    correct(taught_class, session, "excused", 1)
    code = export(taught_class.section)
    tamper("DELETE FROM attendance_recordchange")
    tamper(
        "UPDATE attendance_attendancerecord SET status = 'absent', method = 'end', marked_by_id = NULL,"
        " marked_at = (SELECT ended_at FROM attendance_meeting) WHERE status = 'excused'"
    )
    tamper("DELETE FROM attendance_registerseal WHERE number = 2")

    found = verified(code)

    assert found.outcome == Outcome.ALTERED
    assert (found.first_difference.what, found.first_difference.seal) == ("seal_deleted", 2)


def test_changed_entry_of_a_code_is_named(taught_class, session):
    code = export(taught_class.section)
    tamper("UPDATE attendance_sealedexport SET made_at = made_at - interval '1 day'")

    assert verified(code).first_difference.what == "code_changed"


def test_register_from_before_the_upgrade_is_not_sealed():
    at = timezone.now()
    meeting = factories.make_meeting(section=factories.make_section(students=2), ended_at=at)

    found = verified(export(meeting.section))

    assert (found.outcome, found.unsealed) == (Outcome.NOT_SEALED, [meeting])


def test_who_may_not_see_the_register_hears_only_the_outcome(taught_class, session):
    code = export(taught_class.section)

    found = verify_code(code, sections=Section.objects.none())

    assert (found.outcome, found.found) == (Outcome.AS_SEALED, None)


@pytest.mark.parametrize("text", ["", "ABCDE-FGHJK", "0", "ü" * 10, "\x00" * 10])
def test_unknown_code_is_refused(text):
    with pytest.raises(UnknownCode):
        verify_code(text, sections=Section.objects.all())


def test_code_is_read_as_people_type_it(taught_class, session):
    code = export(taught_class.section)
    assert SealedExport.objects.get().code == code

    typed = f" {shown_code(code)} ".lower().replace("0", "o").replace("1", "l")

    assert read_export_code(typed) == code


def test_every_wrong_character_is_noticed():
    code = new_export_code()
    for place in range(len(code)):
        for other in ALPHABET:
            wrong = code[:place] + other + code[place + 1 :]
            assert read_export_code(wrong) == (code if wrong == code else None)


def test_verification_needs_a_fixed_number_of_queries(taught_class, session, django_assert_num_queries):
    code = export(taught_class.section)
    with django_assert_num_queries(8):
        verified(code)
    correct(taught_class, session, "excused", 0)
    with django_assert_num_queries(11):
        assert len(verified(code).changes) == 1
    for number in range(3):
        correct(taught_class, session, "late", number)
        taught_class.step(taught_class.open(), "end")

    with django_assert_num_queries(11):
        assert len(verified(code).changes) == 4


def test_code_is_bound_to_the_seal_that_it_names(taught_class, session):
    """As when somebody deletes the latest seal, and the application makes another one with its number."""
    correct(taught_class, session, "excused", 1)
    code = export(taught_class.section)
    tamper(
        "DELETE FROM attendance_registerseal WHERE number = 2 AND section_id = %s", taught_class.section.pk
    )
    correct(taught_class, session, "late", 1)

    assert verified(code).outcome == Outcome.ALTERED
