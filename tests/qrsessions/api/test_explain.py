"""The API that explains a percentage, shows a student over all courses, and says who would change under another rule."""

import datetime

import pytest
from django.utils import timezone

from attendance.models import AttendanceRule, ExcuseReason, LabelColour, RecordChange, Status, StatusLabel
from attendance.queries.section_rules import rule_of
from qrsessions.models import SessionStatus
from qrsessions.services import corrections
from qrsessions.services.settings import SIMULATIONS
from tests.support import factories
from tests.support.classes import client_of

pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime.timedelta(days=1)
OTHERS = {"warn_below": 0, "lates_per_absence": 0, "excused": "neutral", "drop_lowest": 0}
OTHERS |= {"forecast_counts_planned": False, "label_counts": {}}


def marked(taught_class, days_ago, status, **fields):
    at = timezone.now() - days_ago * DAY
    session = factories.make_session(
        section=taught_class.section, status=SessionStatus.ENDED, at=at, opened_by=taught_class.teacher
    )
    factories.make_record(
        meeting=session.meeting, student=taught_class.students[0], status=status, roll_number="01", **fields
    )
    return session


def explain_address(taught_class, student=None):
    student = student or taught_class.students[0]
    return f"/api/v1/sections/{taught_class.section.pk}/explain/{student.student_id}/"


def simulate_address(taught_class):
    return f"/api/v1/sections/{taught_class.section.pk}/rule/simulate/"


def test_explanation_has_the_rows_the_rule_and_the_arithmetic(taught_class):
    student, today = taught_class.students[0], timezone.localdate()
    online = StatusLabel.objects.create(
        name="online", letter="O", colour=LabelColour.BLUE, meaning=Status.PRESENT
    )
    medical = ExcuseReason.objects.create(code="medical", name="Medical")
    first = marked(taught_class, 5, Status.LATE)
    second = marked(taught_class, 4, Status.PRESENT, label=online)
    third = marked(taught_class, 3, Status.ABSENT)
    corrections.correct(
        session=third,
        student=student,
        status=Status.EXCUSED,
        by=taught_class.teacher,
        at=timezone.now(),
        note="was ill",
    )
    third.meeting.records.update(excused_reason=medical)
    factories.make_rule(section=taught_class.section, minimum_percentage=75, late_counts=50)
    factories.make_rule(
        section=taught_class.section, valid_from=today - DAY, minimum_percentage=75, late_counts=0
    )
    made = RecordChange.objects.get()

    answer = taught_class.as_teacher.get(explain_address(taught_class))

    def row(session, **fields):
        meeting = session.meeting
        return {
            "meeting": session.public_id,
            "date": str(meeting.date),
            "starts_at": timezone.localtime(meeting.starts_at).isoformat().replace("+00:00", "Z"),
            "state": "held",
            "not_enrolled_then": False,
            "label": None,
            "excused_reason": None,
            "note": "",
            "rule_in_words": [],
            **fields,
        }

    of_day = ["A late mark counts 50%.", "Excused classes do not count."]
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "section": taught_class.section.pk,
            "student_id": student.student_id,
            "roll_number": "01",
            "name": student.name,
            "is_enrolled": True,
            "result": {
                "attended": 1.5,
                "held": 2,
                "percentage": 75.0,
                "standing": "ok",
                "may_miss": 0,
                "must_attend": 0,
            },
            "remain": None,
            "rule": {**OTHERS, "minimum_percentage": 75, "late_counts": 0},
            "rule_in_words": [
                "Required: 75%.",
                "A late mark counts as missed.",
                "Excused classes do not count.",
            ],
            "arithmetic": "1 + 1 × 50% = 1.5 of 2 classes = 75%",
            "forecast": "May not miss the next class.",
            "rows": [
                row(first, status="late", counts=50, counted="as_marked", rule_in_words=of_day),
                row(
                    second,
                    status="present",
                    label="online",
                    counts=100,
                    counted="as_marked",
                    rule_in_words=of_day,
                ),
                row(
                    third,
                    status="excused",
                    excused_reason="medical",
                    note="was ill",
                    counts=None,
                    counted="excused",
                    rule_in_words=of_day,
                ),
            ],
            "changes": [
                {
                    "meeting": third.public_id,
                    "date": str(third.meeting.date),
                    "changed_at": timezone.localtime(made.changed_at).isoformat().replace("+00:00", "Z"),
                    "changed_by": taught_class.teacher.display_name,
                    "from_status": "absent",
                    "from_label": None,
                    "from_reason": None,
                    "to_status": "excused",
                    "to_label": None,
                    "to_reason": None,
                    "note": "was ill",
                }
            ],
        },
    )


