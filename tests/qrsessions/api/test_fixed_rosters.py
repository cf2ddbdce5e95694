"""From its first end on, the roster of a session is fixed: later enrolments change no number of it, also after reopening."""

import datetime

import pytest
from django.db import transaction
from django.utils import timezone

from attendance.models import AttendanceRecord, Enrolment, GroupSeat, Method, RosterEntry, Status
from attendance.queries.student_history import own_sections
from attendance.rosters import changes
from qrsessions.models import QRSession, RefusedScan
from qrsessions.queries.groups import members_of
from qrsessions.services import groups, lifecycle
from tests.support import factories
from tests.support.classes import client_of, code_of, token_of
from tests.support.live_sets import assert_sets_match_database
from tests.support.postgres.database import everything_written


def records_of(taught_class, session) -> list[tuple[str, str | None]]:
    rows = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/records/").json()
    return [(row["student_id"], row["status"]) for row in rows]


def numbers(taught_class, session) -> tuple[int, int, int]:
    shown = taught_class.stats(session)
    return shown["total_students"], shown["total_joined"], shown["total_present"]


def put_mark(taught_class, session, student, status):
    address = f"/api/v1/sessions/{session.public_id}/records/{student.student_id}/"
    return taught_class.as_teacher.put(address, {"status": status}, format="json")


def enrol_late(section, **fields):
    """A student whose enrolment is entered now and holds since long ago."""
    enrolment = factories.make_enrolment(section=section, **{"roll_number": "99", **fields})
    changes.compare_counts_on_commit([enrolment])
    return enrolment.student


def scan(student, session_or_group):
    return client_of(student.user).post("/api/v1/mark/", {"token": token_of(session_or_group)}, format="json")


@pytest.fixture
def held(taught_class) -> QRSession:
    """A session that has ended. The first student was present, the others were not."""
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    assert taught_class.mark(session).status_code == 201
    assert taught_class.step(session, "end").status_code == 200
    session.refresh_from_db()
    return session


@pytest.fixture(params=["ended", "reopened"])
def fixed(taught_class, held, request) -> QRSession:
    """The same, also reopened."""
    if request.param == "reopened":
        assert taught_class.step(held, "reopen").status_code == 200
    return QRSession.objects.with_names().get(pk=held.pk)


# --- What does not change -------------------------------------------------------------------------------------------


def test_backdated_enrolment_changes_no_number_of_a_session_that_ended(taught_class, fixed):
    before = numbers(taught_class, fixed), records_of(taught_class, fixed)

    student = enrol_late(taught_class.section)

    assert (numbers(taught_class, fixed), records_of(taught_class, fixed)) == before
    assert_sets_match_database([fixed])
    assert [own.total_meetings for own in own_sections(student, on=timezone.localdate())] == (
        [0] if fixed.ended_at else []
    )


def test_ended_enrolment_changes_no_number_of_a_session_that_ended(taught_class, fixed):
    before = numbers(taught_class, fixed), records_of(taught_class, fixed)

    Enrolment.objects.filter(section=taught_class.section).update(to_date=factories.ENROLLED_FROM)

    assert (numbers(taught_class, fixed), records_of(taught_class, fixed)) == before


def test_live_roster_still_follows_enrolments(taught_class):
    session = taught_class.open()

    student = enrol_late(taught_class.section)

    assert numbers(taught_class, session)[0] == 4
    assert client_of(student.user).post(f"/api/v1/sessions/{session.public_id}/join/").status_code == 201


def test_reopening_keeps_everybody_on_the_roster(taught_class, held):
    taught_class.step(held, "reopen")

    assert [status for _, status in records_of(taught_class, held)] == ["present", None, None]
    assert numbers(taught_class, held)[0] == 3
    taught_class.step(held, "end")
    assert [status for _, status in records_of(taught_class, held)] == ["present", "absent", "absent"]


def test_student_history_shows_a_class_before_the_enrolment_was_entered_and_does_not_count_it(
    taught_class, held
):
    factories.make_rule(section=taught_class.section, minimum_percentage=75)
    student = enrol_late(taught_class.section)

    (own,) = client_of(student.user).get("/api/v1/me/records/").json()

    assert own["meetings"] == [
        {
            "session": held.public_id,
            "date": held.meeting.date.isoformat(),
            "not_enrolled_then": True,
            "status": None,
            "label": None,
            "reason": None,
            "marked_at": None,
            "method": None,
            "counts": None,
            "counted": "no_status",
        }
    ]
    assert (own["total_meetings"], own["may_miss"], own["must_attend"]) == (0, 0, 0)


