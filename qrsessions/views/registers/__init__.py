"""The pages of a section's register of the term."""
