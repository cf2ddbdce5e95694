"""What pages with the scanner (``templates/qrsessions/parts/scanner.html``) are allowed beyond other pages."""

from collections.abc import Callable
from typing import TypeVar, cast

from csp.constants import SELF, WASM_UNSAFE_EVAL
from csp.decorators import csp_update
from django.http import HttpResponse

View = TypeVar("View", bound=Callable[..., HttpResponse])


def with_scanner(view: View) -> View:
    """Let the page of the view run its decoder: a worker of our own, and WebAssembly in it."""
    allow = csp_update({"script-src": [WASM_UNSAFE_EVAL], "worker-src": [SELF]})
    return cast(View, allow(view))