def test_student_history_leaves_out_classes_of_days_without_an_enrolment(taught_class, held):
    student = enrol_late(taught_class.section, from_date=held.meeting.date + datetime.timedelta(days=1))

    assert own_sections(student, on=timezone.localdate()) == []


# --- Adding a student by hand ------------------------------------------------------------------------------------


def test_teacher_adds_a_student_by_hand(taught_class, fixed):
    student = enrol_late(taught_class.section)

    answer = put_mark(taught_class, fixed, student, "present")

    assert answer.status_code == 200
    assert answer.json()["stats"]["total_students"] == 4
    assert numbers(taught_class, fixed) == (4, 1, 2)
    assert (student.student_id, "present") in records_of(taught_class, fixed)
    assert_sets_match_database([fixed])
    record = AttendanceRecord.objects.get(student=student)
    assert (record.roll_number, record.method, record.marked_by) == (
        "99",
        Method.MANUAL,
        taught_class.teacher,
    )
    change = record.changes.get()
    assert (change.changed_by, change.from_status, change.to_status) == (
        taught_class.teacher,
        None,
        Status.PRESENT,
    )
    assert [own.total_present for own in own_sections(student, on=timezone.localdate())] == (
        [1] if fixed.ended_at else []
    )


def test_undoing_the_addition_leaves_the_student_without_a_mark(taught_class, held):
    student = enrol_late(taught_class.section)
    change = put_mark(taught_class, held, student, "present").json()["change"]

    answer = taught_class.as_teacher.post(
        f"/api/v1/sessions/{held.public_id}/undo/", {"change": change}, format="json"
    )

    assert answer.status_code == 200
    assert (student.student_id, None) in records_of(taught_class, held)
    (own,) = own_sections(student, on=timezone.localdate())
    assert own.total_meetings == 0


@pytest.mark.parametrize("enrolled", [False, True])
def test_only_students_of_the_section_are_added_and_only_with_a_status(taught_class, fixed, enrolled):
    student = enrol_late(taught_class.section) if enrolled else factories.make_student()
    before = everything_written()

    answer = put_mark(taught_class, fixed, student, None if enrolled else "present")

    assert answer.status_code == 404
    assert everything_written() == before


def test_teacher_of_another_section_adds_nobody(taught_class, held):
    student = enrol_late(taught_class.section)
    before = everything_written()

    other = client_of(factories.make_teacher())
    address = f"/api/v1/sessions/{held.public_id}/records/{student.student_id}/"

    assert other.put(address, {"status": "present"}, format="json").status_code == 404
    assert everything_written() == before


def test_student_who_left_before_the_class_is_added(taught_class, held):
    gone = held.meeting.date - datetime.timedelta(days=1)
    student = enrol_late(taught_class.section, from_date=gone - datetime.timedelta(days=9), to_date=gone)

    assert put_mark(taught_class, held, student, "excused").status_code == 200
    assert (student.student_id, "excused") in records_of(taught_class, held)


# --- Scans while a session is reopened ---------------------------------------------------------------------------


def reopened_with(taught_class, held):
    """A student enrolled after the end of the session, which is open again."""
    taught_class.step(held, "reopen")
    return enrol_late(taught_class.section), QRSession.objects.with_names().get(pk=held.pk)


def waiting(taught_class, session):
    return taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/waiting/").json()


def test_scan_of_a_student_not_on_the_roster_is_refused_and_shown_to_the_teacher(taught_class, held):
    student, session = reopened_with(taught_class, held)

    answer = scan(student, session)

    assert (answer.status_code, answer.json()["code"]) == (403, "not_enrolled")
    assert "Your teacher can see your scan" in answer.json()["detail"]
    (shown,) = waiting(taught_class, session)
    assert (shown["student_id"], shown["not_enrolled_then"]) == (student.student_id, True)
    assert not AttendanceRecord.objects.filter(student=student).exists()


def test_teacher_admits_the_scan_and_the_student_is_on_the_roster(taught_class, held):
    student, session = reopened_with(taught_class, held)
    scan(student, session)
    scanned_at = RefusedScan.objects.get().scanned_at

    answer = taught_class.as_teacher.post(
        f"/api/v1/sessions/{session.public_id}/waiting/",
        {"student_ids": [student.student_id]},
        format="json",
    )

    assert answer.json()["admitted"] == 1
    record = AttendanceRecord.objects.get(student=student)
    assert (record.status, record.method, record.marked_at) == (Status.PRESENT, Method.QR, scanned_at)
    assert record.changes.get().changed_by == taught_class.teacher
    assert numbers(taught_class, session) == (4, 2, 2)
    assert waiting(taught_class, session) == []
    assert_sets_match_database([session])


