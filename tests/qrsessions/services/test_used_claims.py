"""A claim works once, ever: also after the teacher took the mark back, in groups, and when the database was away."""

import datetime
import re
import threading

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attendance.models import AttendanceRecord, Status
from qrsessions.codes import claims
from qrsessions.codes.devices import COOKIE
from qrsessions.models import GroupSession, QRSession, RefusedScan, UsedNonce
from qrsessions.services import corrections, scanning, used_nonces
from qrsessions.views.scan import CLAIM_COOKIE
from tests.support import factories
from tests.support.classes import Class, client_of, token_of
from tests.support.pages import browser_of, held_by
from tests.support.postgres.database import everything_written
from tests.support.postgres.statements import statements_sent
from tests.support.races import run_concurrently

CLAIM = "/scan/"
MARK = "/api/v1/mark/"


@pytest.fixture
def taking(taught_class):
    taught_class.session = taught_class.open(join_policy="open")
    taught_class.step(taught_class.session, "start")
    taught_class.session.refresh_from_db()
    return taught_class


def claim_of(browser: Client, session: QRSession | GroupSession) -> str:
    """The claim that a signed-in browser gets when it opens the token's address."""
    page = browser.get(reverse("qrsessions:scan", args=[token_of(session)])).content.decode()
    found = re.search(r'name="claim" value="([^"]+)"', page)
    assert found, page
    return found[1]


def claim_before_sign_in(session: QRSession) -> Client:
    """A browser that opened the token's address before its student signs in."""
    browser = Client()
    assert CLAIM_COOKIE in browser.get(reverse("qrsessions:scan", args=[token_of(session)])).cookies
    return browser


def take_back(taught_class, number=0, session=None):
    corrections.correct(
        session=session or taught_class.session,
        student=taught_class.students[number],
        status=None,
        by=taught_class.teacher,
        at=timezone.now(),
    )


def statuses(session: QRSession) -> list[str | None]:
    records = AttendanceRecord.objects.filter(meeting=session.meeting_id).order_by("student")
    return list(records.values_list("status", flat=True))


def send(browser: Client, claim: str) -> int:
    return browser.post(CLAIM, {"claim": claim}).status_code


def test_claim_does_not_mark_again_after_the_teacher_took_the_mark_back(taking):
    browser = browser_of(taking.students[0])
    claim = claim_of(browser, taking.session)
    assert send(browser, claim) == 303
    assert send(browser, claim) == 303
    take_back(taking)
    before = everything_written()

    refused = browser.post(CLAIM, {"claim": claim})

    assert refused.status_code == 400
    assert "This scan has already been used." in refused.content.decode()
    assert everything_written() == before
    assert statuses(taking.session) == [None]
    assert send(browser, claim_of(browser, taking.session)) == 303
    assert statuses(taking.session) == [Status.PRESENT]


def test_claim_marks_nobody_else_after_its_student_scanned_again(taking):
    """The student's next mark used to replace the nonce on the record."""
    browser = claim_before_sign_in(taking.session)
    browser.force_login(taking.students[0].user)
    claim = browser.cookies[CLAIM_COOKIE].value
    assert send(browser, claim) == 303
    take_back(taking)
    assert taking.mark(taking.session).status_code == 201
    before = everything_written()
    browser.force_login(taking.students[1].user)

    assert send(browser, claim) == 400
    assert everything_written() == before


def test_claim_in_a_group_does_not_mark_again(transactional_db):
    teacher, student = factories.make_teacher(), factories.make_student()
    sections = [factories.make_section(students=[student], teachers=[teacher]) for _ in range(2)]
    taught_class = Class(sections[0], teacher, [student])
    body = {"sections": [section.pk for section in sections], "join_policy": "open"}
    group = taught_class.as_teacher.post("/api/v1/group-sessions/", body, format="json").json()["id"]
    taught_class.as_teacher.post(f"/api/v1/group-sessions/{group}/start/")
    members = list(QRSession.objects.filter(meeting__group__public_id=group).with_names().order_by("pk"))
    browser = browser_of(student)
    claim = claim_of(browser, members[0].run_as)
    assert send(browser, claim) == 303
    assert [statuses(member) for member in members] == [[Status.PRESENT], [Status.PRESENT]]
    take_back(taught_class, session=members[0])
    before = everything_written()

    assert send(browser, claim) == 400
    assert everything_written() == before
    assert [statuses(member) for member in members] == [[None], [None]]


def test_claim_of_an_admitted_scan_does_not_mark_again(taught_class):
    taught_class.session = taught_class.open()
    taught_class.step(taught_class.session, "start")
    taught_class.session.refresh_from_db()
    browser = browser_of(taught_class.students[0])
    claim = claim_of(browser, taught_class.session)
    assert send(browser, claim) == 409
    waiting = f"/api/v1/sessions/{taught_class.session.public_id}/waiting/"
    taught_class.as_teacher.post(waiting, {}, format="json")
    assert statuses(taught_class.session) == [Status.PRESENT]
    take_back(taught_class)
    before = everything_written()

    assert send(browser, claim) == 400
    assert everything_written() == before


