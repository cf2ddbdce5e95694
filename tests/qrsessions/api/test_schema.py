"""The API against its OpenAPI document: generated requests get responses that match the schema.

The short form sends one request of each kind, valid or wrong, for each parameter; the long form also sends random ones.
"""

import datetime
import json
from collections.abc import Iterator

import pytest
import schemathesis
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from attendance.models import Status
from config.wsgi import application
from qrsessions.models import GroupSession
from tests.support import factories
from tests.support.factories import key_of, user_of

# Parsed from JSON, as a client does.
document = json.loads(json.dumps(SchemaGenerator(api_version="v1").get_schema(public=True), default=str))
schema = schemathesis.openapi.from_dict(document)
schema.app = application


def examples(number: int, **options) -> settings:
    return settings(
        max_examples=number,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        **options,
    )


def kind_of(case) -> tuple[str, ...]:
    """What a case that was not made at random tries, such as a wrong type in one of the parameters."""
    data = case.meta.phase.data
    return case.method, data.parameter, data.location, data.description


class Callers:
    """A teacher and a student who send the requests of one test, all about objects that they may see."""

    def __init__(self, taught_class) -> None:
        self.taught_class = taught_class
        self.teacher, self.student = key_of(taught_class.teacher), key_of(user_of(taught_class.students[0]))
        # A register that was taken, so that registers and reports are not empty.
        section, yesterday = taught_class.section, timezone.now() - datetime.timedelta(days=1)
        self.held = factories.make_meeting(section=section, starts_at=yesterday, ended_at=yesterday)
        for student, status in zip(taught_class.students, (Status.PRESENT, Status.LATE, None), strict=True):
            factories.make_record(meeting=self.held, student=student, status=status)
        self.other_sections = [factories.make_section(teachers=[taught_class.teacher]) for _ in range(2)]
        for other in self.other_sections:
            factories.make_enrolment(section=other, student=taught_class.students[0])
        # Names in paths, with what they stand for. Empty until they are looked up.
        self.ids: dict[str, str | int] = {}
        # Who may not send what, whatever it contains: key, method and path of the document.
        self.refused: set[tuple[str, str, str]] = set()
        self.sent_kinds: set[tuple[str, ...]] = set()
        self.sent = 0

    def has_sent(self, case) -> bool:
        """Whether a case of the same kind was sent before."""
        kind = kind_of(case)
        known = kind in self.sent_kinds
        self.sent_kinds.add(kind)
        return known

    def send(self, case, key: str) -> None:
        ids = self.ids = self.ids or self._find_or_open()
        if case.path.startswith("/api/v1/group-sessions/"):
            ids = {"public_id": ids["group_id"]}
        case.path_parameters |= {name: value for name, value in ids.items() if name in case.path_parameters}
        self.sent += 1
        response = case.call(headers={"Authorization": f"Token {key}"})
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
        if case.method != "GET" and response.status_code < 400:
            # A session may be discarded.
            self.ids = {}
        if response.status_code == 403 and response.json()["code"] == "wrong_role":
            self.refused.add((key, case.method, case.path))

    def _find_or_open(self) -> dict[str, str | int]:
        section = self.taught_class.section
        meeting = section.meetings.exclude(pk=self.held.pk).first() or self.taught_class.open().meeting
        group = GroupSession.objects.first() or factories.make_group_session(
            sections=self.other_sections, opened_by=self.taught_class.teacher
        )
        return {
            "public_id": meeting.public_id,
            "group_id": group.public_id,
            "section_id": section.pk,
            "student_id": self.taught_class.students[0].student_id,
            "term_id": section.term_id,
        }


@pytest.fixture
def callers(taught_class) -> Iterator[Callers]:
    callers = Callers(taught_class)
    yield callers
    assert callers.sent, "no request was made up for this operation"


@schema.parametrize()
@examples(1, phases=[Phase.explicit])
def test_api_matches_its_schema_for_teacher_and_student(case, callers):
    if callers.has_sent(case):
        return
    for key in (callers.teacher, callers.student):
        # A view checks the role before anything else, so a second refusal would repeat the first.
        if (key, case.method, case.path) not in callers.refused:
            callers.send(case, key)


@pytest.mark.slow
@schema.parametrize()
@examples(40, phases=[Phase.explicit, Phase.generate])
def test_api_matches_its_schema_in_many_more_requests(case, callers):
    for key in (callers.teacher, callers.student):
        callers.send(case, key)
