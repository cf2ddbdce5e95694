"""A Valkey that a test may kill."""

from collections.abc import Iterator

import pytest

from tests.support.valkeys import OwnValkey


@pytest.fixture(autouse=True)
def _empty_redis(empty_redis):
    """Every test starts with an empty Redis."""


@pytest.fixture
def own_valkey(settings) -> Iterator[OwnValkey]:
    valkey = OwnValkey()
    settings.CACHES = valkey.caches()
    yield valkey
    valkey.close()
