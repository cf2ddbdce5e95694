"""Pages of teachers in a real browser."""
