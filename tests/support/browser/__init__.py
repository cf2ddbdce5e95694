"""Helpers of the browser tests: pages, phones with cameras, and films for those cameras."""
