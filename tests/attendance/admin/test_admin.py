"""The admin: every page of every model works, and rows that only services write cannot be edited."""

import datetime

import pytest
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteMixin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from attendance.models import (
    ApiToken,
    AttendanceRecord,
    AttendanceRule,
    CalendarFeed,
    Course,
    Enrolment,
    ExcuseReason,
    GroupSeat,
    Meeting,
    MeetingGroup,
    MeetingState,
    Method,
    RecordChange,
    RosterEntry,
    Section,
    Status,
    StatusLabel,
    Student,
    TeachingAssignment,
    Term,
    User,
)
from qrsessions.models import Action, GroupSession, QRSession, RefusedScan, SessionEvent
from tests.support.factories import (
    key_of,
    make_admin,
    make_course,
    make_enrolment,
    make_group_session,
    make_label,
    make_meeting,
    make_planned,
    make_reason,
    make_record,
    make_rule,
    make_section,
    make_session,
    make_student,
    make_teacher,
    make_user,
    students_of,
    user_of,
)

pytestmark = pytest.mark.django_db

READ_ONLY = [AttendanceRecord, RecordChange, GroupSeat, QRSession, GroupSession, RefusedScan, SessionEvent]
NEVER_ADDED = [*READ_ONLY, ApiToken, CalendarFeed, Meeting, MeetingGroup]
EDITED = [User, Student, Course, Section, Enrolment, Term, AttendanceRule, StatusLabel, ExcuseReason]
ALL = EDITED + NEVER_ADDED

# For each model, a search term that only the given row matches.
SEARCHES = {
    User: lambda row: row.username,
    ApiToken: lambda row: row.user.username,
    CalendarFeed: lambda row: row.user.username,
    Student: lambda row: row.student_id,
    Course: lambda row: row.code,
    AttendanceRule: lambda row: row.section.course.code,
    StatusLabel: lambda row: row.name,
    ExcuseReason: lambda row: row.code,
    Section: lambda row: row.external_id,
    Term: lambda row: row.external_id,
    Enrolment: lambda row: row.student.student_id,
    Meeting: lambda row: row.public_id,
    MeetingGroup: lambda row: row.public_id,
    GroupSeat: lambda row: row.student.student_id,
    AttendanceRecord: lambda row: row.student.student_id,
    RecordChange: lambda row: row.record.student.student_id,
    QRSession: lambda row: row.public_id,
    GroupSession: lambda row: row.public_id,
    RefusedScan: lambda row: row.student.student_id,
    SessionEvent: lambda row: row.meeting.public_id,
}


@pytest.fixture
def admin_client(client):
    client.force_login(make_admin())
    return client


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def one_of_each():
    """One row of every model: a group session with a marked and corrected student, and a refused scan."""
    teacher = make_teacher()
    section = make_section(students=2, teachers=[teacher])
    key_of(teacher)
    CalendarFeed.objects.make(user=teacher, at=timezone.now())
    section.external_id = f"sis-{section.pk}"
    section.save()
    section.term.external_id = f"term-{section.pk}"
    section.term.save()
    make_rule(section=section, minimum_percentage=75)
    marked, refused = students_of(section)
    group = make_group_session(sections=[section], opened_by=teacher).group
    meeting = group.meetings.get()
    number = StatusLabel.objects.count()
    label = make_label(f"left early {number}", Status.LATE, letter=f"{number}")
    make_reason(f"medical-{number}")
    record = make_record(meeting=meeting, student=marked, status=Status.LATE, label=label, marked_by=teacher)
    RecordChange.objects.create(
        record=record,
        changed_by=teacher,
        changed_at=timezone.now(),
        to_status=Status.LATE,
        to_label=label,
        note="bus",
    )
    GroupSeat.objects.create(group=group, student=marked, meeting=meeting)
    RefusedScan.objects.create(
        session=meeting.session, student=refused, scanned_at=timezone.now(), method=Method.QR
    )
    SessionEvent.objects.create(meeting=meeting, action=Action.OPEN, done_at=timezone.now(), done_by=teacher)


def test_every_model_is_registered():
    ours = {model for model in admin.site._registry if model._meta.app_label in ("attendance", "qrsessions")}

    # The roster is a database view, so there is nothing to edit.
    assert ours == set(ALL)
    assert RosterEntry not in ours


