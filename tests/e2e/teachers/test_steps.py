"""Steps and other forms of a session's page: without a network, with a lost answer, pressed twice, and in their places."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, FloatRect, Locator, Page, Route, expect

from attendance.models import MeetingState, Section, Status
from qrsessions.models import Action, GroupSession, QRSession, SessionEvent, SessionStatus
from qrsessions.services import lifecycle
from tests.support import factories
from tests.support.browser.pages import (
    DESK,
    PHONE,
    SHAPES,
    is_failed_request,
    open_session_page,
    page_opener,
    sign_in,
)

pytestmark = pytest.mark.django_db(transaction=True)

# What each button is called, what the page says while it has no answer, and the step that is current then.
STEPS = [
    ("Lock joining", "Not locked yet", "Locked"),
    ("Unlock joining", "Not unlocked yet", "Joining"),
    ("Start attendance now", "Not started yet", "Taking attendance"),
    ("End session", "Not ended yet", "Ended"),
    ("Reopen session", "Not reopened yet", "Taking attendance"),
]


@pytest.fixture
def section() -> Section:
    return factories.make_section(students=3, teachers=[factories.make_teacher()], name="CS101-A")


@pytest.fixture
def session(section) -> QRSession:
    return factories.make_session(section=section)


@pytest.fixture
def open_any(browser: Browser, live_server):
    """Open pages whose requests may be refused or lost."""
    with page_opener(browser, live_server.url, is_expected=is_failed_request) as open_page:
        yield open_page


@pytest.fixture
def desk(open_any, session) -> Page:
    return open_session_page(open_any(**DESK), session)


def press(page: Page, button: str) -> None:
    page.locator("#session-top").get_by_role("button", name=button, exact=True).click()
    if button == "End session":
        page.get_by_role("dialog").get_by_role("button", name=button).click()


def current_step(page: Page) -> Locator:
    return page.locator("[aria-current=step]")


def actions_of(session: QRSession) -> list[str]:
    events = SessionEvent.objects.filter(meeting=session.meeting_id).order_by("pk")
    return list(events.values_list("action", flat=True))


def group_of(section: Section) -> GroupSession:
    teacher = section.teachers.get()
    other = factories.make_section(students=1, teachers=[teacher])
    return factories.make_group_session(sections=[section, other], opened_by=teacher)


@pytest.mark.parametrize("is_group", [False, True])
def test_steps_without_network_are_taken_when_it_is_back(open_any, section, is_group):
    opened = group_of(section) if is_group else factories.make_session(section=section)
    page = open_any(**PHONE)
    kind = "groups" if is_group else "sessions"
    sign_in(page, section.teachers.get(), to=f"/teach/{kind}/{opened.public_id}/")
    address = page.url
    for button, said, step in STEPS:
        page.context.set_offline(True)
        press(page, button)
        expect(page.locator("#undo-line")).to_contain_text(f"{said} No answer yet. Retrying …")
        assert page.url == address

        page.context.set_offline(False)

        expect(current_step(page)).to_have_text(step)
        expect(page.locator("#undo-line")).not_to_contain_text(said)
        expect(page.locator(".answer-box")).to_be_hidden()
    member = QRSession.objects.get(meeting__section=section)
    assert actions_of(member) == ["lock", "unlock", "start", "end", "reopen"]


def test_step_whose_answer_was_lost_is_taken_once(desk, session):
    def lose_answer(route: Route) -> None:
        route.fetch(max_redirects=0)
        assert actions_of(session) == [Action.LOCK]
        route.abort("connectionreset")

    desk.route("**/lock/", lose_answer, times=1)

    press(desk, "Lock joining")

    expect(current_step(desk)).to_have_text("Locked")
    expect(desk.locator("li.unsent")).to_have_count(0)
    expect(desk.locator(".answer-box")).to_be_hidden()
    assert actions_of(session) == [Action.LOCK]


def test_end_whose_answer_was_lost_is_not_taken_again_after_a_colleague_reopened(desk, session, section):
    press(desk, "Start attendance now")
    expect(current_step(desk)).to_have_text("Taking attendance")

    def lose_answer(route: Route) -> None:
        route.fetch(max_redirects=0)
        again = QRSession.objects.get(pk=session.pk)
        lifecycle.take_step(session=again, step="reopen", by=section.teachers.get(), at=timezone.now())
        route.abort("connectionreset")

    desk.route("**/end/", lose_answer, times=1)

    press(desk, "End session")

    expect(desk.locator(".answer-box")).to_contain_text("This step has already been taken")
    expect(desk.locator("li.unsent")).to_have_count(0)
    assert actions_of(session) == [Action.START, Action.END, Action.REOPEN]
    # The page is current now, so the next End is meant.
    press(desk, "End session")
    expect(current_step(desk)).to_have_text("Ended")
    assert actions_of(session)[3:] == [Action.END]


def test_double_click_takes_one_step(desk, session):
    desk.get_by_role("button", name="Lock joining").dblclick()

    expect(current_step(desk)).to_have_text("Locked")
    expect(desk.locator("li.unsent")).to_have_count(0)
    assert actions_of(session) == [Action.LOCK]


def test_refused_step_is_explained_and_changes_nothing(open_any, section):
    ended = factories.make_session(section=section, status=SessionStatus.ENDED)
    desk = open_session_page(open_any(**DESK), ended)
    factories.make_session(section=section)

    press(desk, "Reopen session")

    answer = desk.locator(".answer-box")
    expect(answer).to_contain_text("This section already has an open session.")
    expect(current_step(desk)).to_have_text("Ended")
    assert ended.meeting.state == MeetingState.HELD
    answer.get_by_role("button", name="Close").click()
    expect(answer).to_be_hidden()


def test_step_pressed_after_the_sign_in_ended_is_taken_after_signing_in(desk, session, section, settings):
    address = desk.url
    desk.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    press(desk, "Lock joining")
    expect(desk.locator("#undo-line")).to_contain_text("Not locked yet")

    desk.goto(address)
    sign_in(desk, section.teachers.get())

    expect(current_step(desk)).to_have_text("Locked")
    assert actions_of(session) == [Action.LOCK]


def test_discarding_without_network_keeps_the_page(desk, session):
    desk.get_by_role("button", name="End session").click()
    desk.context.set_offline(True)

    desk.get_by_role("dialog").get_by_role("button", name="Discard session").click()

    expect(desk.locator(".answer-box")).to_contain_text("The server is not responding, so nothing was sent.")
    desk.context.set_offline(False)
    desk.get_by_role("button", name="End session").click()
    desk.get_by_role("dialog").get_by_role("button", name="Discard session").click()
    expect(desk.get_by_text("The session was discarded.")).to_be_visible()


def test_page_is_not_reloaded_while_its_session_is_being_discarded(desk):
    held, navigations = [], []
    desk.route("**/discard/", lambda route: held.append((route, route.fetch(max_redirects=0))))
    desk.get_by_role("button", name="End session").click()
    desk.on("request", lambda request: request.is_navigation_request() and navigations.append(request.method))

    # Whichever of the page's polls hears it first.
    with desk.expect_response(lambda response: response.status == 404):
        desk.get_by_role("dialog").get_by_role("button", name="Discard session").click()
    desk.wait_for_timeout(500)  # for what the page does now
    assert navigations == ["POST"]
    ((route, answer),) = held
    route.fulfill(response=answer)

    expect(desk.get_by_text("The session was discarded.")).to_be_visible()


def test_back_leaves_the_page_in_one_step(desk, session, section):
    students = factories.students_of(section)
    desk.goto("/teach/")
    desk.goto(f"/teach/sessions/{session.public_id}/")
    for button, _said, step in STEPS[:3]:
        press(desk, button)
        expect(current_step(desk)).to_have_text(step)
    desk.get_by_role("searchbox").fill(students[0].name)
    desk.get_by_role("searchbox").fill("")
    desk.locator(".chip").filter(has_text="Not joined").click()
    desk.locator(".settings summary").click()
    desk.get_by_label("Show names on the screen").check()
    desk.get_by_role("button", name="Save settings").click()
    expect(desk.locator(".answer-box")).to_contain_text("Settings saved.")
    desk.get_by_role("link", name="Mark the rest absent").click()
    desk.get_by_role("button", name="Mark absent").click()
    expect(desk.locator(".answer-box")).to_contain_text("3 students marked.")

    desk.go_back()

    expect(desk).to_have_url(re.compile("/teach/$"))
    assert set(session.meeting.roster.values_list("record__status", flat=True)) == {Status.ABSENT}


def test_buttons_keep_their_places_from_state_to_state(desk):
    widths = [width for width, _scheme in SHAPES]
    # Of each kind of button in each width.
    places: dict[tuple[str, int], set[tuple[float, ...]]] = {}
    for button, _said, step in STEPS:
        for width in widths:
            desk.set_viewport_size({"width": width, "height": 844})
            for kind in ("main", "screen", "scan", "other", "end"):
                if place := _place(desk, f".act-{kind}"):
                    places.setdefault((kind, width), set()).add(place)
        press(desk, button)
        expect(current_step(desk)).to_have_text(step)

    assert {button: len(found) for button, found in places.items()} == dict.fromkeys(places, 1)
    assert set(places) == {
        (kind, width) for kind in ("main", "screen", "scan", "other", "end") for width in widths
    }


def _box(found: Locator) -> FloatRect:
    """Where the element is. While the page's parts are exchanged, one that was just found is gone for a moment."""
    box = None
    while not box:
        expect(found).to_be_visible()
        box = found.bounding_box()
    return box


def _place(page: Page, selector: str) -> tuple[float, ...] | None:
    found = page.locator(selector)
    if not found.count():
        return None
    box = _box(found)
    if selector == ".act-main":
        return box["x"], box["y"], box["width"], box["height"]
    # The words of the smaller buttons differ.
    return box["y"], box["height"]


def test_list_begins_on_the_first_screen_of_a_phone(open_any, session, section):
    students = factories.students_of(section)
    # If nobody was marked, a question comes before the list.
    factories.make_record(
        meeting=session.meeting, student=students[0], roll_number="01", status=Status.PRESENT
    )
    phone = open_session_page(open_any(**PHONE), session)
    for button, _said, step in STEPS[2:4]:
        press(phone, button)
        expect(current_step(phone)).to_have_text(step)
        row = _box(phone.locator("#students tr").first)
        # Room for a name and its link.
        assert row["y"] + 44 < PHONE["viewport"]["height"]
        # What the state means comes after the list, folded.
        assert _box(phone.locator("#now"))["y"] > row["y"]
        expect(phone.locator("#now p").first).to_be_hidden()
