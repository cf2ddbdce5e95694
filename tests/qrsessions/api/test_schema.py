"""The API against its OpenAPI document: generated requests get responses that match the schema."""

import json

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from config.wsgi import application
from tests.support.factories import key_of

# Parsed from JSON, as a client does.
document = json.loads(json.dumps(SchemaGenerator(api_version="v1").get_schema(public=True), default=str))
schema = schemathesis.openapi.from_dict(document)
schema.app = application


def examples(number: int) -> settings:
    return settings(
        max_examples=number, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
    )


@schema.parametrize()
@examples(5)
def test_api_matches_its_schema_for_teacher_and_student(case, taught_class):
    call_as_both(case, taught_class)


@pytest.mark.slow
@schema.parametrize()
@examples(40)
def test_api_matches_its_schema_in_many_more_requests(case, taught_class):
    call_as_both(case, taught_class)


def call_as_both(case, taught_class) -> None:
    session = taught_class.section.meetings.first() or taught_class.open().meeting
    if "public_id" in case.path_parameters:
        case.path_parameters["public_id"] = session.public_id
    for user in (taught_class.teacher, taught_class.students[0].user):
        response = case.call(headers={"Authorization": f"Token {key_of(user)}"})
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