@pytest.mark.parametrize("model", ALL)
def test_list_and_search_show_rows(admin_client, model):
    for _ in range(2):
        one_of_each()
    row = model._default_manager.last()

    full_list = admin_client.get(address(model, "changelist"))
    found = admin_client.get(address(model, "changelist"), {"q": SEARCHES[model](row)})

    assert full_list.status_code == found.status_code == 200
    assert full_list.context["cl"].result_count == model._default_manager.count()
    assert list(found.context["cl"].result_list) == [row]


def count_queries(client, url, query=None):
    client.get(url, query)  # Warm Django's caches.
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url, query).status_code == 200
    return len(queries)


@pytest.mark.parametrize("model", ALL)
def test_list_query_count_is_constant(admin_client, model):
    one_of_each()
    few = count_queries(admin_client, address(model, "changelist"))

    for _ in range(2):
        one_of_each()

    assert count_queries(admin_client, address(model, "changelist")) == few <= 10


@pytest.mark.parametrize("model", ALL)
def test_change_page_shows_the_row(admin_client, model):
    one_of_each()
    row = model._default_manager.last()

    page = admin_client.get(address(model, "change", row.pk))

    assert page.status_code == 200
    assert page.context["has_change_permission"] is (model in {*EDITED, MeetingGroup})


def test_change_page_query_count_is_constant(admin_client):
    one_of_each()
    student, group, record = (
        Student.objects.earliest("pk"),
        MeetingGroup.objects.get(),
        AttendanceRecord.objects.get(),
    )
    pages = [address(type(row), "change", row.pk) for row in (student, group, record)]
    few = [count_queries(admin_client, page) for page in pages]

    for _ in range(2):
        section = make_section(students=[student])
        one_of_each()
        make_session(section=section, group=group)
        RecordChange.objects.create(
            record=record, changed_by=make_teacher(), changed_at=timezone.now(), to_status=Status.LATE
        )

    assert [count_queries(admin_client, page) for page in pages] == few


@pytest.mark.parametrize("model", EDITED)
def test_add_page_opens(admin_client, model):
    assert admin_client.get(address(model, "add")).status_code == 200


@pytest.mark.parametrize("model", NEVER_ADDED)
def test_rows_that_only_services_write_cannot_be_added(admin_client, model):
    assert admin_client.get(address(model, "add")).status_code == 403


@pytest.mark.parametrize("model", READ_ONLY)
def test_rows_that_only_services_write_cannot_be_changed_or_deleted(admin_client, model):
    one_of_each()
    row = model._default_manager.get()
    before = model._default_manager.values().get()

    change = admin_client.post(
        address(model, "change", row.pk), {"status": "absent", "note": "", "join_policy": "open"}
    )
    delete = admin_client.post(address(model, "delete", row.pk), {"post": "yes"})

    assert (change.status_code, delete.status_code) == (403, 403)
    assert model._default_manager.values().get() == before


@pytest.mark.parametrize("model", [Course, Section, Student, User])
def test_autocompletion_query_count_is_constant(admin_client, model):
    one_of_each()
    source, field = {
        Course: ("section", "course"),
        Section: ("enrolment", "section"),
        Student: ("enrolment", "student"),
        User: ("student", "user"),
    }[model]
    query = {"app_label": "attendance", "model_name": source, "field_name": field, "term": ""}
    few = count_queries(admin_client, reverse("admin:autocomplete"), query)

    for _ in range(2):
        one_of_each()

    assert count_queries(admin_client, reverse("admin:autocomplete"), query) == few


def test_forms_do_not_list_all_students_or_users(admin_client):
    student = make_student(name="Somebody Else")

    for model in (Enrolment, Section, Student):
        page = admin_client.get(address(model, "add")).content.decode()
        assert str(student) not in page
        assert user_of(student).username not in page


# What is too many for a list of choices.
MANY = (User, Student, Course, Section, Meeting, QRSession)
# Django and its packages register some as well. (Those of API tokens are replaced by our own.)
REGISTERED = [model for model in admin.site._registry if model._meta.app_label != "authtoken"]


