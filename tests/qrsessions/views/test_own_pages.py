"""The student's minimum attendance, data downloads, and personal QR code."""

import datetime
import json
import re

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attendance.models import ApiToken, CalendarFeed, GroupSeat, Method, Status
from qrsessions.codes import personal_codes
from qrsessions.codes.qr_images import qr_svg
from qrsessions.models import RefusedScan, SessionStatus
from qrsessions.services import corrections
from tests.support import factories
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 10, 5, 8, 4, 12, tzinfo=datetime.UTC)
DATA_JSON = "/student/attendance/data.json"
DATA_CSV = "/student/attendance/data.csv"


def browser_of(student) -> Client:
    client = Client()
    client.force_login(student.user)
    return client


def attended(student, statuses, **section_fields):
    """A section with one ended meeting per status."""
    section = factories.make_section(students=[student], **section_fields)
    for days, status in enumerate(statuses):
        at = NOW - datetime.timedelta(days=days)
        session = factories.make_session(section=section, status=SessionStatus.ENDED, at=at)
        factories.make_record(meeting=session.meeting, student=student, status=status)
    return section


def rule_on_page(student) -> list[str]:
    page = browser_of(student).get(reverse("qrsessions:attendance")).content.decode()
    parts = re.findall(r'<div class="rule.*?</div>', page, flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", part).split()) for part in parts]


P, L, E, A = Status.PRESENT, Status.LATE, Status.EXCUSED, Status.ABSENT


@pytest.mark.parametrize(
    ("minimum", "statuses", "words"),
    [
        (75, [P] * 8 + [L], "You can miss 3 more classes in a row Required: 75%. Excused classes do not count."),
        (75, [P] * 6, "You can miss 2 more classes in a row Required: 75%. Excused classes do not count."),
        (75, [P] * 3, "You can miss 1 more class Required: 75%. Excused classes do not count."),
        (
            75,
            [P, P, P, A],
            "You can't miss the next class: that would take you below 75% Required: 75%. Excused classes do not count.",
        ),
        (75, [P, P, A, A], "You are below 75%: attend the next 4 classes to reach it Required: 75%. Excused classes do not count."),
        (
            50,
            [P, A, A],
            "You are below 50%: attend the next class to reach it Required: 50%. Excused classes do not count.",
        ),
        (100, [P, A], "You missed a class, so you can no longer reach 100% Required: 100%. Excused classes do not count."),
        (75, [P] * 3 + [E] * 5, "You can miss 1 more class Required: 75%. Excused classes do not count."),
    ],
)  # fmt: skip
def test_page_explains_the_minimum_to_the_student(minimum, statuses, words):
    student = factories.make_student()
    attended(student, statuses, minimum_percentage=minimum)

    assert rule_on_page(student) == [words]


@pytest.mark.parametrize("minimum", [None, 0])
def test_without_a_minimum_only_the_rule_is_explained(minimum):
    student = factories.make_student()
    attended(student, [A], minimum_percentage=minimum)

    assert rule_on_page(student) == []
    assert "Excused classes do not count." in text_of(
        browser_of(student).get(reverse("qrsessions:attendance"))
    )


def test_page_shows_an_unusual_rule_in_words_beside_the_number():
    student = factories.make_student()
    section = attended(student, [P, L, E, A])
    factories.make_rule(late_counts=50, drop_lowest=1, lates_per_absence=2, warn_below=80, excused="attended")
    factories.make_rule(section=section, minimum_percentage=60)

    page = text_of(browser_of(student).get(reverse("qrsessions:attendance")))
    assert "83.3% 2.5 of 3 classes · 1 excused You can miss 1 more class Required: 60%." in page
    assert rule_on_page(student) == [
        "You can miss 1 more class Required: 60%. Warning below 80%. A late mark counts 50%. "
        "Every 2 late marks are one absence. Excused classes count as attended. The class that counts least is left out."
    ]


def test_forecast_names_the_planned_classes_only_if_the_rule_counts_them():
    student = factories.make_student()
    section = attended(student, [P, P, P, A])
    for days in range(1, 6):
        factories.make_planned(section=section, starts_at=timezone.now() + datetime.timedelta(days=days))
    rule = factories.make_rule(section=section, minimum_percentage=75, forecast_counts_planned=True)

    assert rule_on_page(student)[0].startswith("You can miss 1 of the 5 classes that remain Required")
    rule.minimum_percentage = 90
    rule.save()
    assert rule_on_page(student)[0].startswith("You can no longer reach 90% Required")
    rule.forecast_counts_planned = False
    rule.save()
    assert rule_on_page(student)[0].startswith(
        "You are below 90%: attend the next 6 classes to reach it Required"
    )


def test_without_a_class_that_counts_there_is_no_percentage():
    student = factories.make_student()
    attended(student, [E], minimum_percentage=75)

    assert "– 0 of 0 classes · 1 excused" in text_of(
        browser_of(student).get(reverse("qrsessions:attendance"))
    )
    (own,) = browser_of(student).get("/api/v1/me/records/").json()
    assert (own["present_percentage"], own["standing"], own["may_miss"]) == (None, "ok", 0)


def test_api_returns_the_rule_of_each_section():
    student = factories.make_student()
    course = factories.make_course()
    for name, minimum, statuses in (("A", None, [A]), ("B", 75, [P] * 6), ("C", 75, [A]), ("D", 100, [A])):
        attended(student, statuses, minimum_percentage=minimum, course=course, name=name)

    answer = browser_of(student).get("/api/v1/me/records/")

    fields = ("name", "minimum_percentage", "may_miss", "must_attend")
    assert [tuple(section[field] for field in fields) for section in answer.json()] == [
        ("A", None, None, None),
        ("B", 75, 2, 0),
        ("C", 75, 0, 3),
        ("D", 100, 0, None),
    ]


# --- The files of all that is kept ------------------------------------------------------------------------


@pytest.fixture
def kept(settings):
    """A student with every kind of stored data, whose name a spreadsheet would run as a formula."""
    settings.TIME_ZONE = "UTC"
    teacher = factories.make_teacher(username="kfein", first_name="Klara", last_name="Fein")
    user = factories.make_user(
        username="s1",
        first_name="=Asha",
        last_name="Rao",
        email="asha@example.edu",
        date_joined=NOW,
        last_login=NOW + datetime.timedelta(hours=3),
    )
    student = factories.make_student(student_id="S1", name="=Asha", email="asha@example.edu", user=user)
    course = factories.make_course(code="CS101")
    section = factories.make_section(
        course=course, name="A", term="Autumn 2026", students=[student], teachers=[teacher]
    )
    group = factories.make_group(created_at=NOW)
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE, at=NOW, opened_by=teacher)
    factories.make_record(meeting=session.meeting, student=student, status=P, device="ab12", roll_number="01")
    corrections.correct(
        session=session,
        student=student,
        status=L,
        label=factories.make_label("=left early", L),
        by=teacher,
        at=NOW + datetime.timedelta(minutes=9),
        note="+5 minutes",
    )
    GroupSeat.objects.create(group=group, student=student, meeting=session.meeting)
    RefusedScan.objects.create(session=session, student=student, scanned_at=NOW, method=Method.CODE)
    UserSession.objects.create(
        user=user, created_at=NOW, ip="192.0.2.7", session_key="k", user_agent="Mozilla/5.0"
    )
    ApiToken.objects.make(user=user, at=NOW)
    CalendarFeed.objects.make(user=user, at=NOW)
    return student, section, session, group


