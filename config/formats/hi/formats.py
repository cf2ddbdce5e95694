"""Hindi: as English, with Hindi names of the months. What Django's own file leaves out would be American."""

from config.formats.en.formats import *  # noqa: F403 - Django reads the names of this module
