"""Students and users entered in the admin: the account goes with the person, as in an import."""

import pytest
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.messages import get_messages
from django.db.models import CheckConstraint, UniqueConstraint
from django.urls import reverse

from attendance.models import Enrolment, Section, Student, User
from tests.support.factories import (
    make_admin,
    make_course,
    make_section,
    make_student,
    make_teacher,
    make_user,
    user_of,
)
from tests.support.rosters import all_rows

pytestmark = pytest.mark.django_db

ADD_STUDENT = reverse("admin:attendance_student_add")
# The inline of enrolments is read-only.
INLINE = {"enrolments-TOTAL_FORMS": "0", "enrolments-INITIAL_FORMS": "0"}


def student_fields(**fields):
    return {
        "student_id": "1001",
        "name": "Ann Lee",
        "email": "ann@example.edu",
        "user": "",
        **INLINE,
        **fields,
    }


def change_student(client, student, **fields):
    values = {"student_id": student.student_id, "name": student.name, "email": student.email}
    page = reverse("admin:attendance_student_change", args=[student.pk])
    return client.post(page, student_fields(**{**values, "user": student.user_id or "", **fields}))


def change_user(client, user, **fields):
    values = {
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "is_active": "on",
    }
    dates = {"date_joined_0": "2026-10-05", "date_joined_1": "10:00:00"}
    page = reverse("admin:attendance_user_change", args=[user.pk])
    return client.post(page, {**values, **dates, **fields})


def told(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_new_student_gets_an_account_as_in_an_import(admin_client):
    response = admin_client.post(ADD_STUDENT, student_fields(email="Ann@Example.edu"))

    assert response.status_code == 302
    student = Student.objects.get()
    account = user_of(student)
    assert student.email == "Ann@Example.edu"
    assert (account.username, account.email, account.get_full_name()) == (
        "Ann@Example.edu",
        "ann@example.edu",
        "Ann Lee",
    )
    assert not account.has_usable_password()


def test_new_student_gets_the_existing_account_of_the_address(admin_client):
    user = make_user(username="ann", email="ann@example.edu")

    admin_client.post(ADD_STUDENT, student_fields(email="ANN@example.edu"))

    assert user_of(Student.objects.get()) == user


def test_new_student_with_a_chosen_account_gets_no_second_one(admin_client):
    user = make_user(username="lee", email="")
    before = User.objects.count()

    admin_client.post(ADD_STUDENT, student_fields(user=user.pk))

    assert user_of(Student.objects.get()) == user
    assert User.objects.count() == before
    user.refresh_from_db()
    assert user.email == "ann@example.edu"


def test_address_of_an_administrator_is_a_form_error(admin_client):
    make_admin(username="root", email="root@example.edu")
    before = all_rows()

    response = admin_client.post(ADD_STUDENT, student_fields(email="root@example.edu"))

    assert response.context["adminform"].form.errors == {
        "email": ["The account “root” belongs to an administrator and cannot become a student's account."]
    }
    assert all_rows() == before


ASKED = (
    "The account “tara” belongs to the teacher Tara Rao. If the student is the same person, tick this box and save "
    "again. If not, give the student another address or account."
)


def teacher_account():
    return make_teacher(username="tara", first_name="Tara", last_name="Rao", email="tara@example.edu")


@pytest.mark.parametrize("way", ["address", "account"])
def test_student_who_would_get_a_teachers_account_is_asked_about(admin_client, way):
    teacher = teacher_account()
    fields = student_fields(**({"email": "Tara@example.edu"} if way == "address" else {"user": teacher.pk}))
    before = all_rows()

    asked = admin_client.post(ADD_STUDENT, fields)

    assert asked.context["adminform"].form.errors == {"is_this_teacher": [ASKED]}
    assert '<input type="checkbox" name="is_this_teacher"' in asked.content.decode()
    assert all_rows() == before

    admin_client.post(ADD_STUDENT, fields | {"is_this_teacher": "on"})

    assert user_of(Student.objects.get()) == teacher


def test_existing_student_who_would_get_a_teachers_account_is_asked_about(admin_client):
    teacher = teacher_account()
    student = make_student(email="ann@example.edu")
    before = all_rows()

    asked = change_student(admin_client, student, user=teacher.pk)

    assert asked.context["adminform"].form.errors == {"is_this_teacher": [ASKED]}
    assert all_rows() == before


def test_student_who_has_a_teachers_account_already_is_not_asked_about(admin_client):
    student = make_student(user=teacher_account(), email="tara@example.edu")

    saved = change_student(admin_client, student, name="Tara R. Rao")

    assert saved.status_code == 302
    student.refresh_from_db()
    assert student.name == "Tara R. Rao"


def test_form_of_a_student_does_not_ask_before_there_is_a_reason(admin_client):
    page = admin_client.get(ADD_STUDENT).content.decode()

    assert 'class="form-row hidden field-is_this_teacher"' in page


def test_enrolling_a_student_with_a_teachers_address_makes_no_account_and_says_so(admin_client):
    teacher_account()
    student = make_student(with_user=False, student_id="1001", email="tara@example.edu")
    fields = {"section": make_section().pk, "roll_number": "07", "from_date": "2026-08-01", "to_date": ""}

    response = admin_client.post(reverse("admin:attendance_enrolment_add"), fields | {"student": student.pk})

    student.refresh_from_db()
    assert student.user is None
    assert Enrolment.objects.get().student == student
    assert any("belongs to the teacher Tara Rao" in text for text in told(response))


# --- What only the database would refuse ------------------------------------------------------------------


@pytest.mark.parametrize("form", ["add", "change"])
@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ({"username": "ASHA"}, "The user name “ASHA” is taken. Choose another one."),
        ({"email": "Asha@Example.edu"}, "Asha@Example.edu is already the address of the account “asha”."),
    ],
)
def test_taken_name_or_address_of_a_user_is_said_in_a_sentence(admin_client, form, taken, said):
    make_user(username="asha", email="asha@example.edu")
    other = make_user(username="ben", email="ben@example.edu")
    before = all_rows()

    if form == "change":
        response = change_user(admin_client, other, **taken)
    else:
        fields = {"username": "new", "email": "new@example.edu", "usable_password": "false"}
        response = admin_client.post(reverse("admin:attendance_user_add"), fields | taken)

    assert response.context["adminform"].form.errors == {next(iter(taken)): [said]}
    assert all_rows() == before


