"""Discarding a session opened by mistake: what is deleted, what stays, what refuses it, and that nothing of it works again."""

import datetime
from typing import Any

import pytest
from django.db.models import ProtectedError
from django.utils import timezone
from django_redis import get_redis_connection

from attendance.models import AttendanceRecord, GroupSeat, Meeting, MeetingGroup, MeetingState, RecordChange
from attendance.stats import reconcile
from qrsessions.codes import claims
from qrsessions.models import Action, GroupSession, QRSession, RefusedScan, SessionEvent
from qrsessions.queries.groups import members_of
from qrsessions.services import auto_end, groups, lifecycle
from tests.support.classes import Class, client_of, code_of, correct, token_of
from tests.support.factories import (
    make_admin,
    make_enrolment,
    make_section,
    make_student,
    make_teacher,
    user_of,
)
from tests.support.postgres.database import everything_written

pytestmark = pytest.mark.usefixtures("empty_redis")


@pytest.fixture
def group(taught_class) -> GroupSession:
    """A group of the class's section and another one."""
    other = make_section(students=1, teachers=[taught_class.teacher])
    make_enrolment(section=other, student=taught_class.students[0])
    return groups.open_group(
        sections=[taught_class.section, other],
        by=taught_class.teacher,
        at=timezone.now(),
        title="Monday lecture",
    )


def group_step(taught_class: Class, group: GroupSession, step: str):
    return taught_class.as_teacher.post(f"/api/v1/group-sessions/{group.public_id}/{step}/")


def everything() -> list[Any]:
    rows = [list(model.objects.order_by("pk").values()) for model in (Meeting, GroupSession, SessionEvent)]
    return [*everything_written(), *rows]


@pytest.mark.parametrize("steps", [[], ["lock"], ["start"], ["end"], ["start", "end", "reopen", "end"]])
def test_session_without_marks_is_discarded_in_every_state(taught_class, steps):
    session = taught_class.open()
    assert taught_class.join(session).status_code == 201
    for step in steps:
        assert taught_class.step(session, step).status_code == 200

    response = taught_class.step(session, "discard")

    assert (response.status_code, response.content) == (204, b"")
    assert not QRSession.objects.exists()
    assert not AttendanceRecord.objects.exists()
    meeting = Meeting.objects.get()
    assert (meeting.state, meeting.ended_at) == (MeetingState.DISCARDED, None)
    assert (meeting.roster_fixed_at is not None) == ("end" in steps)
    assert get_redis_connection("live").keys("session:*") == []
    assert taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/").status_code == 404
    assert taught_class.as_teacher.get("/api/v1/sessions/").json() == []
    assert taught_class.as_student[0].get("/api/v1/me/session/").json()["sessions"] == []
    (own,) = taught_class.as_student[0].get("/api/v1/me/records/").json() or [{"total_meetings": 0}]
    assert own["total_meetings"] == 0
    # The section is free again.
    assert taught_class.open().public_id != session.public_id


def test_audit_log_still_shows_a_discarded_session(taught_class):
    session = taught_class.open()
    correct(taught_class, session, "present")
    taught_class.as_teacher.put(
        f"/api/v1/sessions/{session.public_id}/records/{taught_class.students[0].student_id}/",
        {"status": None},
        format="json",
    )
    taught_class.step(session, "end")

    assert taught_class.step(session, "discard").status_code == 204

    address = f"/api/v1/sessions/{session.public_id}"
    events = taught_class.as_teacher.get(f"{address}/events/").json()
    assert [event["action"] for event in events] == ["discard", "end", "open"]
    assert events[0]["done_by"] == taught_class.teacher.display_name
    # What a teacher entered and took back is kept, on an empty record.
    changes = taught_class.as_teacher.get(
        f"{address}/records/{taught_class.students[0].student_id}/changes/"
    ).json()
    assert [(change["from_status"], change["to_status"]) for change in changes] == [
        ("present", None),
        (None, "present"),
    ]
    record = AttendanceRecord.objects.get()
    assert (record.joined_at, record.status, record.method) == (None, None, None)
    assert RecordChange.objects.count() == 2
    page = taught_class.as_teacher.get(f"/teach/sessions/{session.public_id}/", follow=True)
    assert page.redirect_chain == [(f"/teach/sessions/{session.public_id}/history/", 302)]
    assert "Discarded" in page.content.decode()
    for stranger, status in ((make_teacher(), 404), (user_of(taught_class.students[0]), 403)):
        assert client_of(stranger).get(f"{address}/events/").status_code == status


def test_session_with_a_mark_is_not_discarded(taught_class):
    session = taught_class.open()
    for status in ("absent", "excused", "late", "present"):
        correct(taught_class, session, status, number=1)
        before = everything()

        for _ in range(2):
            response = taught_class.step(session, "discard")
            assert (response.status_code, response.json()["code"]) == (409, "has_marks")
            assert response.json()["session"] == session.public_id
            assert everything() == before
            # Neither before nor after the end.
            if not Meeting.objects.get().ended_at:
                taught_class.step(session, "end")
                before = everything()