def test_mark_by_hand_settles_the_scan(taught_class, held):
    student, session = reopened_with(taught_class, held)
    scan(student, session)

    assert put_mark(taught_class, session, student, "present").status_code == 200

    assert waiting(taught_class, session) == []
    assert scan(student, session).json()["status"] == "present"


@pytest.mark.parametrize("fault", ["stranger", "wrong code", "expired token", "ended"])
def test_other_scans_of_students_not_on_the_roster_are_not_shown(taught_class, held, fault):
    student, session = reopened_with(taught_class, held)
    body = {"token": token_of(session)}
    if fault == "stranger":
        student = factories.make_student()
    elif fault == "wrong code":
        body = {"session": session.public_id, "code": f"{(int(code_of(session)) + 1) % 10**8:08}"}
    elif fault == "expired token":
        body = {"token": token_of(session, steps_ago=20)}
    else:
        taught_class.step(session, "end")
    before = everything_written()

    answer = client_of(student.user).post("/api/v1/mark/", body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "not_enrolled")
    assert "Your teacher can see your scan" not in answer.json()["detail"]
    assert everything_written() == before


# --- Groups -----------------------------------------------------------------------------------------------------


@pytest.fixture
def group(taught_class):
    """The class's section, which has the higher id, and another one of the same teacher, in a group with two students in both."""
    lower, higher = sorted(
        [taught_class.section, factories.make_section(teachers=[taught_class.teacher])], key=lambda s: s.pk
    )
    for student in taught_class.students[:2]:
        factories.make_enrolment(section=higher, student=student)
    factories.make_enrolment(section=higher, roll_number="only")
    return open_group(taught_class, [lower, higher])


def open_group(taught_class, sections):
    at = timezone.now()
    opened = groups.open_group(sections=sections, by=taught_class.teacher, at=at)
    return groups.take_group_step(group_session=opened, step="start", by=taught_class.teacher, at=at)


def group_step(taught_class, group, step):
    groups.take_group_step(group_session=group, step=step, by=taught_class.teacher, at=timezone.now())


def by_section(group) -> dict[int, QRSession]:
    return {session.meeting.section_id: session for session in members_of(group)}


def group_numbers(taught_class, group):
    shown = taught_class.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/stats/").json()
    names = ("total_students", "total_joined", "total_present")
    members = {one["session"]: tuple(one[name] for name in names) for one in shown["sections"]}
    rows = taught_class.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/records/").json()
    return tuple(shown[name] for name in names), members, rows


def test_end_seats_the_students_of_several_sections_where_they_count(taught_class, group):
    counted = set(
        RosterEntry.objects.counted()
        .filter(meeting__group=group.group_id, student__in=taught_class.students[:2])
        .values_list("student", "meeting")
    )

    group_step(taught_class, group, "end")

    assert set(GroupSeat.objects.values_list("student", "meeting")) == counted
    assert len(counted) == 2


@pytest.mark.parametrize("reopened", [False, True])
def test_enrolment_in_a_section_with_a_lower_id_changes_no_number_of_an_ended_group(
    taught_class, group, reopened
):
    only = Enrolment.objects.get(roll_number="only").student
    lower, higher = sorted(by_section(group))
    put_mark(taught_class, by_section(group)[higher], only, "present")
    group_step(taught_class, group, "end")
    if reopened:
        group_step(taught_class, group, "reopen")
    before = group_numbers(taught_class, group)

    factories.make_enrolment(section=by_section(group)[lower].meeting.section, student=only)

    assert group_numbers(taught_class, group) == before
    assert before[0][0] == len(before[2]) == 4


def test_adding_a_student_to_another_section_of_a_group_moves_nobody(taught_class, group):
    only = Enrolment.objects.get(roll_number="only").student
    lower, higher = sorted(by_section(group))
    sessions = by_section(group)
    put_mark(taught_class, sessions[higher], only, "present")
    group_step(taught_class, group, "end")
    before = group_numbers(taught_class, group)
    factories.make_enrolment(section=sessions[lower].meeting.section, student=only)

    assert put_mark(taught_class, sessions[lower], only, "present").status_code == 200

    assert group_numbers(taught_class, group) == before
    assert (only.student_id, "present") in records_of(taught_class, sessions[lower])


