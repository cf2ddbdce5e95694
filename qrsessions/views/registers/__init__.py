"""The pages of a section's register."""
