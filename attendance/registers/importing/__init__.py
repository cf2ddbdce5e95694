"""Imports old registers from files.

``reading`` turns a file into ``entries``, with dates (``headings``) and sections (``sections``). ``planning`` compares them
with a section, with the meaning of each word (``words``); ``importing`` saves all of it or nothing and answers with a
``report``.
"""

from attendance.registers.importing.headings import DateOrder
from attendance.registers.importing.importing import Options, import_registers
from attendance.registers.importing.report import Kind, RegisterRefused, Report

__all__ = ["DateOrder", "Kind", "Options", "RegisterRefused", "Report", "import_registers"]
