"""How static files are stored: under names with their hash, so that browsers keep them for good."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):
    # Or each module would import the others under names that may be kept for a minute only.
    support_js_module_import_aggregation = True
