"""Sessions and group sessions under any sequence of actions, compared with a model written from the design.

After every action the test compares the answer, the registers, the counts and the sets in Valkey with the model's.
"""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import hypothesis
import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone
from hypothesis import HealthCheck, Phase, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from attendance.lib.refusals import Refused
from attendance.models import AttendanceRecord, User
from qrsessions.codes import tokens
from qrsessions.models import GroupSession, QRSession
from qrsessions.services import scanning
from tests.support import factories
from tests.support.classes import client_of
from tests.support.live_sets import live_set
from tests.support.races import patient_caches

STEPS = {
    "lock": ({"created"}, "locked"),
    "unlock": ({"locked"}, "created"),
    "start": ({"created", "locked"}, "active"),
    "end": ({"created", "locked", "active"}, "ended"),
    "reopen": ({"ended"}, "active"),
}
# Three sections, A, B and C, and who is in which. The last student is in none of them.
ENROLLED = [{0}, {0}, {1}, {2}, {0, 1}, {1, 2}, {0, 1, 2}, set[int]()]
# The head teaches all, the colleague the last two, the stranger none.
TEACHES = [{0, 1, 2}, {1, 2}, set[int]()]
# Long enough for a token to expire between two actions. It is also half a claim's life and half a code's step.
BETWEEN_ACTIONS = datetime.timedelta(seconds=16)


@dataclass(frozen=True)
class Mark:
    status: str
    method: str
    at: datetime.datetime
    by: int | None = None


@dataclass(eq=False)
class Session:
    public_id: str
    section: int
    policy: str
    status: str = "created"
    group: "Group | None" = None
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None
    joined: dict[int, datetime.datetime] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)
    # Scans refused because the student had not joined: when, and by which method.
    scans: dict[int, tuple[datetime.datetime, str]] = field(default_factory=dict)

    def mark_of(self, student: int) -> Mark | None:
        """The student's mark. An absence recorded by the end does not count as one."""
        mark = self.marks.get(student)
        return mark if mark and mark.method != "end" else None

    @property
    def members(self) -> list["Session"]:
        return [self]

    def waiting(self) -> dict[int, tuple[datetime.datetime, str]]:
        return {student: scan for student, scan in self.scans.items() if not self.mark_of(student)}


@dataclass(eq=False)
class Group:
    public_id: str
    policy: str
    members: list[Session]
    seats: dict[int, Session] = field(default_factory=dict)

    @property
    def status(self) -> str:
        (status,) = {member.status for member in self.members}
        return status


Source = Session | Group


# Each action mixes a seed with its own number. Hypothesis's own draws repeat so often that hardly anyone would be
# marked.
SEEDS = st.integers(0, 2**40)
ANY_TEACHER = [0, 0, 0, 1, 2]
SOURCES = [0, 0, 0, 0, 1, 2, 3]
POLICIES = ["strict", "strict", "open"]
# The weight of each action, and the values of its arguments.
ACTIONS: dict[str, tuple[int, dict[str, Sequence[Any]]]] = {
    "open_session": (1, {"teacher": ANY_TEACHER, "section": range(3), "policy": POLICIES}),
    "open_group": (
        2,
        {
            "teacher": ANY_TEACHER,
            "sections": [[0], [0, 1], [2, 1], [0, 1, 2], [2, 0], [1, 0, 1]],
            "policy": POLICIES,
        },
    ),
    "take_step": (1, {"teacher": ANY_TEACHER, "which": SOURCES, "step": list(STEPS)}),
    "take_the_usual_step": (3, {"which": SOURCES}),
    "join": (3, {"student": range(8), "which": SOURCES, "section": [None, 0, 1, 2]}),
    "scan": (
        10,
        {
            "student": range(8),
            "which": SOURCES,
            "kind": ["fresh", "fresh", "fresh", "fresh", "expired", "future", "forged"],
        },
    ),
    "type_code": (
        3,
        {"student": range(8), "which": SOURCES, "kind": ["fresh", "fresh", "fresh", "expired", "wrong"]},
    ),
    "open_the_scan_address": (4, {"student": range(7), "which": SOURCES}),
    "mark_by_claim": (5, {"which": range(4), "thief": [None, None, None, *range(7)]}),
    "admit": (3, {"teacher": ANY_TEACHER, "which": SOURCES, "student": [None, *range(7)]}),
    "correct": (
        5,
        {
            "teacher": ANY_TEACHER,
            "which": range(5),
            "student": range(7),
            "status": ["present", "late", "excused", "absent", None],
        },
    ),
    "add_section": (3, {"teacher": ANY_TEACHER, "which": [0, 0, 1], "section": range(3)}),
    "leave_group": (2, {"teacher": ANY_TEACHER, "which": range(4)}),
}