def test_json_file_has_everything(kept):
    student, section, session, group = kept
    client = browser_of(student)
    student.user.refresh_from_db()
    of_section = {"section": section.pk, "course": "CS101", "section_name": "A", "term": "Autumn 2026"}
    of_meeting = {"session": session.public_id, "date": "2026-10-05", **of_section}

    response = client.get(DATA_JSON)
    file = json.loads(response.content)

    made_at = datetime.datetime.fromisoformat(file.pop("made_at"))
    assert timezone.now() - made_at < datetime.timedelta(minutes=5)
    assert file == {
        "student": {"student_id": "S1", "name": "=Asha", "email": "asha@example.edu"},
        "account": {
            "username": "s1",
            "email": "asha@example.edu",
            "first_name": "=Asha",
            "last_name": "Rao",
            "role": "student",
            "created_at": "2026-10-05T08:04:12+00:00",
            "last_sign_in_at": student.user.last_login.isoformat(),
        },
        "enrolments": [{**of_section, "roll_number": "01", "from_date": "2020-01-01", "to_date": None}],
        "records": [
            {
                **of_meeting,
                "roll_number": "01",
                "joined_at": "2026-10-05T08:04:12+00:00",
                "marked_at": "2026-10-05T08:13:12+00:00",
                "status": "late",
                "label": "=left early",
                "reason": None,
                "method": "manual",
                "marked_by": "Klara Fein",
                "device_known": True,
                "by_program": False,
                "changes": [
                    {
                        "changed_at": "2026-10-05T08:13:12+00:00",
                        "changed_by": "Klara Fein",
                        "from_status": "present",
                        "from_label": None,
                        "from_reason": None,
                        "from_method": "qr",
                        "from_marked_at": "2026-10-05T08:04:12+00:00",
                        "to_status": "late",
                        "to_label": "=left early",
                        "to_reason": None,
                        "to_method": "manual",
                        "note": "+5 minutes",
                    }
                ],
            }
        ],
        "seats_in_groups": [{"group": group.public_id, **of_meeting}],
        "sign_ins": [
            {
                "signed_in_at": "2026-10-05T08:04:12+00:00",
                "address": "192.0.2.7",
                "browser": "Mozilla/5.0",
            }
        ],
        "api_tokens": [
            {"created_at": "2026-10-05T08:04:12+00:00", "last_used_at": "2026-10-05T08:04:12+00:00"}
        ],
        "calendar_addresses": [{"created_at": "2026-10-05T08:04:12+00:00", "last_used_at": None}],
        "refused_scans": [
            {**of_meeting, "scanned_at": "2026-10-05T08:04:12+00:00", "method": "code", "by_program": False}
        ],
    }