@pytest.mark.parametrize("model", REGISTERED)
def test_every_field_that_names_a_row_is_autocompleted(admin_client, model):
    page = admin_client.get(address(model, "add"))
    if page.status_code == 403:
        return  # Nobody adds one by hand.

    fields = page.context["adminform"].form.fields
    naming = [name for name, field in fields.items() if getattr(field, "queryset", None) is not None]
    widgets = {name: fields[name].widget.widget for name in naming if fields[name].queryset.model in MANY}
    assert [name for name, widget in widgets.items() if not isinstance(widget, AutocompleteMixin)] == []


def test_view_site_leads_an_admin_to_the_classes(admin_client):
    page = admin_client.get("/admin/").content.decode()

    assert '<a href="/teach/">View site</a>' in page


def test_pages_have_the_icon(admin_client):
    for path in ("/admin/", address(Section, "add"), address(User, "changelist")):
        assert '<link rel="icon" href="/static/img/mark.svg"' in admin_client.get(path).content.decode()


def test_secrets_are_shown_on_no_page(admin_client):
    one_of_each()
    for model in (QRSession, GroupSession):
        row = model._default_manager.get()
        secret = bytes(row.secret)
        for page in (address(model, "change", row.pk), address(model, "changelist")):
            content = admin_client.get(page).content
            assert b"secret" not in content.lower()
            assert secret not in content
            assert secret.hex().encode() not in content


def test_only_staff_with_permission_see_the_admin(client):
    one_of_each()
    client.force_login(make_teacher())
    assert client.get(address(AttendanceRecord, "changelist")).status_code == 302

    client.force_login(make_user(is_staff=True))
    assert client.get(address(AttendanceRecord, "changelist")).status_code == 403


# --- Editing ----------------------------------------------------------------------------------------------


def assignment_fields(*rows, saved=0):
    """What the admin's form of a section sends of its teachers."""
    fields = {"assignments-TOTAL_FORMS": len(rows), "assignments-INITIAL_FORMS": saved}
    # And no weekly classes.
    fields |= {"patterns-TOTAL_FORMS": 0, "patterns-INITIAL_FORMS": 0}
    for number, row in enumerate(rows):
        values = {"role": "teacher", "from_date": "", "to_date": ""} | row
        fields |= {f"assignments-{number}-{name}": value for name, value in values.items()}
    return fields


def section_fields(*rows, saved=0):
    fields = {"course": make_course().pk, "name": "A", "term": "", "external_id": ""}
    return fields | assignment_fields(*rows, saved=saved)


def test_section_accepts_only_teachers(admin_client):
    teacher, nobody = make_teacher(username="asha"), make_user(username="ashley")
    names = {"app_label": "attendance", "model_name": "teachingassignment", "field_name": "user"}
    found = admin_client.get(reverse("admin:autocomplete"), names | {"term": "ash"}).json()
    assert [result["text"] for result in found["results"]] == [teacher.username]

    refused = admin_client.post(address(Section, "add"), section_fields({"user": nobody.pk}))
    assert refused.context["errors"]
    assert not Section.objects.exists()

    dates = {"from_date": "2026-08-17", "to_date": "2026-10-16"}
    admin_client.post(address(Section, "add"), section_fields({"user": teacher.pk, **dates}))
    assignment = TeachingAssignment.objects.get(section=Section.objects.get(), user=teacher)
    assert (str(assignment.from_date), str(assignment.to_date)) == ("2026-08-17", "2026-10-16")


def test_teacher_is_removed_from_a_section_by_a_tick_and_added_again(admin_client):
    teacher = make_teacher()
    section = make_section(teachers=[teacher])
    assignment = section.assignments.get()
    page, today = address(Section, "change", section.pk), timezone.localdate()
    row = {"user": teacher.pk, "id": assignment.pk, "section": section.pk}
    assert "assignments-0-DELETE" not in admin_client.get(page).content.decode()

    admin_client.post(page, section_fields(row | {"removed_by_hand": "on"}, saved=1))

    assignment.refresh_from_db()
    assert assignment.removed_by_hand
    assert not Section.objects.visible_to(teacher, on=today).exists()
    assert teacher.display_name not in admin_client.get(address(Section, "changelist")).content.decode()

    admin_client.post(page, section_fields(row, saved=1))
    assert Section.objects.run_by(teacher, on=today).exists()


