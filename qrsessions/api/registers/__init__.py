"""The API of the registers of a term: one section, all of its meetings."""
