"""What the web server's workers import: the site on granian's event loop (``config.event_loop``)."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# A query on the loop must fail, so that it is made in a thread: here nobody would give the connection back.
os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
_handler = get_wsgi_application()

from config.event_loop import Application  # noqa: E402 - Django has to be set up

application = Application(_handler)
# What is there now stays: to look through all of it for garbage again and again would stop the process for a tenth of a second.
gc.collect()
gc.freeze()
# Next to nothing that a request makes is garbage that only this finds; Python's own 700 objects are soon made.
gc.set_threshold(20_000, 10, 10)
