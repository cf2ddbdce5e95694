"""What ``manage.py check`` finds: a logo that cannot be printed, and with ``--deploy`` Redis settings that could lose the
live sets.
"""

import threading
from typing import Any

from django.conf import settings
from django.core import checks

from attendance import stats

# Resolving a host name may take long without a network; the check does not wait for it.
TIMEOUT_SECONDS = 2.0


def register() -> None:
    checks.register(check_redis, "redis", deploy=True)
    checks.register(check_logo, "files")


def check_logo(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """An error if ``INSTITUTION_LOGO`` names no picture that PDF files can have."""
    if not settings.INSTITUTION_LOGO:
        return []
    from fpdf import FPDF  # noqa: PLC0415 - see attendance/exports/pdf.py
    from fpdf.errors import FPDFException  # noqa: PLC0415

    pdf = FPDF()
    pdf.add_page()
    try:
        pdf.image(settings.INSTITUTION_LOGO, w=10)
    except (OSError, ValueError, SyntaxError, FPDFException) as error:
        text = f"INSTITUTION_LOGO: {settings.INSTITUTION_LOGO} is not a readable PNG or SVG file ({error})."
        return [checks.Error(text, id="rollcall.E002")]
    return []


def check_redis(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Warn if Redis evicts keys or does not persist them.

    A server that does not answer gives no warning: the check may run on a machine that cannot reach it.
    """
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(stats.server_warnings()), daemon=True)
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    return [checks.Warning(warning, id="rollcall.W001") for warning in found]
