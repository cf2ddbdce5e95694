"""Rosters from files: read (``files``, ``tables``), understood (``plain``, ``oneroster``), imported (``importing``)."""

from attendance.roster.importing import import_roster
from attendance.roster.problems import Problem, RosterRefused
from attendance.roster.report import Report

__all__ = ["Problem", "Report", "RosterRefused", "import_roster"]
