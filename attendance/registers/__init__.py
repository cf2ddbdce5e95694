"""The register of a term: all meetings of a section and all its students, and where each student stands."""