def test_user_is_saved_with_their_own_name_and_address(admin_client):
    user = make_user(username="asha", email="asha@example.edu")

    assert change_user(admin_client, user, first_name="Asha").status_code == 302


def test_second_primary_address_of_a_user_is_said_in_a_sentence(admin_client):
    user, other = make_user(username="asha"), make_user(username="ben")
    EmailAddress.objects.create(user=user, email="asha@example.edu", verified=True, primary=True)
    add = reverse("admin:account_emailaddress_add")

    primary = admin_client.post(add, {"user": user.pk, "email": "a@example.edu", "primary": "on"})
    verified = admin_client.post(add, {"user": other.pk, "email": "Asha@example.edu", "verified": "on"})

    assert primary.context["adminform"].form.errors == {
        "primary": ["asha@example.edu is this user's primary address. A user has only one."]
    }
    assert verified.context["adminform"].form.errors == {
        "email": ["Asha@example.edu is already the address of the account “asha”."]
    }
    assert EmailAddress.objects.count() == 1


def test_taken_external_id_of_a_section_is_said_in_a_sentence(admin_client):
    first = make_section(external_id="7")
    fields = {"course": make_course().pk, "name": "B", "term": "", "external_id": "7"}

    response = admin_client.post(reverse("admin:attendance_section_add"), fields)

    assert response.context["adminform"].form.errors == {
        "external_id": [f"The section {first} already has this external id."]
    }
    assert not Section.objects.exclude(pk=first.pk).exists()


def test_no_form_of_the_admin_shows_the_name_of_a_constraint(admin_user, rf):
    """A new constraint with Django's text needs a sentence: its own, or the form's (then add it here)."""
    said_by_forms = {
        "user_email_unique",
        "user_username_unique",
        "section_external_id_unique",
        "unique_primary_email",
        "unique_verified_email",
    }
    request = rf.get("/")
    request.user = admin_user

    nameless = {
        constraint.name
        for model, model_admin in admin.site._registry.items()
        if model_admin.has_add_permission(request)
        for constraint in model._meta.constraints
        if not isinstance(constraint, CheckConstraint)
        # Of these Django names the fields.
        and not (isinstance(constraint, UniqueConstraint) and constraint.fields and not constraint.condition)
        and constraint.violation_error_message == constraint.default_violation_error_message
    }

    assert nameless == said_by_forms


