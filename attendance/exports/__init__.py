"""Data exports for download."""