def test_days_limit_the_explanation_and_wrong_ones_are_refused(taught_class):
    marked(taught_class, 5, Status.ABSENT)
    marked(taught_class, 1, Status.PRESENT)
    first = timezone.localdate() - 2 * DAY
    address = explain_address(taught_class)

    assert taught_class.as_teacher.get(address, {"from": first}).json()["result"]["percentage"] == 100.0
    assert taught_class.as_teacher.get(address, {"to": first}).json()["result"]["percentage"] == 0.0
    wrong = taught_class.as_teacher.get(address, {"from": first, "to": first - DAY})
    assert (wrong.status_code, set(wrong.json()["errors"])) == (400, {"to"})
    assert taught_class.as_teacher.get(address, {"from": "soon"}).status_code == 400


def test_explanation_is_for_those_who_see_every_class_of_the_section(taught_class, client):
    session = marked(taught_class, 2, Status.PRESENT)
    marked(taught_class, 1, Status.PRESENT)
    address, stranger = explain_address(taught_class), factories.make_teacher()
    substitute = factories.make_teacher()
    factories.make_assignment(
        section=taught_class.section, user=substitute, role="substitute", meeting=session.meeting
    )

    assert client.get(address).status_code == 401
    for student in taught_class.as_student[:2]:
        assert student.get(address).status_code == 403
    assert client_of(stranger).get(address).status_code == 404
    refused = client_of(substitute).get(address)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_whole")
    others = factories.students_of(factories.make_section(students=1, teachers=[taught_class.teacher]))
    assert taught_class.as_teacher.get(explain_address(taught_class, others[0])).status_code == 404
    assert client_of(factories.make_admin()).get(address).status_code == 200


def test_simulation_says_who_would_change_and_writes_nothing(taught_class):
    marked(taught_class, 2, Status.PRESENT)
    marked(taught_class, 1, Status.LATE)
    student, today = taught_class.students[0], timezone.localdate()
    before = list(AttendanceRule.objects.values())

    body = {"valid_from": str(today - 9 * DAY), "late_counts": 50, "minimum_percentage": 80}
    answer = taught_class.as_teacher.post(simulate_address(taught_class), body, format="json")

    total = len(taught_class.students)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "on": str(today),
            "rule": {**OTHERS, "minimum_percentage": 80, "late_counts": 50},
            "rule_in_words": ["Required: 80%.", "A late mark counts 50%.", "Excused classes do not count."],
            "total_students": total,
            "before": {"ok": total, "warned": 0, "below": 0, "lost": 0},
            "after": {"ok": total - 1, "warned": 0, "below": 1, "lost": 0},
            "changed": [
                {
                    "student_id": student.student_id,
                    "roll_number": "01",
                    "name": student.name,
                    "before": {
                        "attended": 2.0,
                        "held": 2,
                        "percentage": 100.0,
                        "standing": "ok",
                        "may_miss": None,
                        "must_attend": None,
                    },
                    "after": {
                        "attended": 1.5,
                        "held": 2,
                        "percentage": 75.0,
                        "standing": "below",
                        "may_miss": 0,
                        "must_attend": 1,
                    },
                }
            ],
        },
    )
    assert list(AttendanceRule.objects.values()) == before


@pytest.mark.parametrize("body", [{"minimum_percentage": 101}, {"excused": "half"}, {"valid_from": "soon"}])
def test_nonsense_is_not_simulated(taught_class, body):
    answer = taught_class.as_teacher.post(
        simulate_address(taught_class), {"drop_lowest": 1} | body, format="json"
    )

    assert (answer.status_code, set(answer.json()["errors"])) == (400, set(body))


