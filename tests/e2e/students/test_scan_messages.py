"""The messages about a scan: each belongs to a state of the student's page and goes when the state changes."""

import itertools
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support import factories
from tests.support.browser.pages import PHONE, is_failed_request, page_opener
from tests.support.browser.phones import open_student_page

pytestmark = pytest.mark.django_db(transaction=True)

SESSION: dict[str, Any] = {
    "id": "7GK2QM9X",
    "group": None,
    "choices": [],
    "course": "CS101",
    "course_title": "Computing",
    "section": 1,
    "section_name": "A",
    "teacher": "Asha Rao",
    "status": "active",
    "can_join": False,
    "can_scan": False,
    "joined_at": None,
    "marked_at": None,
    "code_enabled": True,
    "mark": None,
    "late_from": None,
    "stats": {"total_joined": 0, "total_present": 0, "total_students": 3, "source": "redis"},
}
MOMENT = "2026-09-01T10:00:00+00:00"
UNMARKED: dict[str, dict[str, Any]] = {
    "scan": {"can_scan": True},
    "choose": {"can_join": True, "choices": [{"section": 1, "course": "CS101", "name": "A"}]},
    "join": {"can_join": True},
    "waiting": {"status": "locked", "joined_at": MOMENT},
    "not_joined": {},
    "locked": {"status": "locked"},
}
MARKED = {
    status: {"mark": status, "marked_at": MOMENT} for status in ("present", "late", "excused", "absent")
}
# The session is no longer open. It is shown as ended if the student has a record.
NOT_OPEN = ("ended", "none")
STATES = [*UNMARKED, *MARKED, *NOT_OPEN]
# The message: the server's answer to the scan.
ANSWERS = {
    "late": (409, {"code": "token_expired", "detail": "Expired."}),
    "refused": (403, {"code": "not_enrolled", "detail": "Refused."}),
    "kept": (503, {}),
    "wait": (429, {"code": "too_many", "detail": "Too many."}),
}
# The server of these tests: it answers what the test sets.
ANSWERING = """
const real = window.fetch;
const json = (body, status = 200) => new Response(JSON.stringify(body), { status });
window.fetch = async (url, options) => {
  const { sessions, records, mark } = window.answering ?? {};
  if (!sessions) return real(url, options);
  if (url.endsWith("/me/session/")) return json({ sessions, poll_after_ms: 600000 });
  if (url.endsWith("/me/records/")) return json(records);
  if (url.endsWith("/mark/")) return json(mark[1], mark[0]);
  return real(url, options);
};
"""
# Goes through pairs of states, and returns which message was shown in the first and in the second. Its turns end by
# messages to itself, because the browser makes nested timers wait.
GO_THROUGH = """async ({ pairs, answers, mark }) => {
  const page = document.querySelector("[data-student]");
  const scans = `rollcall:scans:${page.dataset.user}`;
  const shown = () => [...page.querySelectorAll("[data-word]:not([hidden])")].map((one) => one.dataset.word).join();
  const state = () => page.querySelector("[data-cards] > *")?.dataset.state ?? "none";
  const { port1: here, port2: there } = new MessageChannel();
  const nextTurn = () => new Promise((next) => { here.onmessage = next; there.postMessage(null); });
  const until = async (isTrue) => {
    for (const end = performance.now() + 30000; !isTrue(); await nextTurn())
      if (performance.now() > end) throw new Error(`${isTrue} in ${state()}`);
  };
  const settle = async () => { for (let turn = 0; turn < 4; turn += 1) await nextTurn(); };
  const become = async (wanted) => {
    window.answering = { ...answers[wanted], mark };
    dispatchEvent(new Event("online"));
    await until(() => state() === wanted);
    await settle();
  };
  const found = [];
  for (const [index, [first, second]] of pairs.entries()) {
    localStorage.removeItem(scans);
    await become("waiting");
    await become("scan");
    if (first === "none" || first === "ended") await become("waiting");
    if (first !== "scan") await become(first);
    const token = `7GK2QM9X${String(index).padStart(12, "0")}`;
    localStorage.setItem(scans, JSON.stringify([{ token, at: Date.now() - 60000 }]));
    dispatchEvent(new Event("online"));
    await settle();
    const before = shown();
    await become(second);
    found.push([first, second, before, shown()]);
  }
  localStorage.removeItem(scans);
  return found;
}"""


@pytest.fixture
def phone(browser, live_server):
    student = factories.students_of(factories.make_section(students=1))[0]
    with page_opener(browser, live_server.url, is_expected=is_failed_request, script=ANSWERING) as open_page:
        phone = open_page(**PHONE)
        open_student_page(phone, student)
        expect(phone.get_by_role("heading", name="No class is open for you right now")).to_be_visible()
        yield phone


def answers() -> dict[str, dict[str, Any]]:
    """What the server answers in each state."""
    ended = {"session": SESSION["id"], "status": "absent", "marked_at": None}
    records = {
        "ended": [{"course": "CS101", "name": "A", "meetings": [ended]}],
        "none": [{"course": "CS101", "name": "A", "meetings": []}],
    }
    found = {state: {"sessions": [], "records": records[state]} for state in NOT_OPEN}
    for state, values in (UNMARKED | MARKED).items():
        found[state] = {"sessions": [SESSION | values], "records": []}
    return found


def first_shown(message: str, state: str) -> str:
    if state in MARKED:
        return ""
    # Only where the student can scan does the page ask for another scan.
    return "missed" if message == "late" and state not in ("scan", "not_joined") else message


def then_shown(message: str, state: str) -> str:
    """After the state has changed, only a scan that is still being sent has a message."""
    return message if message in ("kept", "wait") and state not in MARKED else ""


@pytest.mark.parametrize("message", ANSWERS)
def test_message_goes_with_its_state(phone, message):
    # A page that shows an ended class keeps showing it until another one opens, and the other way round.
    pairs = [pair for pair in itertools.permutations(STATES, 2) if set(pair) != set(NOT_OPEN)]

    found = phone.evaluate(GO_THROUGH, {"pairs": pairs, "answers": answers(), "mark": ANSWERS[message]})

    assert [tuple(one) for one in found] == [
        (first, second, first_shown(message, first), then_shown(message, second)) for first, second in pairs
    ]


def test_message_of_the_server_goes_when_the_student_is_marked(phone):
    place = (
        "const box = document.querySelector('.messages'); box.innerHTML = '<p class=message>Wrong code.</p>';"
    )
    phone.evaluate(place)
    message = phone.get_by_text("Wrong code.")
    for state in ("waiting", "scan"):
        phone.evaluate(
            "answers => { window.answering = answers; dispatchEvent(new Event('online')); }", answers()[state]
        )
        expect(phone.locator(f"[data-cards] [data-state={state}]")).to_be_visible()
        expect(message).to_be_visible()

    phone.evaluate(
        "answers => { window.answering = answers; dispatchEvent(new Event('online')); }", answers()["late"]
    )

    expect(phone.locator("[data-cards] [data-state=late]")).to_be_visible()
    expect(message).to_have_count(0)
