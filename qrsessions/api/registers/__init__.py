"""The API of a section's register of the term."""