def test_student_marked_through_one_section_and_moved_to_another_keeps_the_class(taught_class, group):
    only = Enrolment.objects.get(roll_number="only").student
    lower, higher = sorted(by_section(group))
    put_mark(taught_class, by_section(group)[higher], only, "present")
    group_step(taught_class, group, "end")

    today = timezone.localdate()
    Enrolment.objects.filter(student=only).update(to_date=today)
    factories.make_enrolment(section=by_section(group)[lower].meeting.section, student=only, from_date=today)

    own = own_sections(only, on=timezone.localdate())
    assert sum(section.total_present for section in own) == 1
    assert sum(section.total_meetings for section in own) == 1
    assert group_numbers(taught_class, group)[0] == (4, 0, 1)


@pytest.mark.parametrize("status", ["present", "late", "excused", "absent"])
def test_mark_of_one_section_is_copied_at_the_end_to_the_other_without_one(taught_class, group, status):
    only = Enrolment.objects.get(roll_number="only").student
    lower, higher = sorted(by_section(group))
    put_mark(taught_class, by_section(group)[higher], only, status)
    factories.make_enrolment(section=by_section(group)[lower].meeting.section, student=only)

    group_step(taught_class, group, "end")

    records = AttendanceRecord.objects.filter(student=only)
    fields = ("status", "method", "marked_at", "marked_by")
    (here, there) = records.values(*fields)
    assert here == there
    assert (here["status"], here["method"]) == (status, "manual")
    # Everybody else is absent, at both.
    others = AttendanceRecord.objects.exclude(student=only)
    assert set(others.values_list("status", "method")) == {("absent", "end")}


def test_section_added_to_a_reopened_group_counts_nobody_twice(taught_class, group):
    group_step(taught_class, group, "end")
    group_step(taught_class, group, "reopen")
    students = {row["student_id"] for row in group_numbers(taught_class, group)[2]}
    enrolled = [*taught_class.students, factories.make_student()]
    added = factories.make_section(students=enrolled, teachers=[taught_class.teacher])

    groups.add_section(group_session=group, section=added, by=taught_class.teacher, at=timezone.now())

    total, members, rows = group_numbers(taught_class, group)
    assert {row["student_id"] for row in rows} == students | {enrolled[-1].student_id}
    assert total[0] == len(rows) == sum(one[0] for one in members.values()) == len(students) + 1
    group_step(taught_class, group, "end")
    assert group_numbers(taught_class, group)[0] == total


def test_section_that_leaves_a_reopened_group_leaves_everybody_counted_once(taught_class, group):
    group_step(taught_class, group, "end")
    group_step(taught_class, group, "reopen")
    leaving = by_section(group)[min(by_section(group))]

    groups.leave_group(session=leaving, by=taught_class.teacher, at=timezone.now())

    total, _, rows = group_numbers(taught_class, group)
    assert total[0] == len(rows) == 3
    assert numbers(taught_class, leaving)[0] == 3


def test_student_of_several_sections_can_still_choose_after_a_reopening(taught_class, group):
    group_step(taught_class, group, "end")
    group_step(taught_class, group, "reopen")
    QRSession.objects.update(join_policy="open")

    (own,) = client_of(taught_class.students[0].user).get("/api/v1/me/session/").json()["sessions"]

    assert len(own["choices"]) == 2


def test_scan_of_a_student_not_on_a_groups_rosters_waits_in_the_section_of_the_student(taught_class, group):
    group_step(taught_class, group, "end")
    group_step(taught_class, group, "reopen")
    higher = max(by_section(group))
    student = enrol_late(by_section(group)[higher].meeting.section)

    answer = scan(student, group)

    assert answer.json()["code"] == "not_enrolled"
    assert RefusedScan.objects.get().session_id == by_section(group)[higher].pk
    address = f"/api/v1/group-sessions/{group.public_id}/waiting/"
    assert taught_class.as_teacher.post(address, {}, format="json").json()["admitted"] == 1
    assert AttendanceRecord.objects.get(student=student).status == Status.PRESENT


# --- Ending without marks ---------------------------------------------------------------------------------------


def test_register_that_was_not_taken_keeps_its_roster(taught_class):
    session = taught_class.open()
    taught_class.join(session)
    with transaction.atomic():
        lifecycle.apply_step(
            [QRSession.objects.with_names().get(pk=session.pk)],
            lifecycle.END_WITHOUT_ABSENCES,
            by=None,
            at=timezone.now(),
        )
    enrol_late(taught_class.section)

    assert [status for _, status in records_of(taught_class, session)] == [None, None, None]
    assert numbers(taught_class, session) == (3, 1, 0)
