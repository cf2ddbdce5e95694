"""The API against its OpenAPI document: generated requests get responses that match the schema."""

import json

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import response_schema_conformance

from config.wsgi import application
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


def kind_of(case) -> tuple[str, ...] | None:
    """What a case that was not made at random tries, such as a wrong type in one of the parameters."""
    if case.meta.phase.name is not TestPhase.COVERAGE:
        return None
    data = case.meta.phase.data
    return case.method, data.parameter, data.location, data.description


class Callers:
    """A teacher and a student who send the requests of one test."""

    def __init__(self, taught_class) -> None:
        self.taught_class = taught_class
        self.teacher, self.student = key_of(taught_class.teacher), key_of(user_of(taught_class.students[0]))
        # Of an open session. Empty until there is one.
        self.public_id = ""
        # Who may not send what, whatever it contains: key, method and path of the document.
        self.refused: set[tuple[str, str, str]] = set()
        self.sent_kinds: set[tuple[str, ...]] = set()

    def has_sent(self, case) -> bool:
        """Whether a case of the same kind was sent before. Cases made at random are of no kind."""
        kind = kind_of(case)
        if kind is None:
            return False
        known = kind in self.sent_kinds
        self.sent_kinds.add(kind)
        return known

    def send(self, case, key: str) -> None:
        self.public_id = self.public_id or self._find_or_open()
        if "public_id" in case.path_parameters:
            case.path_parameters["public_id"] = self.public_id
        response = case.call(headers={"Authorization": f"Token {key}"})
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
        if case.method != "GET" and response.status_code < 400:
            # It may be discarded.
            self.public_id = ""
        if response.status_code == 403 and response.json()["code"] == "wrong_role":
            self.refused.add((key, case.method, case.path))

    def _find_or_open(self) -> str:
        meeting = self.taught_class.section.meetings.first() or self.taught_class.open().meeting
        return meeting.public_id


@pytest.fixture
def callers(taught_class) -> Callers:
    return Callers(taught_class)


@pytest.mark.parametrize("each_kind_once", [True, pytest.param(False, marks=pytest.mark.slow)])
@schema.parametrize()
@examples(5)
def test_api_matches_its_schema_for_teacher_and_student(case, callers, each_kind_once):
    if each_kind_once and callers.has_sent(case):
        return
    for key in (callers.teacher, callers.student):
        # A view checks the role before anything else, so a second refusal would repeat the first.
        if (key, case.method, case.path) not in callers.refused:
            callers.send(case, key)


@pytest.mark.slow
@schema.parametrize()
@examples(40, phases=[Phase.generate])
def test_api_matches_its_schema_in_many_more_requests(case, callers):
    for key in (callers.teacher, callers.student):
        callers.send(case, key)
