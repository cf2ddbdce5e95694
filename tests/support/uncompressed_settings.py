"""The settings of the site as it is served, but without compressed static files: making them takes most of a start."""

from config.settings import *  # noqa: F403
from config.static_files import HashedFiles


class UncompressedFiles(HashedFiles):
    def post_process_with_compression(self, files):
        return files


STORAGES["staticfiles"] = {"BACKEND": f"{__name__}.{UncompressedFiles.__name__}"}  # noqa: F405
