"""A group of three sections in real browsers: the teacher, the hall's screen, and students of each section."""

import re

import pytest
from playwright.sync_api import Page, expect

from attendance.models import AttendanceRecord, Section
from qrsessions.models import GroupSession, QRSession
from tests.support import factories
from tests.support.browser.pages import DESK, PHONE, PROJECTOR, assert_readable, scanned, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def registers() -> dict[str, list[tuple[str, str | None]]]:
    """The students' names and statuses in the database, by section."""
    rows = AttendanceRecord.objects.order_by("meeting__section__name", "roll_number").values_list(
        "meeting__section__name", "student__name", "status"
    )
    found: dict[str, list[tuple[str, str | None]]] = {}
    for section, student, status in rows:
        found.setdefault(section, []).append((student, status))
    return found


def row_of(page: Page, section: Section):
    session = QRSession.objects.with_names().get(meeting__section=section, meeting__ended_at=None)
    return page.locator(f"#members [data-session='{session.public_id}']")


@pytest.fixture
def teacher():
    return factories.make_teacher(username="kfein")


@pytest.fixture
def sections(teacher):
    course = factories.make_course(code="CS101", title="Computer Science")
    ada, bob, both, cleo = (factories.make_student(name=name) for name in ("Ada", "Bob", "Both", "Cleo"))
    rosters = {"A": [ada, both], "B": [bob, both], "C": [cleo]}
    return {
        name: factories.make_section(course=course, name=name, students=roster, teachers=[teacher])
        for name, roster in rosters.items()
    }


def pick_all(desk: Page) -> None:
    desk.get_by_role("link", name="Open a group").click()
    for name in "ABC":
        desk.get_by_role("checkbox", name=f"CS101 Computer Science · {name}").check()


def test_group_of_three_sections_runs_from_opening_to_registers(open_page, live_server, teacher, sections):
    ada, both = factories.students_of(sections["A"])
    bob = factories.students_of(sections["B"])[0]

    # The teacher picks three sections, sees how many students they have, and opens the group.
    desk = open_page(**DESK)
    sign_in(desk, teacher)
    pick_all(desk)
    expect(desk.locator("[data-sum]")).to_have_text(re.compile(r"^\s*3 sections · 5 enrolled\s*$"))
    desk.get_by_role("button", name="Open group").click()
    expect(desk.get_by_role("heading", name="CS101 Computer Science")).to_be_visible()
    group = GroupSession.objects.with_names().get()

    # Ada and Bob join by opening the page. Both is in two sections and chooses one.
    phones = {student: open_page(**PHONE) for student in (ada, bob, both)}
    for student, phone in phones.items():
        sign_in(phone, student.user)
    choices = phones[both].get_by_role("button", name=re.compile("^Join with"))
    expect(choices).to_have_count(2)
    phones[both].get_by_role("button", name="Join with CS101 · B").click()
    for phone in phones.values():
        expect(phone.get_by_role("heading", name="You have joined")).to_be_visible()
    expect(desk.locator("#live [data-stat=total_joined]")).to_have_text("3")
    expect(desk.locator("#live [data-stat=total_students]")).to_have_text("4")
    expect(row_of(desk, sections["A"]).locator("[data-stat=total_joined]")).to_have_text("1")
    expect(row_of(desk, sections["B"]).locator("[data-stat=total_joined]")).to_have_text("2")

    # One QR code for all sections, scanned from the screen.
    desk.get_by_role("button", name="Lock joining").click()
    desk.get_by_role("button", name="Start attendance").click()
    screen = open_page(**PROJECTOR)
    sign_in(screen, teacher, to=f"/teach/groups/{group.public_id}/screen/")
    expect(screen.get_by_role("img", name="QR code to scan")).to_be_visible()
    for student, here in ((both, "1"), (ada, "2")):
        phones[student].goto(scanned(screen))
        expect(phones[student].get_by_role("heading", name="You are present")).to_be_visible()
        expect(screen.locator(".figures p [data-stat=total_present]")).to_have_text(here)
        expect(desk.locator("#live [data-stat=total_present]")).to_have_text(here)
    for page in (screen, desk):
        for name, here in (("A", "1"), ("B", "1"), ("C", "0")):
            expect(row_of(page, sections[name]).locator("[data-stat=total_present]")).to_have_text(here)

    # Bob types the code shown beside the QR code.
    digits = screen.locator("[data-code]").inner_text()
    phones[bob].get_by_label("Type the 8-digit code").fill(digits)
    phones[bob].get_by_role("button", name="Send").click()
    expect(phones[bob].get_by_role("heading", name="You are present")).to_be_visible()

    # At the end there is a register for each section and one for the group.
    desk.get_by_role("button", name="End session").first.click()
    desk.get_by_role("dialog").get_by_role("button", name="End session").click()
    expect(desk.locator("[aria-current=step]")).to_have_text("Ended")
    expect(screen.get_by_text("Attendance has ended")).to_be_visible()
    assert registers() == {
        "A": [("Ada", "present"), ("Both", "present")],
        "B": [("Bob", "present"), ("Both", "present")],
        "C": [("Cleo", "absent")],
    }
    desk.get_by_role("link", name="Group register").click()
    expect(desk.locator("#students tr")).to_have_count(4)
    expect(desk.locator("#students tr").filter(has_text="Both")).to_contain_text("B")
    desk.get_by_role("link", name="Back to group").click()
    desk.locator("#members li").nth(2).get_by_role("link").click()
    expect(desk.locator("#students tr")).to_contain_text(["Cleo"])

    # The same group is opened again with one click, and a second one on the same day.
    desk.goto("/teach/")
    desk.get_by_role("button", name="Open the same group").click()
    desk.get_by_role("button", name="Open second session").click()
    expect(desk.locator("#members li")).to_have_count(3)