def test_claim_of_a_waiting_scan_is_refused_the_same_way_each_time_and_waits_for_one_student_only(
    taught_class,
):
    session = taught_class.open()
    taught_class.step(session, "start")
    session.refresh_from_db()
    browser = claim_before_sign_in(session)
    claim = browser.cookies[CLAIM_COOKIE].value

    answers = []
    for number in (0, 0, 1):
        browser.force_login(taught_class.students[number].user)
        answers.append(send(browser, claim))

    assert answers == [409, 409, 409]
    assert [scan.student for scan in RefusedScan.objects.all()] == [taught_class.students[0]]


def test_scan_kept_while_the_database_was_away_does_not_mark_after_its_mark_was_taken_back(taking):
    """The first request was committed though its answer was lost, so the phone holds a claim for the same scan."""
    phone = client_of(taking.students[0].user)
    token = token_of(taking.session)
    key = phone.cookies["sessionid"].value
    claim = scanning.keep(token=token, credential=key, at=timezone.now())
    assert phone.post(MARK, {"token": token}, format="json").status_code == 201
    take_back(taking)
    before = everything_written()

    answer = phone.post(MARK, {"claim": claim}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, "token_invalid")
    assert everything_written() == before


def test_claim_that_arrived_after_the_mark_was_taken_back_marks(taking):
    taking.mark(taking.session)
    take_back(taking)
    browser = browser_of(taking.students[0])

    assert send(browser, claim_of(browser, taking.session)) == 303
    assert statuses(taking.session) == [Status.PRESENT]


def test_undone_mistake_of_the_teacher_costs_no_claim(taking):
    """The teacher marked the wrong student absent, and took that back, while the student was signing in."""
    browser = browser_of(taking.students[0])
    claim = claim_of(browser, taking.session)
    corrections.correct(
        session=taking.session,
        student=taking.students[0],
        status=Status.ABSENT,
        by=taking.teacher,
        at=timezone.now(),
    )
    take_back(taking)

    assert send(browser, claim) == 303
    assert statuses(taking.session) == [Status.PRESENT]


def test_refused_claim_is_not_used_up(taught_class):
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    session.refresh_from_db()
    browser = browser_of(factories.make_student())
    claim = claim_of(browser, session)

    assert send(browser, claim) == 403
    assert not UsedNonce.objects.exists()


@pytest.mark.parametrize("same_student", [True, False])
def test_claim_sent_twice_at_the_same_moment_marks_one_student_once(taking, monkeypatch, same_student):
    """Each request decides in a transaction of its own, as in two web processes."""
    browser = claim_before_sign_in(taking.session)
    claim, device = browser.cookies[CLAIM_COOKIE].value, browser.cookies[COOKIE].value
    both_decided = threading.Barrier(2)

    def use(nonces):
        both_decided.wait(30)
        return used_nonces_use(nonces)

    used_nonces_use = used_nonces.use
    monkeypatch.setattr(used_nonces, "use", use)
    monkeypatch.setattr(scanning._batches, "run", _alone)

    def attempt(number: int) -> int:
        phone = browser_of(taking.students[number])
        phone.cookies[COOKIE] = device
        return send(phone, claim)

    answers = run_concurrently(lambda: attempt(0), lambda: attempt(0 if same_student else 1))

    assert sorted(answers) == ([303, 303] if same_student else [303, 400])
    assert statuses(taking.session) == [Status.PRESENT]
    assert UsedNonce.objects.count() == 1


def _alone(scan: scanning.Scan) -> scanning.Scanned:
    (outcome,) = scanning._mark_batch([scan])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def test_mark_without_a_claim_asks_the_database_nothing_about_claims(taking):
    phone = client_of(taking.students[0].user)
    with statements_sent() as sent:
        assert phone.post(MARK, {"token": token_of(taking.session)}, format="json").status_code == 201

    assert [statement for statement in sent if "usednonce" in statement or "recordchange" in statement] == []


def test_nonces_are_deleted_long_after_their_claims_expired(taking):
    browser = browser_of(taking.students[0])
    send(browser, claim_of(browser, taking.session))
    now = timezone.now()

    used_nonces.delete_expired(at=now + datetime.timedelta(hours=12, minutes=59))
    assert UsedNonce.objects.count() == 1
    used_nonces.delete_expired(at=now + datetime.timedelta(hours=13, minutes=1))
    assert UsedNonce.objects.count() == 0
    assert datetime.timedelta(hours=12, seconds=claims.BROWSER_SECONDS) < used_nonces.KEPT


def test_claim_before_sign_in_belongs_to_its_browser(taking):
    claim = claim_before_sign_in(taking.session).cookies[CLAIM_COOKIE].value
    before = everything_written()

    for phone in (browser_of(taking.students[0]), browser_of(taking.students[1])):
        held_by(phone)
        assert send(phone, claim) == 400

    assert everything_written() == before
