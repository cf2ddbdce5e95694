"""Who may read, run and correct: every address about a session, group or section, tried by each kind of teacher."""

import datetime
import re

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils import timezone

from attendance.models import Meeting, TeachingAssignment
from qrsessions.models import QRSession, SessionEvent, SessionStatus
from qrsessions.queries.access import NoLongerTaught
from tests.support import factories
from tests.support.classes import client_of
from tests.support.postgres.database import everything_written

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
WORDS = str(NoLongerTaught.detail)
# Addresses of students and of everybody.
NOT_FOR_TEACHERS = re.compile(r"/join/$|^/[AaJj]/")
# What a GET shows is for running the session, or asks before something is changed.
ONLY_TO_RUN = re.compile(
    r"/token/$|/screen/|^/teach/.*/(scan|discard|bulk|mark)/$|^/teach/meetings/.*/give/$"
    r"|^/teach/sections/.*/(paper|timetable|teachers|meetings/new|register/import)"
)
# What an assistant may not do: all of these addresses, and those that only a change needs the right for.
ONLY_TO_MANAGE = re.compile(
    r"^/teach/sections/.*/(timetable|teachers|meetings/new|register/import)|^/teach/meetings/.*/give/$"
)
ONLY_FOR_ADMINS = re.compile(r"/unlock-register/$")
CHANGES_PLAN_OR_RULES = re.compile(
    r"/meetings/[^/]+/(cancel|move|restore)/$"
    r"|/sections/\d+/(meetings/new/|meetings/|patterns/|rule/(simulate/)?|register/import/)?$"
)


