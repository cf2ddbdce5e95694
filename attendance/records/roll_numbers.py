"""Which roll number a new record gets. Each is unique within a meeting."""

# The student's own, unless another student has a record with it at this meeting: a section may give the number of a
# student who left to somebody else. Then the student id stands in, which is unique.
# Format it with the name of a table that has the columns meeting, student, student_id and roll_number.
FREE_ROLL_NUMBER = """
    CASE WHEN EXISTS (
             SELECT FROM attendance_attendancerecord other
              WHERE other.meeting_id = {0}.meeting AND other.roll_number = {0}.roll_number
                AND other.student_id <> {0}.student)
         THEN {0}.student_id ELSE {0}.roll_number END
"""
