"""The API of a section's register."""