@pytest.mark.parametrize("is_saved", [True, False])
def test_teacher_cannot_be_assigned_twice_from_one_day(admin_client, is_saved):
    teacher = make_teacher()
    section = make_section(teachers=[teacher] if is_saved else [])
    rows = [{"user": teacher.pk, "section": section.pk}] * 2
    if is_saved:
        rows[0] = rows[0] | {"id": section.assignments.get().pk}

    refused = admin_client.post(
        address(Section, "change", section.pk), section_fields(*rows, saved=int(is_saved))
    )

    assert "This teacher is already assigned to the section from this day." in refused.content.decode()
    assert section.assignments.count() == is_saved


def test_substitute_is_given_a_class_or_days_in_the_admin(admin_client):
    section, teacher = make_section(), make_teacher()
    meeting, elsewhere = make_meeting(section=section), make_meeting()
    old = make_planned(section=section, starts_at=timezone.now() - datetime.timedelta(days=31))
    page = address(Section, "change", section.pk)
    row = {"user": teacher.pk, "section": section.pk, "role": "substitute"}

    for wrong, message in (
        ({}, "A substitute needs both days, or a single class."),
        ({"from_date": "2026-10-05"}, "A substitute needs both days, or a single class."),
        ({"meeting": meeting.pk, "to_date": "2026-10-05"}, "Leave the days empty"),
        ({"meeting": elsewhere.pk}, "This class belongs to another section."),
        ({"from_date": "2026-12-01", "to_date": "2026-12-01"}, "A substitute needs at least one day"),
        ({"from_date": "2025-12-01", "to_date": "2025-12-05"}, "This was more than 28 days ago"),
        ({"meeting": old.pk}, "This was more than 28 days ago"),
        ({"meeting": meeting.pk, "role": "assistant"}, "Only a substitute can have a single class."),
    ):
        refused = admin_client.post(page, section_fields(row | wrong))
        assert message in refused.content.decode()
        # The rule of the database does not say it a second time.
        assert "either a single class" not in refused.content.decode()
    twice = [row | {"meeting": meeting.pk}, row | {"meeting": meeting.pk, "user": make_teacher().pk}]
    assert (
        "This class already has a substitute."
        in admin_client.post(page, section_fields(*twice)).content.decode()
    )
    assert not section.assignments.exists()

    first_day = timezone.localdate()
    days = {"from_date": first_day, "to_date": first_day + datetime.timedelta(days=5)}
    admin_client.post(page, section_fields(row | {"meeting": meeting.pk}, row | days))

    admin = int(admin_client.session["_auth_user_id"])
    saved = section.assignments.order_by("meeting").values_list("meeting", "from_date", "given_by")
    assert list(saved) == [
        (meeting.pk, None, admin),
        (None, first_day, admin),
    ]


@pytest.mark.parametrize("wrong", ["x", "\x00", "9" * 30, "-1", "²"])
def test_id_that_was_tampered_with_is_an_error_of_the_form(admin_client, wrong):
    section = make_section()
    page, rule = address(Section, "change", section.pk), address(AttendanceRule, "add")
    row = {"user": make_teacher().pk, "section": section.pk, "role": "teacher"}
    holidays = {f"holidays-{name}": "0" for name in ("INITIAL_FORMS", "MIN_NUM_FORMS")}
    holiday = {"holidays-TOTAL_FORMS": "1", "holidays-0-name": "Diwali", "holidays-0-sections": [wrong]}

    for refused in (
        admin_client.post(page, section_fields(row | {"user": wrong})),
        admin_client.post(page, section_fields(row | {"meeting": wrong})),
        admin_client.post(page, section_fields(row) | {"course": wrong}),
        admin_client.post(rule, {"course": wrong, "minimum_percentage": 75}),
        admin_client.post(rule, {"section": wrong, "minimum_percentage": 75}),
        admin_client.post(address(Term, "add"), {"name": "Autumn"} | holidays | holiday),
        admin_client.post(address(Student, "add"), {"student_id": "1", "name": "A", "user": wrong}),
    ):
        assert refused.status_code == 200
        assert refused.context["errors"]
    assert not section.assignments.exists()
    assert not AttendanceRule.objects.filter(minimum_percentage=75).exists()


