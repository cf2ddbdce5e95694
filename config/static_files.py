"""Static files get names with a hash, so that browsers can cache them forever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):
    # Otherwise modules import each other by names without a hash, which are cached for a minute only.
    support_js_module_import_aggregation = True
