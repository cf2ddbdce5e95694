"""What every page's template gets, beside what Django adds."""

from typing import Any

from django.http import HttpRequest

# Sent by scripts that fetch a page which the user does not see as it is (static/js/lib/http.js, static/js/service_worker.js).
BACKGROUND_HEADER = "X-Rollcall-Background"


def no_messages_in_background(request: HttpRequest) -> dict[str, Any]:
    """Leave the messages for the next page that the user opens: Django forgets a message once a page has shown it."""
    return {"messages": ()} if BACKGROUND_HEADER in request.headers else {}
