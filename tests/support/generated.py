"""Settings of tests with generated examples."""

from hypothesis import HealthCheck, settings


def examples(number: int, *, derandomize: bool = True) -> settings:
    """This many examples, of which each run tries the same ones unless told otherwise. They may share a fixture."""
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=derandomize,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