def places(source: Source, student: int) -> list[Session]:
    """The student's sessions. The one in which the student counts comes first."""
    mine = [one for one in source.members if one.section in ENROLLED[student]]
    seat = source.seats.get(student) if isinstance(source, Group) else None
    return sorted(mine, key=lambda one: (one is not seat, one.section))


def counted(session: Session) -> set[int]:
    source = session.group or session
    return {s for s in range(len(ENROLLED)) if (mine := places(source, s)) and mine[0] is session}


def teaches(teacher: int, source: Source) -> bool:
    return {member.section for member in source.members} <= TEACHES[teacher]


class Life(RuleBasedStateMachine):
    """Every example has its own school, because that is cheaper than emptying the tables."""

    def __init__(self) -> None:
        super().__init__()
        self.now = timezone.now().replace(microsecond=0)
        self.clock = time_machine.travel(self.now, tick=False)
        self.coordinates = self.clock.start()
        cache.clear()
        self.teachers = [factories.make_teacher() for _ in TEACHES]
        self.students = factories.make_students(len(ENROLLED))
        self.sections = [
            factories.make_section(
                students=[s for s, mine in zip(self.students, ENROLLED, strict=True) if number in mine],
                teachers=[t for t, mine in zip(self.teachers, TEACHES, strict=True) if number in mine],
            )
            for number in range(3)
        ]
        self.teacher_clients = [client_of(teacher) for teacher in self.teachers]
        self.student_clients = [client_of(factories.user_of(student)) for student in self.students]
        self.seed = self.actions = 0
        self.sessions: list[Session] = []
        self.groups: list[Group] = []
        self.claims: list[tuple[int, Source, datetime.datetime, str]] = []

    def teardown(self) -> None:
        self.clock.stop()

    # --- The actions ------------------------------------------------------------------------------------

    @initialize(seed=SEEDS)
    def a_class_begins(self, seed: int) -> None:
        self.seed = seed
        random = Random(seed)
        sections = random.choice([[0], [0, 1], [1, 2], [0, 1, 2]])
        policy = random.choice(["strict", "strict", "open"])
        if len(sections) == 1:
            self.open_session(0, sections[0], policy)
        else:
            self.open_group(0, sections, policy)
        for student in random.sample(range(7), 5):
            self.join(student, 0, random.choice(sections))
        if random.random() < 0.8:
            self.take_step(0, 0, "start")

    @rule(seed=SEEDS)
    def somebody_acts(self, seed: int) -> None:
        """Any action by anyone. Actions that are common in a class are chosen more often."""
        self.actions += 1
        random = Random(f"{self.seed} {self.actions} {seed}")
        action = random.choices(list(ACTIONS), weights=[weight for weight, _ in ACTIONS.values()])[0]
        arguments = {name: random.choice(choices) for name, choices in ACTIONS[action][1].items()}
        note(f"{action} {arguments}")
        getattr(self, action)(**arguments)

    def open_session(self, teacher: int, section: int, policy: str) -> None:
        answer = self._teacher_posts(
            teacher, "sessions/", {"section": self.sections[section].pk, "join_policy": policy}
        )
        if section not in TEACHES[teacher]:
            expect(answer, 404, "not_found")
        elif running := self._running([section]):
            expect(answer, 409, "session_open")
            assert answer.json()["session"] == running[0].public_id
        else:
            expect(answer, 201)
            self.sessions.append(Session(answer.json()["id"], section, policy))

    def open_group(self, teacher: int, sections: list[int], policy: str) -> None:
        ids = [self.sections[number].pk for number in sections]
        answer = self._teacher_posts(teacher, "group-sessions/", {"sections": ids, "join_policy": policy})
        if not set(sections) <= TEACHES[teacher]:
            expect(answer, 404, "not_taught")
        elif len(set(sections)) < len(sections):
            expect(answer, 400, "listed_twice")
        elif running := self._running(sections):
            expect(answer, 409, "session_open")
            assert {one["session"] for one in answer.json()["sections"]} == {r.public_id for r in running}
        else:
            expect(answer, 201)
            by_pk = {self.sections[number].pk: number for number in sections}
            members = [Session(one["id"], by_pk[one["section"]], policy) for one in answer.json()["sessions"]]
            self.groups.append(Group(answer.json()["id"], policy, members))
            for member in members:
                member.group = self.groups[-1]
            self.sessions += members

    def take_the_usual_step(self, which: int) -> None:
        """Take the usual next step. Random steps would rarely reach the end, let alone a reopening."""
        source = self._source(which)
        if source:
            usual = {"created": "start", "locked": "start", "active": "end", "ended": "reopen"}
            self.take_step(0, which, usual[source.status])

    def take_step(self, teacher: int, which: int, step: str) -> None:
        source = self._source(which)
        if source is None:
            return
        before, after = STEPS[step]
        answer = self._teacher_posts(teacher, f"{address(source)}{step}/")
        sections = [member.section for member in source.members]
        if not teaches(teacher, source):
            expect(answer, 404, "not_found")
        elif isinstance(source, Session) and source.group:
            expect(answer, 409, "in_group")
        elif source.status not in before:
            expect(answer, 409, "wrong_state")
        elif step == "reopen" and self._running(sections):
            expect(answer, 409, "session_open")
        else:
            expect(answer, 200)
            for member in source.members:
                self._take(member, step, after)

    def _take(self, session: Session, step: str, after: str) -> None:
        session.status = after
        if step == "start":
            session.started_at = session.started_at or self.now
        elif step == "end":
            session.ended_at = self.now
            for student, mine in enumerate(ENROLLED):
                if session.section in mine and student not in session.marks:
                    session.marks[student] = Mark("absent", "end", self.now)
        elif step == "reopen":
            session.started_at = session.started_at or self.now
            session.ended_at = None
            session.marks = {s: mark for s, mark in session.marks.items() if mark.method != "end"}

    def join(self, student: int, which: int, section: int | None) -> None:
        source = self._source(which)
        if source is None:
            return
        wanted = self.sections[section].pk if section is not None else None
        body = {"section": wanted} if isinstance(source, Group) else {}
        answer = self.student_clients[student].post(f"/api/v1/{address(source)}join/", body, format="json")
        mine = places(source, student)
        chosen = mine if len(mine) == 1 else [one for one in mine if one.section == section]
        if not mine:
            expect(answer, 403, "not_enrolled")
        elif isinstance(source, Session) and source.group:
            expect(answer, 409, "in_group")
        elif joined := [one for one in mine if student in one.joined]:
            expect(answer, 200)
            assert answer.json()["session"] == joined[0].public_id
        elif source.status == "ended":
            expect(answer, 409, "wrong_state")
        elif source.status != "created" and source.policy == "strict":
            expect(answer, 409, "locked")
        elif not chosen:
            expect(answer, 409, "choose_section")
            assert {one["section"] for one in answer.json()["choices"]} == {
                self.sections[one.section].pk for one in mine
            }
        else:
            expect(answer, 201)
            assert answer.json()["session"] == chosen[0].public_id
            chosen[0].joined[student] = self.now
            self._seat(source, student, chosen[0])

    def scan(self, student: int, which: int, kind: str) -> None:
        source = self._source(which)
        if source is None:
            return
        real = stored(source)
        step = tokens.step_at(self.now) + {"expired": -2, "future": 1}.get(kind, 0)
        token = tokens.make(
            public_id=real.public_id, secret=b"?" * 32 if kind == "forged" else real.secret, step=step
        )
        answer = self.student_clients[student].post("/api/v1/mark/", {"token": token}, format="json")
        # A session that is run with a group has no token of its own.
        group = source.group if isinstance(source, Session) else None
        wrong = kind in ("future", "forged") or group is not None
        self._expect_mark(answer, group or source, student, "qr", fresh=kind == "fresh", wrong=wrong)

    def type_code(self, student: int, which: int, kind: str) -> None:
        source = self._source(which)
        if source is None:
            return
        # The page sends the id of the student's session or of the group.
        shown_by: Source = source.group if isinstance(source, Session) and source.group else source
        real = stored(shown_by)
        shown_at = self.now - datetime.timedelta(seconds=60 if kind == "expired" else 0)
        code = tokens.make_code(public_id=real.public_id, secret=real.secret, at=shown_at)
        if kind == "wrong":
            code = f"{(int(code) + 1) % 10**8:08}"
        cache.clear()  # other tests cover the rate limit
        body = {"session": source.public_id, "code": code}
        answer = self.student_clients[student].post("/api/v1/mark/", body, format="json")
        fresh, wrong = kind == "fresh", kind == "wrong"
        self._expect_mark(answer, shown_by, student, "code", fresh=fresh, wrong=wrong)

    def open_the_scan_address(self, student: int, which: int) -> None:
        """Open the scanned address now and submit its form later. Codes are shown only while the session is active."""
        source = self._source(which)
        if source is None or (isinstance(source, Session) and source.group) or source.status != "active":
            return
        real = stored(source)
        token = tokens.make(public_id=real.public_id, secret=real.secret, step=tokens.step_at(self.now))
        who = self.students[student]
        claim = scanning.arrive(token=token, user=factories.user_of(who), student=who, at=self.now)
        assert claim
        self.claims.append((student, source, self.now, claim))

    def mark_by_claim(self, which: int, thief: int | None) -> None:
        if not self.claims:
            return
        owner, source, arrived_at, claim = self.claims[-1 - which % len(self.claims)]
        student = owner if thief is None else thief
        who = self.students[student]
        try:
            scanned = scanning.mark_by_claim(
                claim=claim, user=factories.user_of(who), student=who, at=self.now
            )
        except Refused as refusal:
            answer = Answer(refusal.status, {"code": refusal.code})
        else:
            created = scanned.marked.created
            body = {"code": "marked" if created else "already_marked", "session": scanned.session.public_id}
            answer = Answer(201 if created else 200, body)
        if student != owner:
            expect(answer, 400, "token_invalid")
            return
        # A session that left its group has its own code. An older claim still belongs to the group.
        fresh = self.now - arrived_at <= datetime.timedelta(seconds=60)
        self._expect_mark(answer, source, student, "qr", fresh=fresh, arrived_at=arrived_at)

    def _expect_mark(
        self,
        answer: Any,
        source: Source,
        student: int,
        method: str,
        *,
        fresh: bool,
        wrong: bool = False,
        arrived_at: datetime.datetime | None = None,
    ) -> None:
        mine = places(source, student)
        own = mine[0] if mine else None
        if own is None:
            expect(answer, 403, "not_enrolled")
        elif own.mark_of(student):
            expect(answer, 200, "already_marked")
            assert answer.json()["session"] == own.public_id
        elif not (own.status == "active" or self._was_active(own, arrived_at)):
            expect(answer, 409, "not_active")
        elif wrong:
            expect(answer, 400, "token_invalid")
        elif not fresh:
            expect(answer, 409, "token_expired")
        elif own.policy == "strict" and not any(student in one.joined for one in mine):
            expect(answer, 409, "not_joined")
            own.scans.setdefault(student, (arrived_at or self.now, method))
        else:
            expect(answer, 201, "marked")
            assert answer.json()["session"] == own.public_id
            self._mark(
                source,
                student,
                Mark("present", method, arrived_at or self.now),
                joins=own.policy == "open",
            )

    def _was_active(self, session: Session, at: datetime.datetime | None) -> bool:
        """Whether a claim that arrived at this time still counts after the end."""
        if at is None or session.status != "ended" or session.started_at is None:
            return False
        return session.started_at <= at <= (session.ended_at or at)

    def _mark(self, source: Source, student: int, mark: Mark, *, joins: bool) -> bool:
        """Write the mark in every section of the student that has none. Return whether the counting section got it."""
        own, *others = places(source, student)
        written = own.mark_of(student) is None
        if written and joins:
            own.joined.setdefault(student, mark.at)
        if joins:
            self._seat(source, student, own)
        for one in (own, *others):
            if one.mark_of(student) is None:
                one.marks[student] = mark
        return written

    def _seat(self, source: Source, student: int, session: Session) -> None:
        if isinstance(source, Group):
            source.seats[student] = session

    def admit(self, teacher: int, which: int, student: int | None) -> None:
        source = self._source(which)
        if source is None:
            return
        body = {} if student is None else {"student_ids": [self.students[student].student_id]}
        answer = self._teacher_posts(teacher, f"{address(source)}waiting/", body)
        if not teaches(teacher, source):
            expect(answer, 404, "not_found")
            return
        admitted = 0
        for session in source.members:
            for waiting, (at, method) in session.waiting().items():
                if student in (None, waiting):
                    mark = Mark("present", method, at, self.teachers[teacher].pk)
                    admitted += self._mark(session.group or session, waiting, mark, joins=True)
                    del session.scans[waiting]
        expect(answer, 200)
        assert answer.json()["admitted"] == admitted

    def correct(self, teacher: int, which: int, student: int, status: str | None) -> None:
        if not self.sessions:
            return
        session = self.sessions[-1 - which % len(self.sessions)]
        answer = self.teacher_clients[teacher].put(
            f"/api/v1/sessions/{session.public_id}/records/{self.students[student].student_id}/",
            {"status": status},
            format="json",
        )
        if not teaches(teacher, session) or session.section not in ENROLLED[student]:
            expect(answer, 404, "not_found")
            return
        expect(answer, 200)
        assert answer.json()["record"]["status"] == status
        here = session.mark_of(student)
        for one in places(session.group or session, student):
            # The other registers of the group follow if they held the same mark.
            if one.mark_of(student) == here:
                self._enter(one, student, status, self.teachers[teacher])

    def _enter(self, session: Session, student: int, status: str | None, by: User) -> None:
        mark = session.mark_of(student)
        if status is None:
            session.marks.pop(student, None)
        elif mark is None or mark.status != status:
            session.marks[student] = Mark(status, "manual", self.now, by.pk)

    def add_section(self, teacher: int, which: int, section: int) -> None:
        if not self.groups:
            return
        group = self.groups[-1 - which % len(self.groups)]
        answer = self._teacher_posts(
            teacher, f"{address(group)}sections/", {"section": self.sections[section].pk}
        )
        if not teaches(teacher, group):
            expect(answer, 404, "not_found")
        elif section not in TEACHES[teacher]:
            expect(answer, 404, "not_taught")
        elif group.status == "ended":
            expect(answer, 409, "wrong_state")
        elif section in [member.section for member in group.members]:
            expect(answer, 400, "listed_twice")
        elif self._running([section]):
            expect(answer, 409, "session_open")
        else:
            expect(answer, 201)
            first = group.members[0]
            added = Session(answer.json()["id"], section, group.policy, group.status, group)
            added.started_at = self.now if first.started_at else None
            # A student who is already marked is not absent in a section added later.
            for student, mine in enumerate(ENROLLED):
                own = places(group, student)
                if section in mine and own and (mark := own[0].mark_of(student)):
                    added.marks[student] = mark
            self.sessions.append(added)
            group.members.append(added)

    def leave_group(self, teacher: int, which: int) -> None:
        if not self.sessions:
            return
        session = self.sessions[-1 - which % len(self.sessions)]
        answer = self._teacher_posts(teacher, f"{address(session)}leave/")
        group = session.group
        if not teaches(teacher, session):
            expect(answer, 404, "not_found")
        elif group is None:
            expect(answer, 409, "not_in_group")
        elif group.status == "ended":
            expect(answer, 409, "wrong_state")
        elif len(group.members) == 1:
            expect(answer, 409, "last_section")
        else:
            expect(answer, 200)
            group.members.remove(session)
            group.seats = {student: seat for student, seat in group.seats.items() if seat is not session}
            session.group = None

    # --- What is compared after each ----------------------------------------------------------------------

    @invariant()
    def registers_say_what_happened(self) -> None:
        found: dict[str, dict[str, Any]] = {session.public_id: {} for session in self.sessions}
        rows: Iterable[tuple[Any, ...]] = AttendanceRecord.objects.filter(
            meeting__public_id__in=found
        ).values_list(
            "meeting__public_id",
            "student__student_id",
            "joined_at",
            "status",
            "method",
            "marked_at",
            "marked_by",
        )
        for public_id, student_id, joined_at, status, method, marked_at, marked_by in rows:
            if joined_at or status:
                mark = Mark(status, method, marked_at, marked_by) if status else None
                found[public_id][student_id] = (joined_at, mark)
        assert found == {
            session.public_id: {
                self.students[student].student_id: (session.joined.get(student), session.marks.get(student))
                for student in session.joined.keys() | session.marks.keys()
            }
            for session in self.sessions
        }

    @invariant()
    def counts_are_right(self) -> None:
        singles = self._teacher_gets("sessions/")
        together = self._teacher_gets("group-sessions/")
        assert {one["id"]: (one["status"], one["group"], *numbers(one["stats"])) for one in singles} == {
            one.public_id: (one.status, one.group.public_id if one.group else None, *self._numbers([one]))
            for one in self.sessions
        }
        assert {
            one["id"]: (one["status"], one["stats"]["total_sections"], *numbers(one["stats"]))
            for one in together
        } == {
            one.public_id: (one.status, len(one.members), *self._numbers(one.members)) for one in self.groups
        }

    @invariant()
    def sets_hold_who_counts(self) -> None:
        """The sets are right immediately. Nothing was lost, so nothing needs a repair."""
        for session in self.sessions:
            real = QRSession.objects.select_related("meeting").get(meeting__public_id=session.public_id)
            rolls = dict(
                self.sections[session.section].enrolments.values_list("student__student_id", "roll_number")
            )
            ids = {student: self.students[student].student_id for student in counted(session)}
            assert live_set(real, "joined") == {ids[s] for s in session.joined if s in ids}
            assert live_set(real, "attended") == {rolls[ids[s]] for s in present(session) if s in ids}
        self.now += BETWEEN_ACTIONS
        self.coordinates.move_to(self.now)

    def _numbers(self, sessions: Iterable[Session]) -> tuple[int, int, int, float]:
        total = joined = here = 0
        for session in sessions:
            mine = counted(session)
            total += len(mine)
            joined += len(mine & session.joined.keys())
            here += len(mine & present(session))
        # Rounded half up to one decimal.
        return total, joined, here, (2000 * here + total) // (2 * total) / 10 if total else 0

    # --- Helpers --------------------------------------------------------------------------------------------

    def _running(self, sections: Sequence[int]) -> list[Session]:
        return [one for one in self.sessions if one.status != "ended" and one.section in sections]

    def _source(self, which: int) -> Source | None:
        """Choose a session or group, recent ones more often. Members of groups are included and must be refused."""
        singles = [session for session in self.sessions if not session.group]
        sources: list[Source] = [*self.sessions[-1:], *singles[-3:], *self.groups[-3:], *self.groups[-1:]]
        return sources[-1 - which % len(sources)] if sources else None

    def _teacher_posts(self, teacher: int, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.teacher_clients[teacher].post(f"/api/v1/{path}", body or {}, format="json")

    def _teacher_gets(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.teacher_clients[0].get(f"/api/v1/{path}").json()
        assert {row["stats"]["source"] for row in rows} <= {"redis"}
        return rows


@dataclass(frozen=True)
class Answer:
    """A service's result in the shape of an API response."""

    status_code: int
    body: dict[str, Any]

    def json(self) -> dict[str, Any]:
        return self.body


def expect(answer: Any, status: int, code: str | None = None) -> None:
    body = answer.json()
    assert (answer.status_code, body.get("code")) == (status, code), body


def address(source: Source) -> str:
    kind = "sessions" if isinstance(source, Session) else "group-sessions"
    return f"{kind}/{source.public_id}/"


def stored(source: Source) -> QRSession | GroupSession:
    if isinstance(source, Group):
        return GroupSession.objects.select_related("group").get(group__public_id=source.public_id)
    return QRSession.objects.select_related("meeting").get(meeting__public_id=source.public_id)


def present(session: Session) -> set[int]:
    return {student for student, mark in session.marks.items() if mark.status in ("present", "late")}


def numbers(shown: dict[str, Any]) -> tuple[int, int, int, float]:
    return (
        shown["total_students"],
        shown["total_joined"],
        shown["total_present"],
        shown["present_percentage"],
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("examples", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_any_sequence_of_actions_agrees_with_the_model(settings, examples):
    settings.CACHES = patient_caches()
    run_state_machine_as_test(
        Life,
        settings=hypothesis.settings(
            max_examples=examples,
            stateful_step_count=25,
            derandomize=True,
            phases=[Phase.generate, Phase.shrink],
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
