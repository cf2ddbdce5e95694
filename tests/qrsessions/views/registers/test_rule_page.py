"""The page of a section's rule: its versions, the form and the simulator."""

import datetime

import pytest
from django.test import Client
from django.utils import timezone

from attendance.models import AttendanceRule, LabelColour, Status, StatusLabel
from attendance.queries.section_rules import rule_of
from qrsessions.models import SessionStatus
from qrsessions.services.settings import SIMULATIONS
from tests.support import factories
from tests.support.pages import messages_of, text_of

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)


@pytest.fixture
def teacher():
    return factories.make_teacher(first_name="Klara", last_name="Fein")


@pytest.fixture
def section(teacher):
    """A student who was present and late, and one who was absent twice."""
    section = factories.make_section(students=2, teachers=[teacher])
    statuses = [(Status.PRESENT, Status.ABSENT), (Status.LATE, Status.ABSENT)]
    for days, marks in enumerate(statuses, start=1):
        at = timezone.now() - days * DAY
        meeting = factories.make_session(section=section, status=SessionStatus.ENDED, at=at).meeting
        for number, (student, status) in enumerate(
            zip(factories.students_of(section), marks, strict=True), start=1
        ):
            factories.make_record(meeting=meeting, student=student, status=status, roll_number=f"{number:02}")
    return section


@pytest.fixture
def browser(teacher):
    client = Client()
    client.force_login(teacher)
    return client


def address(section):
    return f"/teach/sections/{section.pk}/rule/"


def own_versions(section):
    return [(rule.valid_from, rule.values_with_labels) for rule in section.attendance_rules.all()]


def post(browser, section, **changed):
    """Send the form as the page shows it, with these fields changed."""
    form = browser.get(address(section)).context["form"]
    data = {}
    for field in form:
        for name in (field.html_name, field.html_initial_name):
            value = field.initial
            data[name] = "" if value is None else value
    data.pop("changes_past")
    return browser.post(address(section), data | changed)


def test_page_shows_the_versions_of_every_scope_in_words(browser, section, teacher):
    today = timezone.localdate()
    at = timezone.now()
    factories.make_rule(minimum_percentage=60, late_counts=100, excused="neutral")
    factories.make_rule(course=section.course, valid_from=today - 9 * DAY, warn_below=70)
    AttendanceRule.objects.set_for_section(section, {"late_counts": 50}, valid_from=today, by=teacher, at=at)
    factories.make_rule(section=factories.make_section(), minimum_percentage=11)

    page = text_of(browser.get(address(section)))

    assert (
        "Today’s rule Required: 60%. Warning below 70%. A late mark counts 50%. Excused classes do not count."
        in page
    )
    assert (
        "Institution from the beginning Required: 60%. There is no warning. A late mark counts as attended."
        in page
    )
    assert f"Course {section.course.code} from" in page
    assert "A late mark counts 50%. Set by Klara Fein on" in page
    assert "If empty, the institution decides: Required: 60%." in page
    assert "If empty, the course decides: Warning below 70%." in page
    assert "11%" not in page


def test_only_what_was_changed_is_saved(browser, section, teacher):
    today = timezone.localdate()
    for days, to in (
        (0, {"minimum_percentage": 75, "late_counts": 50}),
        (9, {"late_counts": 0}),
    ):
        AttendanceRule.objects.set_for_section(
            section, to, valid_from=today + days * DAY, by=teacher, at=timezone.now()
        )

    answer = post(
        browser, section, valid_from=str(today + 12 * DAY), minimum_percentage="80", excused="attended"
    )

    assert (answer.status_code, messages_of(answer)) == (302, ["Rule saved."])
    assert own_versions(section) == [
        (today, {"minimum_percentage": 75, "late_counts": 50}),
        (today + 9 * DAY, {"minimum_percentage": 75, "late_counts": 0}),
        (today + 12 * DAY, {"minimum_percentage": 80, "late_counts": 0, "excused": "attended"}),
    ]
    assert section.attendance_rules.last().set_by == teacher


def test_emptied_field_is_left_to_the_institution_again(browser, section, teacher):
    today = timezone.localdate()
    factories.make_rule(minimum_percentage=60)
    factories.make_rule(section=section, minimum_percentage=75, forecast_counts_planned=True)

    post(browser, section, minimum_percentage="", forecast_counts_planned="unknown")

    assert own_versions(section)[-1] == (today, {})
    assert rule_of(section, on=today).minimum_percentage == 60


