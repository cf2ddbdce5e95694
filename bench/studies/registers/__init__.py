"""Studies of the register of a term: its files, reports and seals."""