def test_session_in_which_a_scan_waits_is_not_discarded(taught_class):
    session = taught_class.open()
    taught_class.step(session, "start")
    assert taught_class.mark(session).json()["code"] == "not_joined"
    for step in ("", "end"):
        if step:
            taught_class.step(session, step)
        before = everything()

        response = taught_class.step(session, "discard")

        assert (response.status_code, response.json()["code"]) == (409, "scans_waiting")
        assert everything() == before
    assert RefusedScan.objects.exists()


def test_only_those_who_may_run_the_session_discard_it(taught_class, client):
    session = taught_class.open()
    address = f"/api/v1/sessions/{session.public_id}/discard/"
    before = everything()

    assert client.post(address).status_code == 401
    assert taught_class.as_student[0].post(address).status_code == 403
    assert client_of(make_teacher()).post(address).status_code == 404
    assert taught_class.as_teacher.get(address).status_code == 405
    assert everything() == before

    assert client_of(make_admin()).post(address).status_code == 204


def test_group_is_discarded_as_a_whole(taught_class, group):
    taught_class.as_student[0].post(
        f"/api/v1/group-sessions/{group.public_id}/join/", {"section": taught_class.section.pk}, format="json"
    )
    assert GroupSeat.objects.exists()

    assert group_step(taught_class, group, "discard").status_code == 204

    for model in (GroupSession, MeetingGroup, QRSession, GroupSeat, AttendanceRecord):
        assert not model._default_manager.exists()
    assert list(Meeting.objects.values_list("state", "group")) == [(MeetingState.DISCARDED, None)] * 2
    events = SessionEvent.objects.filter(action=Action.DISCARD)
    assert list(events.values_list("done_by", "detail")) == [(taught_class.teacher.pk, "Monday lecture")] * 2
    assert get_redis_connection("live").keys("session:*") == []


def test_group_with_a_mark_in_one_section_keeps_all_of_them(taught_class, group):
    _, marked = members_of(group)
    student = marked.meeting.roster.exclude(student=taught_class.students[0]).get().student
    taught_class.as_teacher.put(
        f"/api/v1/sessions/{marked.public_id}/records/{student.student_id}/",
        {"status": "present"},
        format="json",
    )
    before = everything()

    response = group_step(taught_class, group, "discard")

    assert (response.status_code, response.json()["code"]) == (409, "has_marks")
    assert response.json()["session"] == marked.public_id
    assert everything() == before


def test_member_is_not_discarded_by_itself(taught_class, group):
    before = everything()

    response = taught_class.step(members_of(group)[0], "discard")

    assert (response.status_code, response.json()["code"]) == (409, "in_group")
    assert everything() == before


def test_session_is_discarded_once(taught_class):
    session = taught_class.open()
    taught_class.step(session, "discard")
    assert taught_class.step(session, "discard").status_code == 404
    assert SessionEvent.objects.filter(action=Action.DISCARD).count() == 1


def test_nothing_of_a_discarded_session_works_in_the_next(taught_class):
    old = taught_class.open(join_policy="open")
    taught_class.step(old, "start")
    token, code = token_of(old), code_of(old)
    claim = claims.issue(
        public_id=old.public_id,
        arrived_at=timezone.now(),
        held_by=claims.held_by_user(user_of(taught_class.students[0])),
    )
    taught_class.step(old, "discard")
    new = taught_class.open(join_policy="open")
    taught_class.step(new, "start")
    before = everything_written()

    assert bytes(QRSession.objects.get().secret) != bytes(old.secret)
    answers = [
        taught_class.mark(old, token=token),
        taught_class.type_code(old, code),
        taught_class.type_code(new, code),
        taught_class.as_student[0].post("/api/v1/mark/", {"claim": claim}, format="json"),
        # The old key, used for the new session.
        taught_class.mark(new, token=token_of(QRSession(meeting=new.meeting, secret=old.secret))),
    ]

    assert {answer.status_code for answer in answers} <= {400, 409}
    assert {answer.json()["code"] for answer in answers} == {"token_invalid"}
    assert taught_class.join(old).status_code == 404
    assert everything_written() == before


def test_key_that_a_late_join_left_behind_is_found(taught_class):
    session = taught_class.open()
    taught_class.step(session, "discard")
    live = get_redis_connection("live")
    live.sadd(f"session:{session.public_id}:joined", "S1")

    assert reconcile().orphans == [session.public_id]
    assert live.keys("session:*") == []


# --- A register that was not taken -------------------------------------------------------------------------


@pytest.fixture
def not_taken(taught_class) -> QRSession:
    """The first student joined, nobody was marked, and the session ended by itself."""
    session = taught_class.open()
    taught_class.join(session)
    auto_end.end_forgotten(at=timezone.now(), after=datetime.timedelta(0))
    return QRSession.objects.with_names().get(pk=session.pk)


def statuses() -> dict[str, tuple[Any, ...]]:
    rows = AttendanceRecord.objects.values_list("student__student_id", "status", "method")
    return {student_id: (status, method) for student_id, status, method in rows}


