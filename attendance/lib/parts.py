"""Long lists in parts, so that one query does not carry all of them."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_parts(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """``itertools.batched`` of Python 3.12, as lists."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