def test_assignment_that_ends_before_it_begins_is_a_form_error(admin_client):
    row = {"user": make_teacher().pk, "from_date": "2026-10-16", "to_date": "2026-08-17"}

    refused = admin_client.post(address(Section, "add"), section_fields(row))

    assert "An assignment cannot end before it begins." in refused.content.decode()
    assert not Section.objects.exists()


def test_section_rules_are_edited_within_bounds(admin_client):
    section = make_section()
    fields = {"course": section.course.pk, "name": "A", "term": "", "external_id": "", **assignment_fields()}
    page = address(Section, "change", section.pk)

    refused = admin_client.post(page, fields | {"late_after_minutes": 1441})
    assert set(refused.context["adminform"].form.errors) == {"late_after_minutes"}

    admin_client.post(page, fields | {"late_after_minutes": 10})
    section.refresh_from_db()
    assert section.late_after_minutes == 10

    admin_client.post(page, fields | {"late_after_minutes": ""})
    section.refresh_from_db()
    assert section.late_after_minutes is None


def test_attendance_rules_are_edited_within_bounds_and_remember_who_set_them(admin_client):
    course = make_course()
    page = address(AttendanceRule, "add")

    for wrong, fields in (
        ({"course": course.pk, "minimum_percentage": 101}, {"minimum_percentage"}),
        ({"course": course.pk, "section": make_section().pk}, {"__all__"}),
        ({"course": course.pk, "excused": "half"}, {"excused"}),
    ):
        refused = admin_client.post(page, wrong)
        assert set(refused.context["adminform"].form.errors) == fields
    no_labels = {"label_weights-TOTAL_FORMS": 0, "label_weights-INITIAL_FORMS": 0}
    first_day = {"course": course.pk, "valid_from": "2026-09-01"} | no_labels
    admin_client.post(page, first_day | {"minimum_percentage": 75})
    again = admin_client.post(page, first_day | {"late_counts": 50})

    rule = course.attendance_rules.get()
    assert (rule.minimum_percentage, rule.late_counts, rule.excused) == (75, None, "")
    assert rule.set_by is not None
    assert rule.set_at is not None
    assert "There is already a rule from this day." in again.content.decode()


def enrolment_fields(enrolment, **changes):
    return {
        "section": enrolment.section_id,
        "student": enrolment.student_id,
        "roll_number": enrolment.roll_number,
        "from_date": enrolment.from_date.isoformat(),
        "to_date": "",
    } | changes


def test_enrolment_is_added_and_ended(admin_client):
    fields = {
        "section": make_section().pk,
        "student": make_student().pk,
        "roll_number": "07",
        "from_date": "2026-08-01",
        "to_date": "",
    }
    admin_client.post(address(Enrolment, "add"), fields)
    enrolment = Enrolment.objects.get()

    admin_client.post(address(Enrolment, "change", enrolment.pk), fields | {"to_date": "2026-10-01"})

    enrolment.refresh_from_db()
    assert (enrolment.roll_number, enrolment.to_date) == ("07", datetime.date(2026, 10, 1))


def test_overlapping_enrolment_is_a_form_error(admin_client):
    enrolment = make_enrolment()
    other = make_enrolment(section=enrolment.section)

    twice = admin_client.post(address(Enrolment, "add"), enrolment_fields(enrolment, roll_number="another"))
    same_number = admin_client.post(
        address(Enrolment, "change", other.pk), enrolment_fields(other, roll_number=enrolment.roll_number)
    )

    assert twice.context["errors"] == [
        ["This student is already enrolled in the section on some of these days."]
    ]
    assert same_number.context["errors"] == [
        ["Another student already has this roll number in the section on some of these days."]
    ]
    assert set(Enrolment.objects.all()) == {enrolment, other}
    other.refresh_from_db()
    assert other.roll_number != enrolment.roll_number


@pytest.mark.parametrize(
    "changes",
    [
        {"to_date": "2019-01-01"},
        {"from_date": "soon"},
        {"from_date": ""},
        {"roll_number": ""},
        {"student": "0"},
    ],
)
def test_enrolment_with_bad_input_is_a_form_error(admin_client, changes):
    enrolment = make_enrolment()

    response = admin_client.post(
        address(Enrolment, "change", enrolment.pk), enrolment_fields(enrolment, **changes)
    )

    assert response.status_code == 200
    assert response.context["errors"]
    assert Enrolment.objects.values().get() == Enrolment.objects.filter(pk=enrolment.pk).values().get()


