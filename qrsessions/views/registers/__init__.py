"""Pages about the register of a term."""
