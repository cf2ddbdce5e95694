"""Helpers for tests of the timetable: files and calendars."""