def addresses(kind, **values):
    """Every address that needs one of these values: those of sessions, groups or sections."""
    names = {"public_id", "section_id"}
    found = []

    def collect(patterns, prefix):
        for one in patterns:
            route = prefix + str(one.pattern)
            if isinstance(one, URLResolver):
                collect(one.url_patterns, route)
            elif isinstance(one, URLPattern) and names & set(one.pattern.converters) and kind in route:
                found.append("/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(values[match[1]]), route))

    site = [one for one in get_resolver().url_patterns if "admin" not in str(one.pattern)]
    collect(site, "")
    return sorted({one for one in found if not NOT_FOR_TEACHERS.search(one)})


@pytest.fixture
def group_session():
    """An open group of two sections from yesterday, with one student each and one teacher of both."""
    teacher = factories.make_teacher()
    sections = [factories.make_section(students=1, teachers=[teacher]) for _ in range(2)]
    at = timezone.now() - DAY
    return factories.make_group_session(
        sections=sections, opened_by=teacher, status=SessionStatus.ACTIVE, at=at
    )


@pytest.fixture
def session(group_session):
    """One session beside the group, likewise."""
    section = factories.make_section(students=1, teachers=[group_session.opened_by])
    return factories.make_session(
        section=section,
        status=SessionStatus.ACTIVE,
        at=timezone.now() - DAY,
        opened_by=group_session.opened_by,
    )


@pytest.fixture
def planned(session):
    """A class of the session's section, also from yesterday, whose register was not taken."""
    starts_at = timezone.now() - DAY
    return factories.make_planned(section=session.meeting.section, starts_at=starts_at, hours=0.5)


@pytest.fixture
def all_addresses(session, group_session, planned):
    student = factories.students_of(session.meeting.section)[0]
    own = {"public_id": session.public_id, "student_id": student.student_id}
    section, assignment = session.meeting.section_id, session.meeting.section.assignments.get()
    return [
        *addresses("/sessions/<", **own),
        *addresses("/groups/<", public_id=group_session.public_id),
        *addresses("/group-sessions/<", public_id=group_session.public_id),
        *addresses("/meetings/<", public_id=planned.public_id),
        *addresses(
            "/sections/<", section_id=section, assignment_id=assignment.pk, student_id=student.student_id
        ),
    ]


def only_some(addresses):
    """Some of each kind. All are tried for one kind of teacher; another finds them by the same questions."""
    return addresses[::4]


def everything():
    return everything_written(), list(SessionEvent.objects.values_list()), list(Meeting.objects.values_list())


def browser_of(teacher):
    browser = Client()
    browser.force_login(teacher)
    return browser


def clients(teacher):
    return {"/api/": client_of(teacher), "/teach/": browser_of(teacher)}


def changing(address):
    """The methods of this address that change something: a page has forms only."""
    if not address.startswith("/api/"):
        return ("post",)
    view = resolve(address).func.cls
    return [method for method in ("post", "put", "patch") if hasattr(view, method)]


def ask(by_prefix, method, address):
    (client,) = (client for prefix, client in by_prefix.items() if address.startswith(prefix))
    options = {"format": "json"} if address.startswith("/api/") and method != "get" else {}
    return getattr(client, method)(address, **options)


def is_for_admins(method, address):
    """The method that a teacher is refused there, even with all rights."""
    return method == "post" and bool(ONLY_FOR_ADMINS.search(address))


def test_there_are_addresses_to_try(all_addresses):
    assert len(all_addresses) > 60
    assert {address.split("/")[1] for address in all_addresses} == {"api", "teach"}


NOT_BEGUN = {"from_date": timezone.localdate() + DAY}
REMOVED = {"removed_by_hand": True}
ENDED_BEFORE = {"to_date": timezone.localdate() - DAY}


@pytest.mark.parametrize(
    ("dates", "chosen"),
    [
        pytest.param(REMOVED, list, id="removed"),
        pytest.param(NOT_BEGUN, only_some, id="not begun"),
        pytest.param(ENDED_BEFORE, only_some, id="ended before the class"),
        pytest.param(NOT_BEGUN, list, id="not begun, every address", marks=pytest.mark.slow),
        pytest.param(ENDED_BEFORE, list, id="ended before the class, every address", marks=pytest.mark.slow),
    ],
)
def test_who_may_not_see_the_class_finds_nothing(all_addresses, session, dates, chosen):
    TeachingAssignment.objects.update(**dates)
    as_teacher, before = clients(session.opened_by), everything()

    for address in chosen(all_addresses):
        if "to_date" in dates and "/sections/" in address and "group" not in address:
            continue  # A section of the past, without any of its classes.
        for method in ("get", *changing(address)):
            answer = ask(as_teacher, method, address)
            # A button's address redirects a GET to its page, and the page is 404.
            expected = {404, 405, 302} if method == "get" else {404, 405}
            assert answer.status_code in expected, f"{method} {address}: {answer.status_code}"

    assert everything() == before


def test_former_teacher_reads_the_classes_of_their_time_and_changes_nothing(all_addresses, session):
    TeachingAssignment.objects.update(to_date=timezone.localdate())
    as_teacher, before = clients(session.opened_by), everything()

    for address in all_addresses:
        answer = ask(as_teacher, "get", address)
        if ONLY_TO_RUN.search(address):
            assert answer.status_code == 403, f"{address}: {answer.status_code}"
            assert WORDS.split(".")[0] in answer.content.decode(), address
        else:
            assert answer.status_code in (200, 302, 405), f"{address}: {answer.status_code}"
        for method in changing(address):
            answer = ask(as_teacher, method, address)
            assert answer.status_code in (403, 405), f"{method} {address}: {answer.status_code}"
            if answer.status_code == 403 and address.startswith("/api/"):
                assert answer.json() == {"code": "no_longer_taught", "detail": WORDS}

    assert everything() == before


def test_teacher_of_today_is_refused_nothing_by_right(all_addresses, session):
    TeachingAssignment.objects.update(from_date=timezone.localdate(), to_date=timezone.localdate() + DAY)
    as_teacher = clients(session.opened_by)

    for address in all_addresses:
        answer = ask(as_teacher, "get", address)
        assert answer.status_code not in (403, 500), f"{address}: {answer.status_code}"


def test_former_teacher_opens_no_session_of_the_section(session, group_session):
    QRSession.objects.all().delete()
    Meeting.objects.all().delete()
    TeachingAssignment.objects.filter(section=session.meeting.section_id).update(to_date=timezone.localdate())
    teacher, key = session.opened_by, session.meeting.section_id
    api, pages = client_of(teacher), browser_of(teacher)

    assert api.post("/api/v1/sessions/", {"section": key}, format="json").json()["code"] == "no_longer_taught"
    assert (
        api.post("/api/v1/group-sessions/", {"sections": [key]}, format="json").json()["code"] == "not_taught"
    )
    assert pages.post(f"/teach/sections/{key}/open/").status_code == 403
    assert "You do not teach" in pages.post("/teach/groups/new/", {"sections": [key]}).content.decode()
    assert not Meeting.objects.exists()


def test_lists_of_a_former_teacher_hold_the_classes_of_their_time(session, group_session):
    section = session.meeting.section
    later = factories.make_session(section=factories.make_section(teachers=[session.opened_by]))
    TeachingAssignment.objects.filter(section=section).update(to_date=timezone.localdate())
    TeachingAssignment.objects.filter(section=later.meeting.section_id).update(to_date=timezone.localdate())
    api = client_of(session.opened_by)

    listed = {one["id"] for one in api.get("/api/v1/sessions/").json()}
    assert session.public_id in listed
    assert later.public_id not in listed
    taught = {one["id"] for one in api.get("/api/v1/sections/").json()}
    assert taught == set(group_session.group.meetings.values_list("section", flat=True))
    assert api.get(f"/api/v1/sections/{section.pk}/").json()["id"] == section.pk


def test_home_shows_a_section_of_the_past_without_its_buttons(session):
    section, teacher = session.meeting.section, session.opened_by
    TeachingAssignment.objects.filter(section=section).update(to_date=timezone.localdate())

    page = browser_of(teacher).get("/teach/").content.decode()

    assert "1 past section" in page
    assert f"/teach/sections/{section.pk}/" in page
    assert f"/teach/sections/{section.pk}/open/" not in page
    # It is open, but not the former teacher's to run.
    assert session.public_id not in page


def test_section_of_the_past_lists_the_sessions_of_their_time_only(session):
    section, teacher = session.meeting.section, session.opened_by
    Meeting.objects.filter(pk=session.pk).update(
        state="held", ended_at=timezone.now(), roster_fixed_at=timezone.now()
    )
    QRSession.objects.filter(pk=session.pk).update(status=SessionStatus.ENDED)
    later = factories.make_session(section=section)
    TeachingAssignment.objects.filter(section=section).update(to_date=timezone.localdate())

    page = browser_of(teacher).get(f"/teach/sections/{section.pk}/").content.decode()

    assert f"/teach/sessions/{session.public_id}/" in page
    assert later.public_id not in page
    assert "You no longer teach this section." in page
    assert "Save rules" not in page
    assert "Discard" not in page


@pytest.mark.parametrize("status", SessionStatus)
def test_pages_of_a_former_teacher_have_no_buttons(status):
    teacher = factories.make_teacher()
    at = timezone.now() - DAY
    sections = [factories.make_section(students=1, teachers=[teacher]) for _ in range(3)]
    alone = factories.make_session(section=sections[0], status=status, at=at, opened_by=teacher)
    group = factories.make_group_session(sections=sections[1:], status=status, at=at, opened_by=teacher)
    member = QRSession.objects.filter(meeting__group=group.group).with_names()[0]
    for meeting in Meeting.objects.all():
        student = factories.students_of(meeting.section)[0]
        factories.make_record(meeting=meeting, student=student, roll_number="01")
    TeachingAssignment.objects.update(to_date=timezone.localdate())
    browser, marked = browser_of(teacher), factories.students_of(alone.meeting.section)[0]

    for address in (
        f"/teach/sessions/{alone.public_id}/",
        f"/teach/sessions/{member.public_id}/",
        f"/teach/groups/{group.public_id}/",
        f"/teach/groups/{group.public_id}/register/",
        f"/teach/sessions/{alone.public_id}/history/?student={marked.student_id}",
    ):
        page = browser.get(address).content.decode()
        main = page[page.index("<main") : page.index("</main>")]
        # The dialog for a mark stays for marks that wait to be sent; no link opens it.
        main = re.sub(r'<dialog id="mark-dialog".*?</dialog>', "", main, flags=re.DOTALL)
        forms = re.findall(r'<form[^>]*method="post"[^>]*>', main)
        assert forms == [], address
        linked = re.findall(r'href="([^"]*)"', main)
        assert not [link for link in linked if re.search(r"/(mark|scan|screen|bulk|discard)/", link)], address


def give_all(role, **fields):
    """Make one colleague the only one who teaches: all sections, or with ``each`` what it returns for each meeting."""
    each = fields.pop("each", None)
    colleague = factories.make_teacher()
    assignments = list(TeachingAssignment.objects.all())
    TeachingAssignment.objects.update(removed_by_hand=True)
    if each:
        for meeting in Meeting.objects.all():
            factories.make_assignment(section=meeting.section, user=colleague, role=role, **each(meeting))
    else:
        for assignment in assignments:
            factories.make_assignment(section=assignment.section, user=colleague, role=role, **fields)
    return colleague


def test_assistant_runs_and_corrects_and_manages_nothing(all_addresses):
    as_assistant, before = clients(give_all("assistant")), everything()
    managing = [
        address
        for address in all_addresses
        if ONLY_TO_MANAGE.search(address) or CHANGES_PLAN_OR_RULES.search(address)
    ]
    assert len(managing) > 15

    for address in managing:
        answer = ask(as_assistant, "get", address)
        expected = {403} if ONLY_TO_MANAGE.search(address) else {200, 302, 405}
        assert answer.status_code in expected, f"{address}: {answer.status_code}"
        for method in changing(address):
            answer = ask(as_assistant, method, address)
            assert answer.status_code in (403, 405), f"{method} {address}: {answer.status_code}"
            if answer.status_code == 403:
                assert "Only a teacher of this section" in answer.content.decode(), address
                assert not address.startswith("/api/") or answer.json()["code"] == "teachers_only"
    assert everything() == before

    for address in set(all_addresses) - set(managing):
        for method in ("get", *changing(address)):
            answer = ask(as_assistant, method, address)
            assert (answer.status_code == 403) == is_for_admins(method, address), (
                f"{method} {address}: {answer.status_code}"
            )
            assert answer.status_code != 500, f"{method} {address}"


def of_its_day(meeting):
    return {"from_date": meeting.date, "to_date": meeting.date + DAY}


def single(meeting):
    return {"meeting": meeting}


def of_sections(address):
    return address.startswith(("/teach/sections/", "/teach/reports/sections/", "/api/v1/sections/"))


@pytest.mark.parametrize(
    ("each", "chosen"),
    [(of_its_day, list), (single, only_some), pytest.param(single, list, marks=pytest.mark.slow)],
)
def test_substitute_has_all_rights_in_the_meetings_that_were_given_but_not_in_the_section(
    all_addresses, session, planned, each, chosen
):
    if each is of_its_day:
        # All of them are on one day.
        as_substitute = clients(give_all("substitute", **of_its_day(planned)))
    else:
        as_substitute = clients(give_all("substitute", each=each))
    before = everything()

    for address in chosen([one for one in all_addresses if of_sections(one)]):
        answer = ask(as_substitute, "get", address)
        expected = {403} if ONLY_TO_RUN.search(address) else {200, 302, 405}
        assert answer.status_code in expected, f"{address}: {answer.status_code}"
        for method in changing(address):
            answer = ask(as_substitute, method, address)
            assert answer.status_code in (403, 405), f"{method} {address}: {answer.status_code}"
            if answer.status_code == 403 and address.startswith("/api/"):
                assert answer.json()["code"] == "no_longer_taught"
    give = f"/teach/meetings/{planned.public_id}/give/"
    assert {ask(as_substitute, method, give).status_code for method in ("get", "post")} == {403}
    assert everything() == before

    given = [one for one in all_addresses if not of_sections(one) and one != give]
    assert len(given) > 50
    tried = chosen(given)
    for address in tried:
        answer = ask(as_substitute, "get", address)
        # The page to mark a student by hand wants to know which.
        expected = {404} if address.endswith("/mark/") else {200, 302, 405, 409}
        assert answer.status_code in expected, f"{address}: {answer.status_code}"
    for address in tried:
        for method in changing(address):
            answer = ask(as_substitute, method, address)
            assert (answer.status_code == 403) == is_for_admins(method, address), (
                f"{method} {address}: {answer.status_code}"
            )
            assert answer.status_code != 500, f"{method} {address}"


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ("next day", list),
        ("another meeting", only_some),
        pytest.param("another meeting", list, marks=pytest.mark.slow),
    ],
)
def test_substitute_finds_nothing_of_other_meetings(all_addresses, session, planned, others, chosen):
    if others == "next day":
        tomorrow = timezone.localdate() + DAY
        colleague = give_all("substitute", from_date=tomorrow, to_date=tomorrow + DAY)
    else:
        # Of each section another class: the matrix tries what belongs to the sessions and the planned one.
        sections = [assignment.section for assignment in TeachingAssignment.objects.all()]
        colleague = give_all(
            "substitute", each=lambda meeting: of_its_day(meeting) | {"removed_by_hand": True}
        )
        for section in sections:
            starts_at = timezone.now() + 2 * DAY
            other = factories.make_planned(section=section, starts_at=starts_at)
            factories.make_assignment(section=section, user=colleague, role="substitute", meeting=other)
    as_substitute, before = clients(colleague), everything()

    for address in chosen(all_addresses):
        for method in ("get", *changing(address)):
            answer = ask(as_substitute, method, address)
            if of_sections(address):
                if method != "get":
                    assert answer.status_code in (403, 405), f"{method} {address}: {answer.status_code}"
                    if answer.status_code == 403 and address.startswith("/api/"):
                        assert answer.json()["code"] == "teachers_only"
                continue
            expected = {404, 405, 302} if method == "get" else {404, 405}
            assert answer.status_code in expected, f"{method} {address}: {answer.status_code}"
    assert everything() == before
