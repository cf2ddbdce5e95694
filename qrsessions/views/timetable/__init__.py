"""The teacher's pages of the timetable: the week, registers not taken, one meeting, weekly classes, imported files."""
