"""``POST sections/{id}/register/import/``."""

import datetime
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting
from qrsessions.models import Action, SessionEvent
from qrsessions.services import register_import as services
from tests.support import factories
from tests.support.classes import client_of
from tests.support.factories import user_of
from tests.support.registers.files import everything_imported

pytestmark = pytest.mark.django_db

DAY = timezone.localdate() - datetime.timedelta(days=3)


@pytest.fixture
def teacher():
    return factories.make_teacher()


@pytest.fixture
def section(teacher):
    students = [factories.make_student(student_id=f"S{number}") for number in (1, 2)]
    return factories.make_section(students=students, teachers=[teacher])


def post(user, section, content, **fields):
    file = SimpleUploadedFile("old.csv", content.encode(), content_type="text/csv")
    return client_of(user).post(
        f"/api/v1/sections/{section.pk}/register/import/", {"file": file, **fields}, format="multipart"
    )


def test_dry_run_answers_what_would_change_and_the_import_changes_it(teacher, section):
    content = f"student_id,{DAY} 10:00\nS1,P\nS2,gone\n"
    mapping = json.dumps({"gone": "absent"})
    before = everything_imported()

    preview = post(teacher, section, content, dry_run="true", mapping=mapping)

    assert everything_imported() == before
    expected = {
        "dry_run": True,
        "counts": {
            "students_added": 0,
            "enrolments_added": 0,
            "classes_added": 1,
            "classes_taken": 0,
            "marks_added": 2,
            "marks_changed": 0,
            "marks_unchanged": 0,
        },
        "classes": [f"{DAY} 10:00"],
        "changes": [],
        "unknown_words": [],
        "asks_date_order": False,
        "notes": [],
        "problems": [],
    }
    assert (preview.status_code, preview.json()) == (200, expected)
    done = post(teacher, section, content, mapping=mapping)
    assert done.json() == expected | {"dry_run": False}
    records = AttendanceRecord.objects.order_by("student__student_id")
    assert list(records.values_list("status", "method", "marked_by")) == [
        ("present", "import", teacher.pk),
        ("absent", "import", teacher.pk),
    ]
    event = SessionEvent.objects.get()
    assert (event.meeting, event.action, event.done_by, event.detail) == (
        Meeting.objects.get(),
        Action.FINISH,
        teacher,
        "import of old.csv",
    )


def test_problems_are_answered_by_line_and_column(teacher, section):
    content = f"student_id,{DAY}\nS1,gone\nS9,P\n"
    problems = [
        {"line": 2, "column": str(DAY), "reason": "Say what “gone” means."},
        {"line": 3, "column": "student_id", "reason": "S9: There is no student with this id."},
    ]
    before = everything_imported()

    answer = post(teacher, section, content)

    assert answer.status_code == 409
    assert answer.json() == {
        "code": "register_refused",
        "detail": "The file has problems. Nothing was imported.",
        "problems": problems,
        "unknown_words": ["gone"],
        "asks_date_order": False,
    }
    preview = post(teacher, section, content, dry_run="1").json()
    assert (preview["problems"], preview["unknown_words"]) == (problems, ["gone"])
    assert everything_imported() == before


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"mapping": "[]"}, 400, "invalid"),
        ({"mapping": '{"P": 1}'}, 400, "invalid"),
        ({"mapping": "{"}, 400, "invalid"),
        ({"mapping": '{"P": "asleep"}'}, 400, "bad_mapping"),
        ({"date_order": "year_first"}, 400, "invalid"),
    ],
)
def test_wrong_field_is_refused(teacher, section, fields, status, code):
    answer = post(teacher, section, f"student_id,{DAY}\nS1,P\n", **fields)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Meeting.objects.exists()


def test_only_who_manages_the_section_imports_its_register(teacher, section):
    content = f"student_id,{DAY}\nS1,P\n"
    assistant, of_others = factories.make_teacher(), factories.make_teacher()
    factories.make_assignment(section=section, user=assistant, role="assistant")
    student = user_of(factories.students_of(section)[0])

    assert post(student, section, content).status_code == 403
    assert post(of_others, section, content).status_code == 404
    assert post(assistant, section, content).json()["code"] == "teachers_only"
    assert not Meeting.objects.exists()
    assert post(factories.make_admin(), section, content).status_code == 200


def test_imports_are_limited_before_the_file_is_read(teacher, section, monkeypatch, empty_redis):
    monkeypatch.setattr(services, "IMPORTS", services.Limit("register-import", times=1, per_seconds=60))
    content = f"student_id,{DAY}\nS1,P\n"

    assert post(teacher, section, content, dry_run="true").status_code == 200
    assert post(teacher, section, "nonsense").json()["code"] == "too_often"


@pytest.mark.parametrize("mapping", ["[" * 5000, '{"P": "\\ud800"}', '{"P": 1}', "nonsense"])
def test_bad_mapping_is_refused(teacher, section, mapping):
    answer = post(teacher, section, f"student_id,{DAY}\nS1,P\n", mapping=mapping)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["mapping"])
