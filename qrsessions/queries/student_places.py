"""Where a student belongs: in one session, or in which sessions of a group session.

A student of several sections of a group has a place in each, and counts at one: where they joined, or before that in the
section with the lowest id.
"""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from attendance.lib import advisory_locks, prepared_sql
from attendance.lib.prepared_sql import Columns
from attendance.lib.refusals import NotEnrolled, Refused
from attendance.models import AttendanceRecord, Course, Enrolment, RosterEntry, Student
from qrsessions.models import GroupSession, QRSession, SessionOrGroup
from qrsessions.queries.lookup import sessions_of
from qrsessions.refusals import SessionGone


@dataclass(frozen=True)
class Place:
    """A session on whose roster the student is, and the roster entry."""

    session: QRSession
    entry: RosterEntry

    @property
    def joined_at(self) -> datetime.datetime | None:
        return self.entry.record.joined_at if self.entry.record else None


def lock_places(*, session_or_group: SessionOrGroup, student: Student) -> list[Place]:
    """Take the shared locks of the student's meetings until the transaction ends, then read the student's places.

    :returns: the place where the student counts, followed in a group by the others
    :raises NotEnrolled: if the student is on none of the rosters
    """
    (places,) = lock_places_of_all([(session_or_group, student)])
    if not places:
        raise not_enrolled(session_or_group)
    return places


def lock_places_of_all(wanted: Sequence[tuple[SessionOrGroup, Student]]) -> list[list[Place]]:
    """``lock_places`` for several different students, in a few statements however many they are.

    :param wanted: a session that is not run with a group, or a group session; and the student
    :returns: no places for a student who is on none of the rosters
    """
    meetings = list(
        {
            session_or_group.meeting_id
            for session_or_group, _student in wanted
            if isinstance(session_or_group, QRSession)
        }
    )
    groups = list(
        {
            session_or_group.group_id
            for session_or_group, _student in wanted
            if isinstance(session_or_group, GroupSession)
        }
    )
    students = [student.pk for _source, student in wanted]
    entries: list[RosterEntry] = []
    if meetings:
        advisory_locks.share(meetings)
        entries += _entries(_AT_MEETINGS, meetings, students)
    if groups:
        entries += _lock_in_groups(groups, students)
    sessions = sessions_of({entry.meeting_id for entry in entries})
    places: dict[int, list[Place]] = {pk: [] for pk in students}
    for entry in entries:
        # The session may have been discarded while we waited for the lock.
        if session := sessions.get(entry.meeting_id):
            places[entry.student_id].append(Place(session, entry))
    return [_places_at(session_or_group, places[student.pk]) for session_or_group, student in wanted]


def _lock_in_groups(groups: list[int], students: list[int]) -> list[RosterEntry]:
    """Share the locks of all meetings of the groups that have one of the students on their roster, and read the entries."""
    locked: set[int] = set()
    entries = _entries(_IN_GROUPS, groups, students)
    # A section may be added to the group meanwhile: read again until every meeting was locked before it was read.
    while missing := {entry.meeting_id for entry in entries} - locked:
        advisory_locks.share(missing)
        locked |= missing
        numbers = Counter(entry.student_id for entry in entries)
        # Two phones of one student must not choose different sections.
        advisory_locks.hold_students(pk for pk, number in numbers.items() if number > 1)
        entries = _entries(_IN_GROUPS, groups, students)
    return entries


_ENTRY = Columns(entry=RosterEntry, record=AttendanceRecord)
_ENTRIES = f"""
    SELECT {_ENTRY.sql}
      FROM attendance_roster AS entry
      LEFT JOIN attendance_attendancerecord AS record ON record.id = entry.record_id
     WHERE entry.student_id = ANY(%(students)s)
"""  # noqa: S608 - constants
_AT_MEETINGS = f"{_ENTRIES} AND entry.meeting_id = ANY(%(ids)s)"
_IN_GROUPS = f"""{_ENTRIES} AND entry.meeting_id IN (
    SELECT id FROM attendance_meeting WHERE group_id = ANY(%(ids)s))
"""  # noqa: S608 - constants


def _entries(statement: str, ids: list[int], students: list[int]) -> list[RosterEntry]:
    entries = []
    for row in prepared_sql.run(statement, {"ids": ids, "students": students}):
        entry, entry.record = _ENTRY.instances(row)
        entries.append(entry)
    return entries


def _places_at(session_or_group: SessionOrGroup, places: list[Place]) -> list[Place]:
    """Those of the student's places that belong to the session or group session, the one that counts first."""
    if isinstance(session_or_group, QRSession):
        places = [place for place in places if place.session.pk == session_or_group.pk]
    else:
        places = [place for place in places if place.session.meeting.group_id == session_or_group.group_id]
    return sorted(places, key=lambda place: (not place.entry.counts, place.session.meeting.section_id))


def sessions_to_be_added_to(wanted: Sequence[tuple[SessionOrGroup, Student]]) -> dict[int, QRSession]:
    """Where a teacher may add students who are on no roster, by the student's primary key.

    That is a session with a fixed roster, in whose section the student was ever enrolled.
    """
    if not wanted:
        return {}
    single = [one.pk for one, _student in wanted if isinstance(one, QRSession)]
    groups = [one.pk for one, _student in wanted if isinstance(one, GroupSession)]
    sessions = QRSession.objects.with_names().filter(
        Q(pk__in=single) | Q(meeting__group__in=groups), meeting__roster_fixed_at__isnull=False
    )
    by_run_as: dict[SessionOrGroup, list[QRSession]] = {}
    for session in sessions.order_by("meeting__section"):
        by_run_as.setdefault(session.run_as, []).append(session)
    if not by_run_as:
        return {}
    students = [student.pk for _one, student in wanted]
    enrolled = set(Enrolment.objects.filter(student__in=students).values_list("section_id", "student_id"))
    return {
        student.pk: session
        for one, student in wanted
        for session in reversed(by_run_as.get(one, []))
        if (session.meeting.section_id, student.pk) in enrolled
    }


def not_enrolled_then(session: QRSession) -> NotEnrolled:
    """The refusal for a student who is not on the session's fixed roster, and whose scan the teacher sees."""
    section = session.meeting.section
    return NotEnrolled(
        format_lazy(
            _(
                "You were not enrolled in {section} when this class was held. Your teacher can see your scan and add you."
            ),
            section=section.short_name,
        )
    )


def not_enrolled(session_or_group: SessionOrGroup) -> Refused:
    """The refusal for a student who is on none of the rosters, or whose session was discarded a moment ago.

    It names the section, or the courses of a group.
    """
    if not type(session_or_group)._default_manager.filter(pk=session_or_group.pk).exists():
        return SessionGone(session=session_or_group.public_id)
    if isinstance(session_or_group, QRSession):
        section = session_or_group.meeting.section
        return NotEnrolled(
            format_lazy(
                _("You are not on the roster of {section}. Ask your teacher to enrol you."),
                section=section.short_name,
            )
        )
    courses = Course.objects.filter(sections__meetings__group=session_or_group.group_id).distinct()
    return NotEnrolled(
        # Translated when it is shown: the batch thread does not speak the student's language.
        format_lazy(
            _(
                "You are not enrolled in any section of this class ({courses}). Ask your teacher to "
                "enrol you."
            ),
            courses=", ".join(courses.values_list("code", flat=True)),
        )
    )