def test_csv_file_has_everything_and_no_formula(kept):
    student, section, session, group = kept
    client = browser_of(student)
    student.user.refresh_from_db()
    last = student.user.last_login.isoformat()
    at, later = "2026-10-05T08:04:12+00:00", "2026-10-05T08:13:12+00:00"
    of_section = f"{section.pk},CS101,A,Autumn 2026"
    row = "{},,,,,,,,,,,{},,,{},{},2026-10-05,{},{},{},{},{},,{},{},{},{},,,,,,,,,,,,,{},,,"

    lines = client.get(DATA_CSV).content.decode().split("\r\n")

    assert lines == [
        "\ufeffkind,student_id,name,email,username,first_name,last_name,role,created_at,last_sign_in_at,last_used_at,"
        "section,course,section_name,term,from_date,to_date,session,group,date,roll_number,joined_at,marked_at,status,label,reason,method,"
        "marked_by,device_known,by_program,changed_at,changed_by,from_status,from_label,from_reason,from_method,"
        "from_marked_at,to_status,to_label,to_reason,to_method,note,"
        "scanned_at,signed_in_at,address,browser",
        "student,S1,'=Asha,asha@example.edu" + "," * 42,
        f"account,,,asha@example.edu,s1,'=Asha,Rao,student,{at},{last}" + "," * 36,
        f"enrolment,,,,,,,,,,,{of_section},2020-01-01,,,,,01" + "," * 25,
        row.format("record", of_section, session.public_id, "", "01", at, later, "late", "'=left early", "manual", "Klara Fein", "True", "False", ""),
        f"change,,,,,,,,,,,,,,,,,{session.public_id},,,,,,,,,,,,,{later},Klara Fein,present,,,qr,{at},late,'=left early,,manual,'+5 minutes,,,,",
        row.format("seat_in_group", of_section, session.public_id, group.public_id, *[""] * 10),
        row.format("refused_scan", of_section, session.public_id, *[""] * 6, "code", "", "", "False", at),
        f"sign_in{',' * 43}{at},192.0.2.7,Mozilla/5.0",
        f"api_token{',' * 8}{at},,{at}{',' * 35}",
        f"calendar_address{',' * 8}{at}{',' * 37}",
        "",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["data.json", "data.csv"])
def test_file_is_a_download_that_is_not_cached(name):
    response = browser_of(factories.make_student()).get(f"/student/attendance/{name}")

    assert response["Content-Disposition"] == f'attachment; filename="attendance.{name[5:]}"'
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("url", [DATA_JSON, DATA_CSV])
def test_files_hold_only_the_students_own_data(kept, url):
    other = factories.make_student(student_id="S2", name="Ben")

    text = browser_of(other).get(url).content.decode()

    assert "S2" in text
    assert "Asha" not in text
    assert "CS101" not in text


@pytest.mark.parametrize("sections", [1, 4])
@pytest.mark.parametrize("url", [DATA_JSON, DATA_CSV])
def test_files_need_the_same_queries_for_any_number_of_records(django_assert_num_queries, url, sections):
    student = factories.make_student()
    for _ in range(sections):
        attended(student, [P, A])
    client = browser_of(student)

    with django_assert_num_queries(10):
        client.get(url)


@pytest.mark.parametrize("url", [DATA_JSON, DATA_CSV, "/student/my-qr/code.svg"])
def test_files_and_code_are_only_for_students(client, url):
    assert client.get(url)["Location"].startswith("/accounts/login/")
    client.force_login(factories.make_teacher())
    assert client.get(url).status_code == 403


@pytest.mark.parametrize("url", [DATA_JSON, DATA_CSV, "/student/my-qr/", "/student/my-qr/code.svg"])
def test_pages_accept_only_reads(url):
    assert browser_of(factories.make_student()).post(url).status_code == 405


# --- The personal QR code ---------------------------------------------------------------------------------


def test_page_shows_the_name_and_renews_the_code():
    student = factories.make_student(name="Asha Rao")

    response = browser_of(student).get("/student/my-qr/")

    page = response.content.decode()
    assert "Asha Rao" in page
    assert '<img src="/student/my-qr/code.svg"' in page
    assert f'http-equiv="refresh" content="{personal_codes.REFRESH_SECONDS}"' in page
    assert "no-store" in response["Cache-Control"]


def test_teacher_sees_that_the_page_is_for_students(client):
    client.force_login(factories.make_teacher())

    assert "for students" in client.get("/student/my-qr/").content.decode()


def test_image_is_the_students_current_code():
    student = factories.make_student()

    with time_machine.travel(NOW, tick=False):
        response = browser_of(student).get("/student/my-qr/code.svg")

    assert response["Content-Type"] == "image/svg+xml"
    assert "no-store" in response["Cache-Control"]
    assert response.content.decode() == qr_svg(personal_codes.make(student=student, at=NOW))
