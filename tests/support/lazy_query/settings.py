"""The settings of that site."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.support.lazy_query.urls"
