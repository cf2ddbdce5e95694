"""Static files get names with a hash, so that browsers can cache them forever."""

import os
from collections.abc import Iterable, Iterator

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):
    # Otherwise modules import each other by names without a hash, which are cached for a minute only.
    support_js_module_import_aggregation = True

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Compress only what has changed: all of it takes 10 s, at every start."""
        yield from super().compress_files([path for path in paths if not self._is_compressed(path)])

    def _is_compressed(self, path: str) -> bool:
        """WhiteNoise writes the .gz file last, and then gives it the time of the original."""
        original = self.path(path)
        try:
            return os.stat(f"{original}.gz").st_mtime == os.stat(original).st_mtime
        except FileNotFoundError:
            return False
