"""The admin of labels and reasons, and what labels count by a rule."""

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from attendance.models import ExcuseReason, Method, RecordChange, Status, StatusLabel
from tests.support import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_client(client):
    client.force_login(factories.make_admin())
    return client


def address(name, *args):
    return reverse(f"admin:attendance_{name}", args=args)


def label_form(**fields):
    return {"name": "online", "letter": "O", "colour": "blue", "meaning": "present"} | fields


def errors_of(response):
    return response.context["adminform"].form.errors


def test_label_is_added(admin_client):
    admin_client.post(address("statuslabel_add"), label_form(is_active="on"))

    assert list(StatusLabel.objects.values_list("name", "letter", "colour", "meaning", "is_active")) == [
        ("online", "O", "blue", "present", True)
    ]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": "Left Early"}, "There is already a label with this name."),
        ({"letter": "v"}, "There is already a label with this letter."),
        ({"letter": "P"}, "P, L, E and A stand for the four statuses. Choose another letter."),
        ({"letter": "!"}, "Use one or two letters or digits."),
    ],
)
def test_label_with_a_name_or_letter_that_is_taken_is_refused_in_a_sentence(admin_client, fields, error):
    factories.make_label("left early", Status.LATE, letter="V")

    answer = admin_client.post(address("statuslabel_add"), label_form(**fields))

    assert [text for texts in errors_of(answer).values() for text in texts] == [error]
    assert StatusLabel.objects.count() == 1


@pytest.mark.parametrize("used", ["record", "history", ""])
def test_meaning_changes_only_while_the_label_is_unused(admin_client, used):
    label = factories.make_label("online", Status.PRESENT)
    if used == "record":
        factories.make_record(status=Status.PRESENT, label=label)
    elif used:
        RecordChange.objects.create(
            record=factories.make_record(),
            changed_at=timezone.now(),
            to_status=Status.PRESENT,
            to_label=label,
            to_method=Method.MANUAL,
        )

    admin_client.post(address("statuslabel_change", label.pk), label_form(name="remote", meaning="late"))

    label.refresh_from_db()
    assert (label.name, label.meaning) == ("remote", "present" if used else "late")


@pytest.mark.parametrize("model", [StatusLabel, ExcuseReason])
def test_labels_and_reasons_are_switched_off_and_not_deleted(admin_client, model):
    factories.make_label("online", Status.PRESENT)
    factories.make_reason("medical")
    row = model.objects.get()
    name = model._meta.model_name

    refused = admin_client.post(address(f"{name}_delete", row.pk), {"post": "yes"})
    actions = admin.site._registry[model].get_actions(refused.wsgi_request)
    admin_client.post(
        address(f"{name}_change", row.pk), label_form(name=row.name, code="other", meaning="present")
    )

    row.refresh_from_db()
    assert (refused.status_code, "delete_selected" in actions, row.is_active) == (403, False, False)
    if model is ExcuseReason:
        assert row.code == "medical"


def test_rule_says_what_a_label_counts(admin_client):
    label = factories.make_label("online", Status.PRESENT)
    rule = factories.make_rule(course=factories.make_course())
    form = {
        "course": rule.course_id,
        "label_weights-TOTAL_FORMS": 1,
        "label_weights-INITIAL_FORMS": 0,
        "label_weights-0-label": label.pk,
    }
    page = address("attendancerule_change", rule.pk)

    refused = admin_client.post(page, form | {"label_weights-0-counts": 101})
    saved = admin_client.post(page, form | {"label_weights-0-counts": 50})

    assert (refused.status_code, saved.status_code, rule.label_counts) == (200, 302, {label.pk: 50})
