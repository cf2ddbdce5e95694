import datetime

import pytest
import time_machine

from tests.support import factories

NOW = datetime.datetime(2026, 10, 5, 8, 0, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def _now():
    """The morning on which the tests of this folder play."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def teacher():
    return factories.make_teacher(username="asha")