@pytest.mark.parametrize(("holds", "kept"), [("today", "now"), ("ended", "was"), ("later", "will")])
def test_enrolments_are_filtered_by_date(admin_client, holds, kept):
    today, day = timezone.localdate(), datetime.timedelta(days=1)
    make_enrolment(roll_number="now")
    make_enrolment(roll_number="was", to_date=today)
    make_enrolment(roll_number="will", from_date=today + day)

    found = admin_client.get(address(Enrolment, "changelist"), {"holds": holds}).context["cl"].result_list

    assert [enrolment.roll_number for enrolment in found] == [kept]


def test_list_links_filter_by_section_and_meeting(admin_client):
    for _ in range(2):
        one_of_each()
    section = Section.objects.earliest("pk")
    meeting = section.meetings.get()

    enrolments = admin_client.get(address(Enrolment, "changelist"), {"section__id__exact": section.pk})
    records = admin_client.get(address(AttendanceRecord, "changelist"), {"meeting__id__exact": meeting.pk})

    assert set(enrolments.context["cl"].result_list) == set(Enrolment.objects.filter(section=section))
    assert set(records.context["cl"].result_list) == set(meeting.records.all())
    assert (
        f"section__id__exact={section.pk}"
        in admin_client.get(address(Section, "changelist")).content.decode()
    )


def test_teacher_is_added_and_can_sign_in(admin_client, client):
    admin_client.post(
        address(User, "add"),
        {
            "username": "daniel",
            "email": "daniel@example.edu",
            "is_teacher": "on",
            "usable_password": "true",
            "password1": "a lamp and two moths",
            "password2": "a lamp and two moths",
        },
    )

    user = User.objects.get(username="daniel")
    assert (user.email, user.is_teacher, user.is_staff) == ("daniel@example.edu", True, False)
    assert user.check_password("a lamp and two moths")


@pytest.mark.parametrize("taken", [{"username": "ASHA"}, {"email": "Asha@Example.edu"}])
def test_user_with_a_taken_name_is_a_form_error(admin_client, taken):
    make_user(username="asha", email="asha@example.edu")
    before = User.objects.count()

    response = admin_client.post(
        address(User, "add"),
        {"username": "new", "email": "new@example.edu", "usable_password": "false"} | taken,
    )

    assert response.status_code == 200
    assert response.context["errors"]
    assert User.objects.count() == before


# --- Deleting ---------------------------------------------------------------------------------------------


def test_meeting_is_deleted_with_its_session_and_register(admin_client):
    one_of_each()
    meeting = Meeting.objects.get()

    confirmation = admin_client.get(address(Meeting, "delete", meeting.pk))
    admin_client.post(address(Meeting, "delete", meeting.pk), {"post": "yes"})

    assert dict(confirmation.context["model_count"]) == {
        "meetings": 1,
        "sessions": 1,
        "refused scans": 1,
        "session events": 1,
        "attendance records": 1,
        "record changes": 1,
        "group students": 1,
    }
    for model in (Meeting, QRSession, RefusedScan, AttendanceRecord, RecordChange, GroupSeat):
        assert not model._default_manager.exists()


def test_selected_meetings_are_deleted(admin_client):
    for _ in range(2):
        one_of_each()

    admin_client.post(
        address(Meeting, "changelist"),
        {
            "action": "delete_selected",
            "_selected_action": list(Meeting.objects.values_list("pk", flat=True)),
            "post": "yes",
        },
    )

    assert not Meeting.objects.exists()
    assert not AttendanceRecord.objects.exists()


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_meeting_that_was_held_is_not_deleted_but_cancelled(admin_client, is_cancelled):
    meeting = make_meeting(ended_at=timezone.now())
    Meeting.objects.update(state=MeetingState.CANCELLED if is_cancelled else MeetingState.HELD)

    confirmation = admin_client.get(address(Meeting, "delete", meeting.pk))
    admin_client.post(address(Meeting, "delete", meeting.pk), {"post": "yes"})
    admin_client.post(
        address(Meeting, "changelist"),
        {"action": "delete_selected", "_selected_action": [meeting.pk], "post": "yes"},
    )

    (words,) = confirmation.context["protected"]
    assert words.endswith(
        "was held, so it cannot be deleted. Cancel it instead: it then counts nowhere, and its register stays."
    )
    assert Meeting.objects.get() == meeting


