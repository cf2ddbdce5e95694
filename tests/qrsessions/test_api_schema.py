"""The API against its own OpenAPI document: requests made up from it, and answers of the shape that it promises."""

import json

import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from rest_framework.authtoken.models import Token
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from config.wsgi import application

# Through JSON, as a program reads it.
document = json.loads(json.dumps(SchemaGenerator(api_version="v1").get_schema(public=True), default=str))
schema = schemathesis.openapi.from_dict(document)
schema.app = application


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_api_keeps_its_promises_to_teacher_and_student(case, klass):
    session = klass.section.meetings.first() or klass.open().meeting
    if "public_id" in case.path_parameters:
        case.path_parameters["public_id"] = session.public_id
    for user in (klass.teacher, klass.students[0].user):
        token, _ = Token.objects.get_or_create(user=user)
        response = case.call(headers={"Authorization": f"Token {token.key}"})
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
