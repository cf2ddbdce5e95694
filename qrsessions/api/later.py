"""An answer that is not finished yet: what a student asked for waits to be done for many at once.

Views, middleware and handler of Django are done with it; a server that can go on with others meanwhile (``config/rsgi.py``)
finishes it then.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.utils.log import log_response

from attendance.together import Waiting, Work

# In the environment of a request whose server finishes such answers.
MAY_BE_LATER = "rollcall.may_be_later"


class Content(NamedTuple):
    """What an answer says; its headers beside those of every answer."""

    content: bytes
    status: int
    headers: Mapping[str, str]


class Later(HttpResponse):
    """Has its headers from the views and middleware that it came through, status and content when it is finished.

    ``waiting`` is what it waits for; nobody has started that yet.
    """

    def __init__(
        self, request: HttpRequest, work: Work[Content], waiting: Waiting[Any, Any], *, content_type: str
    ) -> None:
        super().__init__(content_type=content_type)
        self.waiting = waiting
        self.is_finished = False
        self._request, self._work = request, work

    def go_on(self) -> None:
        """After what it waited for is done."""
        try:
            self.waiting = self._work.send(None)
        except StopIteration as end:
            self._become(end.value)

    def _become(self, content: Content) -> None:
        self.is_finished = True
        self.content, self.status_code = content.content, content.status
        for name, value in content.headers.items():
            self.headers[name] = value
        self.headers["Content-Length"] = str(len(content.content))
        if self.status_code >= 400:
            # As Django's handler does with every answer that is finished when it sees it.
            log_response(
                "%s: %s", self.reason_phrase, self._request.path, response=self, request=self._request
            )
