"""Pages of the register of a term."""
