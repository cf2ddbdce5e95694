"""Which sections a report is about."""
