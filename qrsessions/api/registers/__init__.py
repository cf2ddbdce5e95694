"""The API of the register of a term."""