def test_those_who_joined_are_marked_present_and_the_others_absent(taught_class, not_taken):
    response = taught_class.as_teacher.post(
        f"/api/v1/sessions/{not_taken.public_id}/records/bulk/",
        {"of": "joined", "status": "present"},
        format="json",
    )

    assert response.json()["changed"] == 1
    first, *others = (student.student_id for student in taught_class.students)
    assert statuses() == {first: ("present", "manual")} | dict.fromkeys(others, ("absent", "end"))


def test_register_that_was_not_taken_counts_for_nobody(taught_class, not_taken):
    (own,) = taught_class.as_student[0].get("/api/v1/me/records/").json()
    assert (own["total_meetings"], own["present_percentage"]) == (0, None)

    taught_class.as_teacher.post(
        f"/api/v1/sessions/{not_taken.public_id}/records/bulk/",
        {"of": "joined", "status": "present"},
        format="json",
    )

    found = [client.get("/api/v1/me/records/").json()[0] for client in taught_class.as_student[:2]]
    assert [(own["total_meetings"], own["total_present"]) for own in found] == [(1, 1), (1, 0)]


def test_those_who_joined_are_marked_and_nobody_else_while_a_session_is_open(taught_class):
    session = taught_class.open()
    taught_class.join(session)

    taught_class.as_teacher.post(
        f"/api/v1/sessions/{session.public_id}/records/bulk/",
        {"of": "joined", "status": "present"},
        format="json",
    )

    assert statuses() == {taught_class.students[0].student_id: ("present", "manual")}


def test_not_taken_register_can_be_discarded_or_reopened(taught_class, not_taken):
    lifecycle.take_step(session=not_taken, step="reopen", by=taught_class.teacher, at=timezone.now())
    assert taught_class.step(not_taken, "end").status_code == 200
    assert set(statuses().values()) == {("absent", "end")}
    assert taught_class.step(not_taken, "discard").status_code == 204
    assert Meeting.objects.get().state == MeetingState.DISCARDED


# --- Groups without meetings ---------------------------------------------------------------------------------


def test_deleting_the_last_meeting_of_a_group_deletes_the_group(taught_class, group):
    first, last = members_of(group)

    first.meeting.delete()
    assert GroupSession.objects.get() == group
    last.meeting.delete()

    assert not GroupSession.objects.exists()
    assert not MeetingGroup.objects.exists()


def test_deleting_all_meetings_of_a_group_together_deletes_the_group(taught_class, group):
    Meeting.objects.all().delete()
    assert not MeetingGroup.objects.exists()


def test_section_and_course_with_meetings_are_not_deleted(taught_class, group):
    for row in (taught_class.section, taught_class.section.course):
        with pytest.raises(ProtectedError):
            row.delete()
    assert len(members_of(group)) == 2


def test_group_without_meetings_is_nobodys_and_breaks_no_page(taught_class, group):
    Meeting.objects.update(group=None)
    token = token_of(group)
    addresses = [
        *(
            f"/api/v1/group-sessions/{group.public_id}/{rest}"
            for rest in ("", "stats/", "records/", "waiting/", "token/", "latest/", "arrival-curve/")
        ),
        *(
            f"/teach/groups/{group.public_id}/{rest}"
            for rest in ("", "register/", "screen/", "screen/qr.svg", "scan/", "bulk/?of=joined", "discard/")
        ),
    ]
    posts = [
        *(
            f"/api/v1/group-sessions/{group.public_id}/{verb}/"
            for verb in ("lock", "start", "end", "reopen", "discard", "sections")
        ),
        *(
            f"/teach/groups/{group.public_id}/{verb}/"
            for verb in ("lock", "end", "discard", "settings", "admit")
        ),
    ]

    stranger = make_teacher()
    assert not GroupSession.objects.visible_to(stranger, on=timezone.localdate()).exists()
    assert not GroupSession.objects.visible_to(taught_class.teacher, on=timezone.localdate()).exists()
    assert GroupSession.objects.visible_to(make_admin(), on=timezone.localdate()).exists()
    for user in (taught_class.teacher, stranger, make_admin()):
        client = client_of(user)
        assert {client.get(address).status_code for address in addresses} == {404}
        assert {client.post(address, {}, format="json").status_code for address in posts} == {404}
        assert client.get("/api/v1/group-sessions/").json() == []
        for page in ("/teach/", "/teach/groups/new/", f"/A/{token}", f"/J/{group.public_id}"):
            assert client.get(page).status_code in (200, 403)

    student = taught_class.as_student[0]
    before = everything_written()
    assert student.post("/api/v1/mark/", {"token": token}, format="json").status_code == 403
    joined = student.post(f"/api/v1/group-sessions/{group.public_id}/join/", {}, format="json")
    assert (joined.status_code, joined.json()["code"]) == (403, "not_enrolled")
    for page in ("/student/", f"/A/{token}", f"/J/{group.public_id}"):
        assert student.get(page).status_code < 500
    assert client_of(user_of(make_student())).get(f"/A/{token}").status_code < 500
    assert everything_written() == before
