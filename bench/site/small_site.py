"""A site with one hall of students, for the studies of requests."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.site import environment


@contextmanager
def small_site(*, hall: int, waiting: int | None = None) -> Iterator:  # type: ignore[type-arg]
    """A site with one hall and a group of each usual size. Two web processes are ready, but not started.

    :param waiting: the number of waiting phones; by default as many as the hall has students
    """
    with environment.fresh_environment() as folder:
        environment.set_up_django()
        from bench.site.context import Context  # noqa: PLC0415
        from bench.site.installation import Installation  # noqa: PLC0415 - needs the environment above
        from bench.site.school import build  # noqa: PLC0415
        from bench.site.sizes import Size  # noqa: PLC0415

        size = Size(rounds=1, hall=hall, waiting=waiting or hall)
        with Installation(folder, workers=2) as installation:
            yield Context(installation, build(installation, size), size)
