"""A student's personal QR code: valid while it is shown, and only for that student."""

import datetime

import pytest
from django.utils import timezone

from attendance.models.public_ids import ALPHABET
from qrsessions.codes import personal_codes, tokens
from qrsessions.codes.personal_codes import PersonalCodeExpired, PersonalCodeInvalid
from qrsessions.codes.qr_images import qr_svg
from tests.support import factories

pytestmark = pytest.mark.django_db

# The start of a step.
START = datetime.datetime(2026, 10, 5, 8, 0, tzinfo=datetime.UTC)
# All characters of QR's alphanumeric mode.
ALPHANUMERIC = set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


def after(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


@pytest.fixture
def student():
    return factories.make_student()


@pytest.mark.parametrize("made", [0, 29.9])
@pytest.mark.parametrize("read", [29.9, 30, 59.9])
def test_code_is_good_in_its_step_and_the_next(student, made, read):
    code = personal_codes.make(student=student, at=after(made))

    assert personal_codes.read(code, at=after(read)) == student


@pytest.mark.parametrize("seconds", [60, 599])
def test_code_is_over_after_the_next_step(student, seconds):
    code = personal_codes.make(student=student, at=START)

    with pytest.raises(PersonalCodeExpired):
        personal_codes.read(code, at=after(seconds))


@pytest.mark.parametrize("seconds", [-1, 600])
def test_future_or_old_code_is_invalid(student, seconds):
    code = personal_codes.make(student=student, at=START)

    with pytest.raises(PersonalCodeInvalid):
        personal_codes.read(code, at=after(seconds))


def test_page_fetches_a_new_code_while_the_shown_one_is_valid(student):
    for asked in range(60):
        code = personal_codes.make(student=student, at=after(asked))
        assert personal_codes.read(code, at=after(asked + 2 * personal_codes.REFRESH_SECONDS))


def test_code_with_any_changed_character_is_invalid(student):
    code = personal_codes.make(student=student, at=START)

    for place, character in enumerate(code):
        other = "B" if character == "A" else "A"
        with pytest.raises(PersonalCodeInvalid):
            personal_codes.read(code[:place] + other + code[place + 1 :], at=START)


def test_code_with_another_students_number_is_invalid(student):
    other = factories.make_student()
    own, others = (personal_codes.make(student=one, at=START) for one in (student, other))

    with pytest.raises(PersonalCodeInvalid):
        personal_codes.read(others.partition("-")[0] + "-" + own.partition("-")[2], at=START)


def test_code_of_another_secret_key_is_invalid(student, settings):
    code = personal_codes.make(student=student, at=START)
    settings.SECRET_KEY = "another"

    with pytest.raises(PersonalCodeInvalid):
        personal_codes.read(code, at=START)


def test_code_of_a_deleted_student_is_invalid(student):
    code = personal_codes.make(student=student, at=START)
    student.delete()

    with pytest.raises(PersonalCodeInvalid):
        personal_codes.read(code, at=START)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "ROLLCALL:", "ROLLCALL:1-", f"ROLLCALL:-{'0' * 16}", "\x00" * 20, "🎓" * 20),
        *(f"ROLLCALL:{'Z' * 14}-{'0' * 16}", f"ROLLCALL:{'Z' * 13}-{'0' * 16}", f"ROLLCALL:１-{'0' * 16}"),  # noqa: RUF001
        "HTTPS://ATTEND.EXAMPLE.EDU/A/7GK2QM9X0123456789AB",
    ],
)
def test_any_other_text_is_invalid(text):
    with pytest.raises(PersonalCodeInvalid):
        personal_codes.read(text, at=START)


def test_codes_of_all_students_and_steps_differ():
    students = [factories.make_student(with_user=False) for _ in range(3)]

    codes = {
        personal_codes.make(student=student, at=after(30 * step)) for student in students for step in range(9)
    }

    assert len(codes) == 27


def test_code_fits_a_small_qr_code(student):
    student.pk = 2**63 - 1

    code = personal_codes.make(student=student, at=START)

    assert set(code) <= ALPHANUMERIC
    assert 'viewBox="0 0 37 37"' in qr_svg(code)  # version 3 with its quiet zone
    assert set(code.removeprefix("ROLLCALL:")) <= {*ALPHABET, "-"}


def test_token_of_a_session_is_no_personal_code():
    session = factories.make_session()
    now = timezone.now()
    token = tokens.make(public_id=session.public_id, secret=session.secret, step=tokens.step_at(now))

    with pytest.raises(PersonalCodeInvalid):
        personal_codes.read(token, at=now)
