"""An answer that is not finished yet: what a student asked for waits to be done for many at once.

Views, middleware and handler of Django are done with it; a server that can go on with others meanwhile (``config/rsgi.py``)
finishes it then.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.log import log_response
from django.utils.translation import get_language, override

from attendance.together import Waiting, Work

# In the environment of a request whose server finishes such answers.
MAY_BE_LATER = "rollcall.may_be_later"


class Later(HttpResponse):
    """Has its headers from the views and middleware that it came through, status and content when it is finished.

    ``waiting`` is what it waits for; nobody has started that yet.
    """

    def __init__(self, request: HttpRequest, work: Work[HttpResponse], waiting: Waiting[Any, Any]) -> None:
        super().__init__()
        self.waiting = waiting
        self.is_finished = False
        self._request, self._work = request, work
        self._language = get_language()

    def go_on(self) -> None:
        """After what it waited for is done."""
        # In the language of who asked: another one's request may have come between.
        with override(self._language):
            try:
                self.waiting = self._work.send(None)
            except StopIteration as end:
                self._become(end.value)

    def _become(self, answer: HttpResponse) -> None:
        self.is_finished = True
        self.status_code, self.content = answer.status_code, answer.content
        for name, value in answer.items():
            self.headers[name] = value
        self.headers["Content-Length"] = str(len(self.content))
        if self.status_code >= 400:
            # As Django's handler does with every answer that is finished when it sees it.
            log_response(
                "%s: %s", self.reason_phrase, self._request.path, response=self, request=self._request
            )
