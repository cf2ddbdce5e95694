"""What the tests of files share."""

import pytest

from attendance.exports import fonts


@pytest.fixture(autouse=True)
def no_installed_fonts(monkeypatch):
    """Only the project's own fonts, because each machine has other fonts installed."""
    monkeypatch.setattr(fonts, "_INSTALLED", ())
    fonts._installed_fonts.cache_clear()
    yield
    fonts._installed_fonts.cache_clear()
