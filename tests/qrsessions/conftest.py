import pytest


@pytest.fixture(autouse=True)
def _empty_redis(empty_redis):
    """Every test starts with an empty Redis."""
