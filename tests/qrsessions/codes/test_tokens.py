"""The token and the typed code: their format, and how long they are valid."""

import datetime
import io

import pytest
import qrcode
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from attendance.models.public_ids import ALPHABET, new_group_id, new_meeting_id
from qrsessions.codes import tokens
from qrsessions.codes.qr_images import qr_svg
from qrsessions.refusals import TokenExpired, TokenInvalid

SECRET = bytes(range(32))
NOON = datetime.datetime(2026, 11, 23, 12, 0, 0, tzinfo=datetime.UTC)
STEP = tokens.step_at(NOON)


def seconds(number: float) -> datetime.timedelta:
    return datetime.timedelta(seconds=number)


def found_step(token: str, *, at: datetime.datetime = NOON, secret: bytes = SECRET) -> int:
    return tokens.step_of(tokens.parse(token), secret=secret, since=NOON - seconds(3600), at=at)


def test_token_and_code_are_the_same_in_every_process_and_release():
    # Fixed values, because a screen and a server of different releases must agree.
    assert tokens.make(public_id="7GK2QM9X", secret=SECRET, step=STEP) == "7GK2QM9XPVNYKCNE6FXT"
    assert tokens.make(public_id="7GK2QM9X", secret=memoryview(SECRET), step=STEP) == "7GK2QM9XPVNYKCNE6FXT"
    assert tokens.make_code(public_id="7GK2QM9X", secret=SECRET, at=NOON) == "25141334"


def test_token_is_fresh_in_its_step_and_the_next():
    token = tokens.make(public_id="7GK2QM9X", secret=SECRET, step=STEP)
    fresh = [
        tokens.is_fresh(step=found_step(token, at=NOON + seconds(age)), at=NOON + seconds(age))
        for age in (0, 4.9, 5, 9.9, 10, 299)
    ]
    assert fresh == [True, True, True, True, False, False]
    assert tokens.valid_until(STEP) == NOON + seconds(10)


def test_token_of_the_future_is_invalid():
    token = tokens.make(public_id="7GK2QM9X", secret=SECRET, step=STEP + 1)
    with pytest.raises(TokenInvalid):
        found_step(token)


def test_token_from_before_the_session_is_invalid():
    token = tokens.make(public_id="7GK2QM9X", secret=SECRET, step=STEP - 721)
    with pytest.raises(TokenInvalid):
        found_step(token)


def test_tokens_of_other_keys_ids_and_codes_differ():
    token = tokens.make(public_id="7GK2QM9X", secret=SECRET, step=STEP)
    with pytest.raises(TokenInvalid):
        found_step(token, secret=SECRET[::-1])
    other = tokens.make(public_id="7GK2QM9Y", secret=SECRET, step=STEP)
    assert other[8:] != token[8:]


@given(st.text(max_size=40))
def test_any_text_is_a_token_or_refused(text):
    try:
        parsed = tokens.parse(text)
    except TokenInvalid:
        return
    assert len(parsed.public_id + parsed.mac) == 20
    assert set(parsed.public_id + parsed.mac) <= set(ALPHABET)


@given(st.integers(0, 19), st.sampled_from(ALPHABET))
def test_token_with_any_character_changed_is_invalid(place, character):
    token = tokens.make(public_id="7GK2QM9X", secret=SECRET, step=STEP)
    changed = token[:place] + character + token[place + 1 :]
    if changed == token:
        assert found_step(changed) == STEP
    else:
        with pytest.raises(TokenInvalid):
            found_step(changed)


def test_typed_code_holds_for_its_half_minute_and_the_next():
    code = tokens.make_code(public_id="7GK2QM9X", secret=SECRET, at=NOON)
    assert len(code) == 8

    def check(age: float) -> None:
        tokens.check_code(code, public_id="7GK2QM9X", secret=SECRET, at=NOON + seconds(age))

    check(0)
    check(59.9)
    with pytest.raises(TokenExpired):
        check(60)
    with pytest.raises(TokenInvalid):
        check(3600)


@pytest.mark.parametrize(
    "text", ["", "1234567", "123456789", "1234567a", "\uff11" * 8, "\u0661" * 8, "-1234567"]
)
def test_code_of_another_shape_is_invalid(text):
    with pytest.raises(TokenInvalid):
        tokens.check_code(text, public_id="7GK2QM9X", secret=SECRET, at=NOON)


def test_public_ids_of_groups_and_meetings_are_never_the_same():
    assert all(not new_meeting_id().startswith("G") for _ in range(500))
    assert all(new_group_id().startswith("G") for _ in range(500))


@pytest.mark.parametrize("host", ["attend.university.edu", "192.168.100.100:8000", "x" * 30])
def test_address_fits_version_3_and_is_read_back(host):
    address = f"https://{host}/A/7GK2QM9XABCDEFGHJKMN".upper()
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4)
    code.add_data(address)
    code.make()
    assert code.version == 3

    svg = qr_svg(address)
    assert 'viewBox="0 0 37 37"' in svg
    assert drawn(svg, 37) == code.get_matrix()


def drawn(svg: str, size: int) -> list[list[bool]]:
    """The dark modules of a QR code, read from the strokes of its SVG."""
    modules = [[False] * size for _ in range(size)]
    path = svg.split('stroke="#000" d="')[1].split('"')[0]
    column, row = 0, 0.0
    for run in path.split("m")[1:]:
        move, length = run.split("h")
        right, down = move.split()
        column, row = column + int(right), row + float(down)
        for _ in range(int(length)):
            modules[int(row)][column] = True
            column += 1
    return modules


def test_one_character_more_needs_a_larger_code():
    address = f"https://{'x' * 31}/A/7GK2QM9XABCDEFGHJKMN".upper()
    assert 'viewBox="0 0 41 41"' in qr_svg(address)


def test_small_and_independent_decoder_reads_the_modules():
    address = "HTTPS://ATTEND.EXAMPLE.EDU/A/7GK2QM9XABCDEFGHJKMN"
    modules = drawn(qr_svg(address), 37)
    image = Image.new("1", (37, 37), 1)
    for row, line in enumerate(modules):
        for column, dark in enumerate(line):
            image.putpixel((column, row), 0 if dark else 1)
    scaled = image.resize((37 * 3, 37 * 3)).convert("L")
    stream = io.BytesIO()
    scaled.save(stream, "png")
    (found,) = zxingcpp.read_barcodes(Image.open(stream))
    assert found.text == address