def test_simulations_are_limited(taught_class):
    for _ in range(SIMULATIONS.times):
        SIMULATIONS.allow(str(taught_class.teacher.pk))

    answer = taught_class.as_teacher.post(simulate_address(taught_class), {"drop_lowest": 1}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (429, "too_often")


def test_simulation_is_for_those_who_may_set_the_rule(taught_class, client):
    assistant = factories.make_teacher()
    factories.make_assignment(section=taught_class.section, user=assistant, role="assistant")
    address, body = simulate_address(taught_class), {"drop_lowest": 1}

    assert client.post(address, body).status_code == 401
    assert taught_class.as_student[0].post(address, body, format="json").status_code == 403
    assert client_of(factories.make_teacher()).post(address, body, format="json").status_code == 404
    refused = client_of(assistant).post(address, body, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "teachers_only")
    assert rule_of(taught_class.section, on=timezone.localdate()).drop_lowest == 0


def test_student_over_courses_has_each_section_and_their_sum(taught_class):
    student, section = taught_class.students[0], taught_class.section
    marked(taught_class, 2, Status.PRESENT)
    marked(taught_class, 1, Status.ABSENT)
    other = factories.make_section(
        course=section.course,
        term=section.term,
        name="Z",
        students=[student],
        teachers=[taught_class.teacher],
    )
    at = timezone.now() - 3 * DAY
    meeting = factories.make_session(section=other, status=SessionStatus.ENDED, at=at).meeting
    factories.make_record(meeting=meeting, student=student, status=Status.LATE)
    factories.make_section(course=section.course, term=section.term, students=[student])
    factories.make_rule(section=section, minimum_percentage=50)
    address = f"/api/v1/students/{student.student_id}/courses/"

    def part(one, result, by_status, **fields):
        return {
            "section": one.pk,
            "name": one.name,
            "is_enrolled": True,
            "result": result,
            "by_status": {"present": 0, "late": 0, "excused": 0, "absent": 0} | by_status,
            **fields,
        }

    own = {"attended": 1.0, "held": 2, "percentage": 50.0, "standing": "ok", "may_miss": 0, "must_attend": 0}
    others = {"attended": 1.0, "held": 1, "percentage": 100.0, "standing": "ok"}
    answer = taught_class.as_teacher.get(address)
    assert (answer.status_code, answer.json()) == (
        200,
        [
            {
                "course": section.course.code,
                "course_title": section.course.title,
                "term": section.term_name,
                "sections": [
                    part(
                        section,
                        own,
                        {"present": 1, "absent": 1},
                        rule_in_words=["Required: 50%.", "Excused classes do not count."],
                        arithmetic="1 of 2 classes = 50%",
                        forecast="May not miss the next class.",
                    ),
                    part(
                        other,
                        {**others, "may_miss": None, "must_attend": None},
                        {"late": 1},
                        rule_in_words=["Excused classes do not count."],
                        arithmetic="1 of 1 class = 100%",
                        forecast="",
                    ),
                ],
                "together": {"attended": 2.0, "held": 3, "percentage": 66.7},
            }
        ],
    )
    (limited,) = taught_class.as_teacher.get(address, {"to": timezone.localdate() - 3 * DAY}).json()
    assert [one["result"] is None for one in limited["sections"]] == [True, False]
    assert taught_class.as_teacher.get(address, {"from": "soon"}).status_code == 400


def test_student_over_courses_is_for_teachers_of_the_student(taught_class, client):
    address = f"/api/v1/students/{taught_class.students[0].student_id}/courses/"

    assert client.get(address).status_code == 401
    assert taught_class.as_student[0].get(address).status_code == 403
    assert client_of(factories.make_teacher()).get(address).status_code == 404
    assert len(client_of(factories.make_admin()).get(address).json()) == 1


def test_undone_change_leaves_the_note_of_the_mark(taught_class):
    session = marked(taught_class, 1, Status.ABSENT)
    student, by = taught_class.students[0], taught_class.teacher
    at = timezone.now()
    corrections.correct(
        session=session, student=student, status=Status.EXCUSED, note="bus strike", by=by, at=at
    )
    later = at + datetime.timedelta(seconds=1)
    corrections.correct(session=session, student=student, status=Status.ABSENT, by=by, at=later)
    change = RecordChange.objects.get(changed_at=later)
    corrections.undo(session=session, change=change, by=by, at=later + datetime.timedelta(seconds=1))

    answer = client_of(by).get(explain_address(taught_class)).json()

    assert [(row["status"], row["note"]) for row in answer["rows"]] == [("excused", "bus strike")]
