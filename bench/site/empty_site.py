"""A site without people, for the studies that fill its database themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.site import environment


@contextmanager
def empty_site() -> Iterator[Path]:
    """PostgreSQL and Valkey with empty tables, in the folder that is yielded. The web processes are not started."""
    with environment.fresh_environment() as folder:
        environment.set_up_django()
        from django.core.management import call_command  # noqa: PLC0415 - needs the environment above

        from config import embedded  # noqa: PLC0415

        with embedded.running(folder, postgres=True, valkey=True):
            call_command("migrate", interactive=False, verbosity=0)
            call_command("collectstatic", interactive=False, verbosity=0)
            yield folder
