"""A class whose roster comes from a real export."""

import io
from pathlib import Path

import pytest
from django.core.management import call_command

from attendance.models import Section, User
from qrsessions.models import QRSession
from tests.support.classes import client_of, token_of
from tests.support.live_sets import sets_of

SDS = Path(__file__).parent.parent / "data" / "sds-v2.1"


@pytest.mark.django_db(transaction=True)
def test_imported_class_is_taught_and_attended():
    call_command("import_roster", str(SDS), stdout=io.StringIO())
    section = Section.objects.get(name="Computer Science 101")
    teacher = client_of(section.teachers.get())
    student = section.enrolments.get().student
    assert isinstance(student.user, User)
    phone = client_of(student.user)

    # The term of the export ended in 2021.
    (listed,) = teacher.get("/api/v1/sections/?past=true").json()
    assert (listed["course"], listed["name"], listed["total_students"]) == (
        "CS101",
        "Computer Science 101",
        1,
    )
    opened = teacher.post("/api/v1/sessions/", {"section": section.pk}, format="json").json()
    session = QRSession.objects.with_names().get(meeting__public_id=opened["id"])
    assert phone.post(f"/api/v1/sessions/{session.public_id}/join/").status_code == 201
    teacher.post(f"/api/v1/sessions/{session.public_id}/lock/")
    teacher.post(f"/api/v1/sessions/{session.public_id}/start/")
    assert phone.post("/api/v1/mark/", {"token": token_of(session)}, format="json").status_code == 201

    stats = teacher.get(f"/api/v1/sessions/{session.public_id}/stats/").json()
    assert {
        name: stats[name]
        for name in ("total_students", "total_joined", "total_present", "present_percentage")
    } == {
        "total_students": 1,
        "total_joined": 1,
        "total_present": 1,
        "present_percentage": 100.0,
    }
    assert sets_of(session) == ({student.student_id}, {student.student_id})
    page = teacher.get(f"/teach/sessions/{session.public_id}/").content.decode()
    assert 'data-stat="total_present">1<' in page
    assert 'data-stat="present_percentage">100<' in page
