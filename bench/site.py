"""A small site for the programs beside the main benchmark."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench import environment


@contextmanager
def small_site(*, hall: int, workers: int = 2, halls: int = 1) -> Iterator:  # type: ignore[type-arg]
    """A stage with so many halls of students and a group of each usual size; the web processes are not started."""
    with environment.from_nothing() as folder:
        environment.set_up_django()
        from bench.installation import Installation  # noqa: PLC0415 - the environment first
        from bench.school import build  # noqa: PLC0415
        from bench.sizes import Size  # noqa: PLC0415
        from bench.stage import Stage  # noqa: PLC0415

        size = Size(rounds=1, hall=hall, halls=halls, waiting=hall)
        with Installation(folder, workers=workers) as installation:
            yield Stage(installation, build(installation, size), size)
