"""The class of the API's tests, and a Valkey that may be killed."""

from collections.abc import Iterator

import pytest

from tests.qrsessions.conftest import empty_redis, klass
from tests.valkeys import OwnValkey

__all__ = ["empty_redis", "klass", "own_valkey"]


@pytest.fixture
def own_valkey(settings) -> Iterator[OwnValkey]:
    valkey = OwnValkey()
    settings.CACHES = valkey.caches()
    yield valkey
    valkey.close()