def test_label_gets_a_weight_of_its_own(browser, section):
    online = StatusLabel.objects.create(
        name="online", letter="O", colour=LabelColour.BLUE, meaning=Status.PRESENT
    )
    StatusLabel.objects.create(
        name="gone", letter="G", colour=LabelColour.BLUE, meaning=Status.LATE, is_active=False
    )

    page = text_of(browser.get(address(section)))
    post(browser, section, **{f"label_{online.pk}": "80"})

    assert "“online” counts (%) If empty, it counts as “present” does." in page
    assert "gone" not in page
    assert own_versions(section) == [(timezone.localdate(), {online.pk: 80})]
    assert "“online” counts 80%." in text_of(browser.get(address(section)))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Change at least one part of the rule."),
        ({"minimum_percentage": "101"}, "less than or equal to 100"),
        ({"late_counts": "half"}, "Enter a whole number."),
        ({"minimum_percentage": "70", "valid_from": "soon"}, "Enter a valid date."),
        ({"excused": "sometimes"}, "Select a valid choice."),
    ],
)
def test_nonsense_is_explained_and_changes_nothing(browser, section, changed, words):
    answer = post(browser, section, **changed)

    assert (answer.status_code, own_versions(section)) == (400, [])
    assert words in text_of(answer)


def test_day_in_the_past_has_to_be_confirmed(browser, section):
    yesterday = timezone.localdate() - DAY
    changed = {"valid_from": str(yesterday), "minimum_percentage": "75"}

    refused = post(browser, section, **changed)

    assert (refused.status_code, own_versions(section)) == (400, [])
    assert "numbers that have been shown will change" in text_of(refused)
    assert '<input type="checkbox" name="changes_past"' in refused.content.decode()
    assert post(browser, section, **changed, changes_past="on").status_code == 302
    assert own_versions(section) == [(yesterday, {"minimum_percentage": 75})]


def test_simulator_shows_who_changes_and_saves_nothing(browser, section):
    first_day = timezone.localdate() - 9 * DAY
    changed = {"valid_from": str(first_day), "late_counts": "50", "minimum_percentage": "80"}

    answer = post(browser, section, **changed, simulate="1")

    page = text_of(answer)
    assert (answer.status_code, own_versions(section)) == (200, [])
    assert "2 of 2 students would change" in page
    assert "Nothing has been saved." in page
    assert "01 100% on track 75% below the minimum" in page
    assert "02 0% on track 0% below the minimum" in page
    # What was typed is still there, to be saved.
    assert answer.context["form"]["late_counts"].value() == "50"


def test_simulator_is_limited(browser, section, teacher):
    for _ in range(SIMULATIONS.times):
        SIMULATIONS.allow(str(teacher.pk))

    answer = post(browser, section, minimum_percentage="80", simulate="1")

    assert answer.status_code == 429


def test_assistant_reads_the_rule_and_cannot_change_it(section):
    assistant = factories.make_teacher()
    factories.make_assignment(section=section, user=assistant, role="assistant")
    client = Client()
    client.force_login(assistant)

    page = client.get(address(section))

    assert "Only a teacher of this section can change its rule." in text_of(page)
    assert "Save rule" not in text_of(page)
    assert client.post(address(section), {"minimum_percentage": "10"}).status_code == 403
    assert own_versions(section) == []


def test_page_is_not_for_others(section, client):
    assert client.get(address(section))["Location"].startswith("/accounts/login/")
    client.force_login(factories.make_teacher())
    assert client.get(address(section)).status_code == 404
    client.force_login(factories.students_of(section)[0].user)
    assert client.get(address(section)).status_code == 403


@pytest.mark.parametrize("rows", [1, 3])
def test_page_needs_the_same_queries_for_any_number_of_versions(
    browser, section, teacher, django_assert_num_queries, rows
):
    for days in range(rows):
        AttendanceRule.objects.set_for_section(
            section,
            {"drop_lowest": days},
            valid_from=timezone.localdate() + days * DAY,
            by=factories.make_teacher(),
            at=timezone.now(),
        )

    with django_assert_num_queries(6):
        browser.get(address(section))
