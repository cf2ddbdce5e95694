"""The only code that writes attendance records.

Every function runs inside the caller's transaction and under the caller's lock on the meeting
(``attendance.lib.advisory_locks``). What it wrote reaches the live sets after the commit.

``scans`` writes what phones do, ``by_hand`` what teachers enter, ``session_end`` the absences at the end of a session,
``fixed_rosters`` a record for everybody when a session first ends, ``added_section`` the marks copied to a section that
joins a running group, ``imports`` what a file says. ``locks`` refuses what comes too late, ``seals`` seals what they have
changed in a register that has ended.
"""
