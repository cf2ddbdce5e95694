"""Pages of students in a real browser."""
