"""``manage.py check`` looks at the logo."""

import pytest
from PIL import Image

from attendance.checks import check_logo


@pytest.mark.parametrize("name", ["missing.png", "text.png", "broken.svg"])
def test_logo_that_cannot_be_read_is_an_error(settings, tmp_path, name):
    if name != "missing.png":
        (tmp_path / name).write_text("no picture")
    settings.INSTITUTION_LOGO = str(tmp_path / name)

    (error,) = check_logo(None)

    assert error.id == "rollcall.E002"
    assert name in error.msg


def test_logo_that_can_be_read_and_no_logo_are_fine(settings, tmp_path):
    settings.INSTITUTION_LOGO = ""
    assert check_logo(None) == []

    Image.new("RGB", (4, 4)).save(tmp_path / "logo.png")
    settings.INSTITUTION_LOGO = str(tmp_path / "logo.png")
    assert check_logo(None) == []