def test_new_student_with_a_siblings_address_is_saved_with_a_warning(admin_client):
    sibling = make_student(student_id="S9", user=make_user(username="sib", email="ann@example.edu"))

    response = admin_client.post(ADD_STUDENT, student_fields())

    assert user_of(Student.objects.get(student_id="1001")).email == ""
    assert told(response)[0] == (
        f"ann@example.edu is already the sign-in address of the student {sibling.student_id}, so it cannot be used for the account “1001”."
    )


def test_corrected_address_of_a_student_moves_the_sign_in_address(admin_client):
    admin_client.post(ADD_STUDENT, student_fields(email="an@example.edu"))
    student = Student.objects.get()
    account = user_of(student)
    EmailAddress.objects.create(user=account, email="an@example.edu", verified=True, primary=True)

    change_student(admin_client, student, email="Ann@example.edu", name="Ann Leigh")

    account.refresh_from_db()
    assert (account.email, account.username, account.get_full_name()) == (
        "ann@example.edu",
        "Ann@example.edu",
        "Ann Leigh",
    )
    assert not EmailAddress.objects.exists()


def test_corrected_address_that_belongs_to_another_account_is_a_form_error(admin_client):
    make_user(username="prof", email="prof@example.edu")
    student = make_student(email="an@example.edu", user=make_user(username="ann", email="an@example.edu"))
    before = all_rows()

    response = change_student(admin_client, student, email="prof@example.edu")

    assert response.context["adminform"].form.errors == {
        "email": ["prof@example.edu is already the address of the account “prof”."]
    }
    assert all_rows() == before


def test_address_that_the_owner_chose_stays(admin_client):
    student = make_student(email="an@example.edu", user=make_user(username="ann", email="own@example.org"))

    change_student(admin_client, student, email="ann@example.edu")

    student.refresh_from_db()
    assert (student.email, user_of(student).email) == ("ann@example.edu", "own@example.org")


def test_account_taken_from_a_student_is_not_made_again(admin_client):
    student = make_student(email="ann@example.edu")

    change_student(admin_client, student, user="")

    student.refresh_from_db()
    assert student.user is None


def test_corrected_address_of_a_user_ends_the_former_one(admin_client):
    user = make_user(username="an@example.edu", email="an@example.edu")
    EmailAddress.objects.create(user=user, email="an@example.edu", verified=True, primary=True)

    change_user(admin_client, user, email="Ann@example.edu")

    user.refresh_from_db()
    assert (user.email, user.username) == ("ann@example.edu", "ann@example.edu")
    assert not EmailAddress.objects.exists()


def test_ids_pasted_into_forms_are_read_as_in_an_import(admin_client):
    admin_client.post(ADD_STUDENT, student_fields(student_id="\u200b'0012345\u00a0"))
    student = Student.objects.get()
    fields = {"section": make_section().pk, "student": student.pk, "from_date": "2026-08-01", "to_date": ""}
    admin_client.post(reverse("admin:attendance_enrolment_add"), fields | {"roll_number": "\ufeff07"})

    refused = admin_client.post(ADD_STUDENT, student_fields(student_id="1.23457E+11"))

    assert (student.student_id, Enrolment.objects.get().roll_number) == ("0012345", "07")
    assert set(refused.context["adminform"].form.errors) == {"student_id"}
    assert Student.objects.count() == 1


def test_enrolling_a_student_without_an_account_makes_one(admin_client):
    student = make_student(with_user=False, student_id="1001", email="ann@example.edu")
    fields = {"section": make_section().pk, "roll_number": "07", "from_date": "2026-08-01", "to_date": ""}

    admin_client.post(reverse("admin:attendance_enrolment_add"), fields | {"student": student.pk})

    student.refresh_from_db()
    assert Enrolment.objects.get().student == student
    assert user_of(student).email == "ann@example.edu"


@pytest.mark.django_db(transaction=True)
def test_student_added_in_the_admin_is_seen_by_the_next_request(admin_client, client):
    client.force_login(make_user(username="ann", email="ann@example.edu"))
    assert client.get("/api/v1/me/session/").status_code == 403

    admin_client.post(ADD_STUDENT, student_fields())

    assert client.get("/api/v1/me/session/").status_code == 200
