"""Helpers for tests of the register of a term."""