def test_group_pages_show_changes_made_on_other_pages(open_page, live_server, teacher, sections):
    group = factories.make_group_session(sections=[sections["A"], sections["B"]], status="active")
    desk, screen, other = open_page(**DESK), open_page(**PROJECTOR), open_page(**DESK)
    address = f"/teach/groups/{group.public_id}/"
    for page, to in ((desk, address), (screen, f"{address}screen/"), (other, address)):
        sign_in(page, teacher, to=to)

    other.get_by_label("Add a section").select_option(str(sections["C"].pk))
    other.get_by_role("button", name="Add").click()
    expect(desk.locator("#members li")).to_have_count(3)
    expect(screen.locator("#members li")).to_have_count(3)

    row_of(other, sections["A"]).get_by_role("link").click()
    other.get_by_role("button", name="Remove section from group").click()
    other.get_by_role("button", name="Remove section", exact=True).click()
    expect(other.get_by_text("now runs on its own")).to_be_visible()
    expect(desk.locator("#members li")).to_have_count(2)
    expect(screen.locator("#members li")).to_have_count(2)


def test_group_works_without_javascript(open_page, live_server, teacher, sections):
    both = factories.students_of(sections["A"])[1]
    desk, phone, screen = (open_page(java_script_enabled=False) for _ in range(3))
    sign_in(desk, teacher)
    pick_all(desk)
    desk.get_by_role("button", name="Open group").click()
    sign_in(phone, both.user)
    phone.get_by_role("button", name="Join with CS101 · B").click()
    expect(phone.get_by_role("heading", name="You have joined")).to_be_visible()
    desk.get_by_role("button", name="Start attendance now").click()
    group = GroupSession.objects.with_names().get()
    sign_in(screen, teacher, to=f"/teach/groups/{group.public_id}/screen/")
    phone.goto(scanned(screen))
    phone.get_by_role("button", name="Mark me present").click()
    expect(phone.get_by_role("heading", name="You are present")).to_be_visible()
    desk.get_by_role("button", name="End session").click()
    assert registers()["A"] == [("Ada", "absent"), ("Both", "present")]


def test_group_pages_are_accessible(open_page, live_server, teacher, sections):
    group = factories.make_group_session(sections=[sections["A"], sections["B"]], status="active")
    factories.make_group_session(sections=[sections["C"]], opened_by=teacher, status="ended")
    both = factories.students_of(sections["A"])[1]
    waiting = factories.make_group_session(
        sections=[factories.make_section(students=[both], teachers=[teacher]) for _ in range(2)]
    )
    desk, phone = open_page(**DESK), open_page(**DESK)
    sign_in(desk, teacher, to="about:blank")
    sign_in(phone, both.user, to="/student/")
    # The page of a running group and its register are looked at in test_desk.py, where they have marks.
    groups = [f"/teach/groups/{one}/" for one in (f"{group.public_id}/screen", waiting.public_id)]
    for address in ("/teach/", "/teach/groups/new/", *groups):
        desk.goto(address)
        assert_readable(desk)
    assert_readable(phone)
