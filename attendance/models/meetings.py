"""Class meetings, and meetings that are held as one group."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from attendance.models.people import Role, Student, User
from attendance.models.public_ids import GROUP_PATTERN, MEETING_PATTERN, new_group_id, new_meeting_id
from attendance.models.teaching import Section


class MeetingGroup(models.Model):
    """Meetings of several sections held as one class, in one hall by one teacher."""

    public_id = models.CharField(_("id"), max_length=8, unique=True, default=new_group_id, editable=False)
    title = models.CharField(_("title"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("meeting group")
        verbose_name_plural = _("meeting groups")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(public_id__regex=GROUP_PATTERN), name="meeting_group_public_id"
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.public_id


class MeetingQuerySet(models.QuerySet["Meeting"]):
    def open(self) -> Self:
        return self.filter(ended_at=None)

    def visible_to(self, user: User) -> Self:
        """The meetings of the sections that the user teaches, or all for an admin."""
        if user.role is Role.ADMIN:
            return self
        if user.role is Role.TEACHER:
            return self.filter(section__teachers=user)
        return self.none()


class Meeting(models.Model):
    """One class meeting of one section: what a register has a column for."""

    section = models.ForeignKey(Section, models.PROTECT, related_name="meetings", verbose_name=_("section"))
    public_id = models.CharField(_("id"), max_length=8, unique=True, default=new_meeting_id, editable=False)
    starts_at = models.DateTimeField(_("starts"))
    # The institution's local date of starts_at, kept: a later change of the zone moves nobody's enrolment.
    date = models.DateField(_("date"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    group = models.ForeignKey(
        MeetingGroup, models.SET_NULL, null=True, blank=True, related_name="meetings", verbose_name=_("group")
    )

    objects = MeetingQuerySet.as_manager()

    class Meta:
        verbose_name = _("meeting")
        verbose_name_plural = _("meetings")
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(public_id__regex=MEETING_PATTERN), name="meeting_public_id"),
            models.CheckConstraint(
                condition=Q(ended_at__gte=F("starts_at")), name="meeting_ends_after_start"
            ),
            models.UniqueConstraint(
                fields=["section"],
                condition=Q(ended_at=None),
                name="meeting_one_open_per_section",
                violation_error_message=_("The section already has a session that has not ended."),
            ),
            models.UniqueConstraint(fields=["group", "section"], name="meeting_section_once_per_group"),
        ]

    def __str__(self) -> str:
        return f"{self.section} · {self.date}"


class GroupSeat(models.Model):
    """Where a student of several sections of a group counts: at exactly one of its meetings.

    Written when the student joins; a student without a seat counts at the meeting whose section has the lowest id.
    """

    group = models.ForeignKey(MeetingGroup, models.CASCADE, related_name="seats", verbose_name=_("group"))
    student = models.ForeignKey(Student, models.CASCADE, related_name="+", verbose_name=_("student"))
    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="+", verbose_name=_("meeting"))

    class Meta:
        verbose_name = _("seat in a group")
        verbose_name_plural = _("seats in a group")
        constraints = [
            models.UniqueConstraint(fields=["group", "student"], name="group_seat_one_per_student")
        ]

    def __str__(self) -> str:
        return f"{self.student} · {self.meeting}"
