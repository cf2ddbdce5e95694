"""Fill the register with records of past meetings of every section, by SQL."""

from django.db import connection

# A meeting's register has one record for each student of its section.
MEETINGS = """
    INSERT INTO attendance_meeting (section_id, public_id, state, starts_at, opened_at, date, ended_at, roster_fixed_at)
    SELECT (array(SELECT DISTINCT section_id FROM attendance_enrolment))[1 + number %% %(sections)s],
           lpad(upper(to_hex(number)), 8, '0'), 'held', began, began, began::date,
           began + interval '1 hour', began + interval '1 hour'
      FROM generate_series(%(first)s, %(last)s) AS number,
           LATERAL (SELECT now() - interval '1 day' - number * interval '1 minute' AS began) AS moment
"""
# Every second round of meetings is a group session.
GROUPS = """
    WITH turn AS (
        SELECT id AS meeting, ('x' || public_id)::bit(32)::int / %(sections)s AS number
          FROM attendance_meeting WHERE public_id BETWEEN %(first_id)s AND %(last_id)s
    ), held AS (
        INSERT INTO attendance_meetinggroup (public_id, title, created_at)
        SELECT DISTINCT 'G' || lpad(upper(to_hex(number)), 7, '0'), '', now() FROM turn WHERE number %% 2 = 0
        ON CONFLICT (public_id) DO UPDATE SET title = '' RETURNING id, public_id
    ), sessions AS (
        INSERT INTO qrsessions_groupsession
               (group_id, join_policy, code_enabled, names_on_screen, secret, opened_by_id, created_at)
        SELECT id, 'strict', true, false, sha256(public_id::bytea),
               (SELECT id FROM attendance_user WHERE username = 'teacher'), now()
          FROM held ON CONFLICT DO NOTHING
    )
    UPDATE attendance_meeting SET group_id = held.id
      FROM turn JOIN held ON held.public_id = 'G' || lpad(upper(to_hex(turn.number)), 7, '0')
     WHERE attendance_meeting.id = turn.meeting
"""
SESSIONS = """
    INSERT INTO qrsessions_qrsession
           (meeting_id, status, join_policy, code_enabled, names_on_screen, secret, opened_by_id, created_at, started_at)
    SELECT id, 'ended', 'strict', true, false, sha256(public_id::bytea),
           (SELECT id FROM attendance_user WHERE username = 'teacher'), starts_at, starts_at
      FROM attendance_meeting WHERE public_id BETWEEN %(first_id)s AND %(last_id)s
"""
RECORDS = """
    INSERT INTO attendance_attendancerecord
           (meeting_id, student_id, roll_number, joined_at, marked_at, status, method, device)
    SELECT meeting.id, enrolment.student_id, enrolment.roll_number, starts_at, starts_at, 'present', 'qr', ''
      FROM attendance_meeting meeting JOIN attendance_enrolment enrolment USING (section_id)
     WHERE meeting.public_id BETWEEN %(first_id)s AND %(last_id)s
     ORDER BY meeting.id LIMIT %(missing)s
"""


def add_records_up_to(rows: int) -> None:
    """Add past meetings until there are ``rows`` records, then update the planner's statistics."""
    with connection.cursor() as cursor:
        found = _one(cursor, "SELECT count(*) FROM attendance_attendancerecord")
        enrolled = _one(cursor, "SELECT count(*) FROM attendance_enrolment")
        sections = _one(cursor, "SELECT count(DISTINCT section_id) FROM attendance_enrolment")
        first = 1 + _one(cursor, "SELECT count(*) FROM attendance_meeting WHERE public_id LIKE '00%'")
        missing = max(0, rows - found)
        # One round of meetings has a record per enrolment.
        last = first + sections * (1 + missing // enrolled) - 1
        given: dict[str, int | str] = {
            "first": first, "last": last, "sections": sections, "missing": missing,
            "first_id": f"{first:08X}", "last_id": f"{last:08X}",
        }  # fmt: skip
        if missing:
            for statement in (MEETINGS, GROUPS, SESSIONS, RECORDS):
                cursor.execute(statement, given)
    analyze()


def analyze() -> None:
    """Update the planner's statistics, as autovacuum would within a minute."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _one(cursor, query: str) -> int:
    cursor.execute(query)
    return int(cursor.fetchone()[0])
