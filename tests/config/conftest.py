from typing import Any

import pytest
from django.http import HttpResponse

from config.answering import Answering
from config.event_loop import Application


@pytest.fixture
def in_threads(monkeypatch) -> list[str]:
    """The paths that were left to threads."""
    paths: list[str] = []
    anew, really = Answering.anew, Application._in_a_thread

    def noted_anew(self: Answering) -> Answering:
        paths.append(self._request.path)
        return anew(self)

    def noted(self: Application, environ: dict[str, Any], protocol: Any) -> HttpResponse | None:
        paths.append(environ["PATH_INFO"])
        return really(self, environ, protocol)

    monkeypatch.setattr(Answering, "anew", noted_anew)
    monkeypatch.setattr(Application, "_in_a_thread", noted)
    return paths
