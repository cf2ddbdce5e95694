"""Importing rosters from files, and saving people entered by hand.

``files`` opens what was given, ``csv_rows`` and ``cells`` read it, ``formats`` turn it into the entries of a
``Roster``. ``importing`` plans the changes (``people``, ``accounts``, ``sections``, ``teaching``,
``enrolments``) and saves them in one transaction. ``editing`` saves one person, by the same rules.
"""

from attendance.rosters.formats import Given
from attendance.rosters.importing import import_roster
from attendance.rosters.problems import Problem, RosterRefused
from attendance.rosters.report import Report

__all__ = ["Given", "Problem", "Report", "RosterRefused", "import_roster"]