def test_meeting_deletion_query_count_is_constant(admin_client):
    one_of_each()
    page = address(Meeting, "delete", Meeting.objects.get().pk)
    few = count_queries(admin_client, page)

    for _ in range(3):
        make_record(meeting=Meeting.objects.get())

    assert count_queries(admin_client, page) == few


def test_meeting_deletion_needs_permission_for_every_deleted_row(client):
    one_of_each()
    clerk = make_user(is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_meeting", "delete_meeting"]))
    client.force_login(clerk)

    confirmation = client.get(address(Meeting, "delete", Meeting.objects.get().pk))
    response = client.post(address(Meeting, "delete", Meeting.objects.get().pk), {"post": "yes"})

    assert "attendance record" in confirmation.context["perms_lacking"]
    assert response.status_code == 403
    assert AttendanceRecord.objects.exists()


def test_student_with_records_is_not_deleted(admin_client):
    student = make_record().student

    confirmation = admin_client.get(address(Student, "delete", student.pk))
    admin_client.post(address(Student, "delete", student.pk), {"post": "yes"})

    assert confirmation.context["protected"]
    assert Student.objects.filter(pk=student.pk).exists()


def test_student_with_only_a_refused_scan_is_deleted(admin_client):
    student = make_student()
    RefusedScan.objects.create(
        session=make_session(), student=student, scanned_at=timezone.now(), method=Method.QR
    )

    admin_client.post(address(Student, "delete", student.pk), {"post": "yes"})

    assert not Student.objects.filter(pk=student.pk).exists()


def test_deleting_a_teacher_of_past_classes_says_to_deactivate_instead(admin_client):
    teacher = make_session().opened_by
    advice = "Deactivate the user instead"

    one = admin_client.post(address(User, "delete", teacher.pk), {"post": "yes"})
    several = admin_client.post(
        address(User, "changelist"),
        {"action": "delete_selected", "_selected_action": [teacher.pk], "post": "yes"},
    )

    assert advice in one.content.decode()
    assert address(User, "change", teacher.pk) in one.content.decode()
    assert advice in several.content.decode()
    assert User.objects.filter(pk=teacher.pk).exists()


def test_teacher_without_classes_is_deleted(admin_client):
    teacher = make_teacher()
    assert "Deactivate" not in admin_client.get(address(User, "delete", teacher.pk)).content.decode()

    admin_client.post(address(User, "delete", teacher.pk), {"post": "yes"})

    assert not User.objects.filter(pk=teacher.pk).exists()


def test_deleting_a_group_keeps_its_meetings(admin_client):
    one_of_each()

    admin_client.post(address(MeetingGroup, "delete", MeetingGroup.objects.get().pk), {"post": "yes"})

    assert Meeting.objects.get().group is None
    assert not GroupSession.objects.exists()
    assert AttendanceRecord.objects.exists()


# --- Dates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "month"), [("en", "Nov"), ("hi", "नव")])
def test_dates_are_shown_with_the_month_as_a_word_and_typed_as_iso(admin_client, language, month):
    enrolment = make_enrolment()
    enrolment.from_date = datetime.date(2026, 11, 2)
    enrolment.save()
    session = make_session(section=enrolment.section)
    QRSession.objects.update(created_at=datetime.datetime(2026, 11, 2, 15, 5, tzinfo=datetime.UTC))
    headers = {"accept-language": language}

    rows = admin_client.get(address(Enrolment, "changelist"), headers=headers).content.decode()
    form = admin_client.get(address(Enrolment, "change", enrolment.pk), headers=headers).content.decode()
    times = admin_client.get(address(QRSession, "change", session.pk), headers=headers).content.decode()

    assert f"2 {month} 2026" in rows
    assert 'name="from_date" value="2026-11-02"' in form
    assert f"2 {month} 2026, 15:05" in times


def test_day_and_month_that_can_be_confused_are_refused(admin_client):
    enrolment = make_enrolment()

    page = admin_client.post(
        address(Enrolment, "change", enrolment.pk), enrolment_fields(enrolment, from_date="11/12/2026")
    )

    assert set(page.context["adminform"].form.errors) == {"from_date"}
