"""Reading timetables from files. Pure functions: no database, and no clock.

``tables`` and ``zones`` help the readers of each kind: ``ical``, ``plain_csv`` and ``untis``. Each returns a ``TimetableFile``.
"""
