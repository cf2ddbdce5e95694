"""The JSON of the API, described for DRF and the OpenAPI document; see docs/api.md."""
