"""What a student may read of the own attendance."""

from dataclasses import dataclass, field
from itertools import groupby

from attendance.minimum_rule import MinimumRule
from attendance.models import ATTENDED, RosterEntry, Status, Student
from attendance.stats import percentage


@dataclass(frozen=True)
class OwnSection:
    """One section of a student with its ended meetings, the newest first."""

    section: int
    course: str
    course_title: str
    name: str
    term: str
    minimum_percentage: int | None = None
    meetings: list[dict[str, object]] = field(default_factory=list)

    @property
    def total_meetings(self) -> int:
        return len(self.meetings)

    @property
    def total_present(self) -> int:
        return sum(meeting["status"] in ATTENDED for meeting in self.meetings)

    @property
    def present_percentage(self) -> float:
        return percentage(self.total_present, self.total_meetings)

    @property
    def total_excused(self) -> int:
        return sum(meeting["status"] == Status.EXCUSED for meeting in self.meetings)

    @property
    def rule(self) -> MinimumRule | None:
        """The standing by the section's minimum, where it has one."""
        if not self.minimum_percentage:
            return None
        held = self.total_meetings - self.total_excused
        return MinimumRule(minimum=self.minimum_percentage, present=self.total_present, held=held)

    @property
    def may_miss(self) -> int | None:
        return self.rule.may_miss if self.rule else None

    @property
    def must_attend(self) -> int | None:
        return self.rule.must_attend if self.rule else None


def own_sections(student: Student) -> list[OwnSection]:
    """The student's attendance per section, of the meetings that have ended, in one query."""
    entries = (
        RosterEntry.objects.filter(student=student, meeting__ended_at__isnull=False)
        .select_related("meeting__section__course", "record")
        .order_by(
            "meeting__section__course__code",
            "meeting__section__name",
            "meeting__section_id",
            "-meeting__starts_at",
        )
    )
    return [
        OwnSection(
            section=section.pk,
            course=section.course.code,
            course_title=section.course.title,
            name=section.name,
            term=section.term,
            minimum_percentage=section.minimum_percentage,
            meetings=[_own_meeting(entry) for entry in group],
        )
        for section, group in groupby(entries, key=lambda entry: entry.meeting.section)
    ]


def _own_meeting(entry: RosterEntry) -> dict[str, object]:
    record = entry.record
    return {
        "session": entry.meeting.public_id,
        "date": entry.meeting.date,
        "status": record.status if record else None,
        "marked_at": record.marked_at if record else None,
        "method": record.method if record else None,
    }
