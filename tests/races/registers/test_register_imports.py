"""Importing an old register while somebody corrects a mark of it or opens a session of its class."""

import datetime
import functools

from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting, MeetingState, RecordChange
from attendance.registers.importing import RegisterRefused
from qrsessions.services import lifecycle
from tests.support import factories
from tests.support.live_sets import assert_sets_match_database
from tests.support.races import make_school, run_concurrently
from tests.support.registers.files import load
from tests.support.registers.seals import outside

ROUNDS = 5


def test_import_and_correction_of_one_mark_come_one_after_the_other():
    school = make_school(sections=1, students=3)
    (section,) = school.sections
    for _ in range(ROUNDS):
        hall = school.open()
        for step in ("lock", "start"):
            hall.step(step)
        hall.mark(0)
        hall.step("end")
        (session,) = hall.sessions
        RecordChange.objects.all().delete()
        start = timezone.localtime(session.meeting.starts_at)
        content = f"student_id,{start:%Y-%m-%d %H:%M}\n" + "".join(
            f"{student.student_id},E\n" for student in school.students
        )

        run_concurrently(
            functools.partial(
                load, content, section=section, at=timezone.now(), by=school.teacher, replace=True
            ),
            functools.partial(hall.correct, 1, "late", session),
            spread_seconds=0.05,
        )

        record = AttendanceRecord.objects.get(meeting=session.meeting, student=school.students[1])
        first, last = RecordChange.objects.filter(record=record).order_by("pk")
        assert (first.from_status, first.to_status, last.to_status) == (
            "absent",
            last.from_status,
            record.status,
        )
        assert {first.to_status, last.to_status} == {"excused", "late"}
        assert_sets_match_database(hall.sessions)
        AttendanceRecord.objects.all().delete()
        with outside():
            Meeting.objects.all().delete()


def test_planned_class_is_either_imported_or_opened():
    school = make_school(sections=1, students=3)
    (section,) = school.sections
    content = f"student_id,%s\n{school.students[0].student_id},P\n"
    outcomes = set()
    for number in range(ROUNDS * 2):
        starts_at = timezone.now() - datetime.timedelta(minutes=number)
        planned = factories.make_planned(section=section, starts_at=starts_at)
        heading = f"{timezone.localtime(starts_at):%Y-%m-%d %H:%M}"

        def imported(text=content % heading):
            try:
                return load(text, section=section, at=timezone.now(), by=school.teacher)
            except RegisterRefused as refused:
                return refused

        answer, _session = run_concurrently(
            imported,
            functools.partial(lifecycle.open_session, section=section, by=school.teacher, at=timezone.now()),
            spread_seconds=0.03,
        )

        planned.refresh_from_db()
        records = planned.records.filter(method="import")
        outcomes.add(planned.state)
        if isinstance(answer, RegisterRefused):
            assert [one.reason.partition(": ")[2] for one in answer.report.problems] == [
                "This class has an open session. End it first."
            ]
            assert (planned.state, records.count()) == (MeetingState.OPEN, 0)
        else:
            assert (planned.state, records.count(), planned.records.count()) == (MeetingState.HELD, 1, 3)
        for session in section.meetings.filter(state=MeetingState.OPEN):
            session.session.delete()
        RecordChange.objects.all().delete()
        AttendanceRecord.objects.all().delete()
        with outside():
            Meeting.objects.all().delete()
    assert outcomes <= {MeetingState.OPEN, MeetingState.HELD}


def test_one_file_imported_twice_at_once_is_imported_once():
    school = make_school(sections=1, students=3)
    (section,) = school.sections
    day = timezone.localdate() - datetime.timedelta(days=2)
    content = f"student_id,{day}\n" + "".join(f"{one.student_id},P\n" for one in school.students)
    call = functools.partial(load, content, section=section, at=timezone.now())

    reports = run_concurrently(call, call, call)

    assert sorted(report.is_empty for report in reports) == [False, True, True]
    assert (Meeting.objects.count(), AttendanceRecord.objects.count(), RecordChange.objects.count()) == (
        1,
        3,
        3,
    )
