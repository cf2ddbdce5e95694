"""A small site for the studies."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.site import environment


@contextmanager
def small_site(*, hall: int, workers: int = 2, halls: int = 1, waiting: int | None = None) -> Iterator:  # type: ignore[type-arg]
    """A site with these halls and a group of each usual size. The web processes are not started."""
    with environment.fresh_environment() as folder:
        environment.set_up_django()
        from bench.site.context import Context  # noqa: PLC0415
        from bench.site.installation import Installation  # noqa: PLC0415 - needs the environment above
        from bench.site.school import build  # noqa: PLC0415
        from bench.site.sizes import Size  # noqa: PLC0415

        size = Size(rounds=1, hall=hall, halls=halls, waiting=waiting or hall)
        with Installation(folder, workers=workers) as installation:
            yield Context(installation, build(installation, size), size)
