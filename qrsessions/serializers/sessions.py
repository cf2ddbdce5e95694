"""The JSON of sessions, joining and scanning; see docs/api.md."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from attendance.api.fields import IdField
from attendance.api.serializers import CountsSerializer, RecordSerializer, counts_json
from attendance.lib.moments import moment_json
from attendance.lib.texts import max_length
from attendance.models import Meeting, MeetingGroup, Status
from attendance.stats import Stats, meeting_stats, sum_of_group
from qrsessions.codes import tokens
from qrsessions.codes.addresses import scan_url
from qrsessions.models import Action, GroupSession, JoinPolicy, QRSession, SessionOrGroup, SessionStatus
from qrsessions.queries.groups import sessions_in
from qrsessions.queries.student_sessions import OwnSession


class StatsSerializer(CountsSerializer):
    """The live counts of one session."""

    session = serializers.CharField()
    status = serializers.ChoiceField(
        SessionStatus.choices, allow_null=True, help_text="null for a meeting without a session."
    )


class SessionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    section = serializers.IntegerField(source="meeting.section_id")
    section_name = serializers.CharField(source="meeting.section.name")
    course = serializers.CharField(source="meeting.section.course.code")
    status = serializers.ChoiceField(SessionStatus.choices)
    join_policy = serializers.ChoiceField(JoinPolicy.choices)
    group = serializers.CharField(source="meeting.group.public_id", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    locked_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    code_enabled = serializers.BooleanField(
        source="run_as.code_enabled",
        help_text="Whether students can type a code instead of scanning. In a group, the group's setting.",
    )
    names_on_screen = serializers.BooleanField(source="run_as.names_on_screen")
    late_from = serializers.DateTimeField(
        allow_null=True,
        help_text="Scans from this time on are late. null before attendance starts, and if the section has no late rule.",
    )
    stats = serializers.SerializerMethodField()

    @extend_schema_field(StatsSerializer)
    def get_stats(self, session: QRSession) -> dict[str, Any]:
        return stats_json(session, self.context["stats"][session.meeting_id])


class GroupStatsSerializer(CountsSerializer):
    """The live counts of a group session and of each of its sessions. Each student counts in exactly one."""

    group = serializers.CharField()
    status = serializers.ChoiceField(SessionStatus.choices)
    total_sections = serializers.IntegerField()
    sections = StatsSerializer(many=True)


class GroupSessionSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    title = serializers.CharField()
    status = serializers.ChoiceField(SessionStatus.choices)
    join_policy = serializers.ChoiceField(JoinPolicy.choices)
    created_at = serializers.DateTimeField()
    locked_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    code_enabled = serializers.BooleanField(help_text="Whether students can type a code instead of scanning.")
    names_on_screen = serializers.BooleanField()
    sessions = SessionSerializer(many=True)
    stats = GroupStatsSerializer()


class OpenGroupSerializer(serializers.Serializer[Any]):
    sections = serializers.ListField(child=IdField(), min_length=1, max_length=500)
    title = serializers.CharField(max_length=max_length(MeetingGroup, "title"), allow_blank=True, default="")
    join_policy = serializers.ChoiceField(JoinPolicy.choices, default=JoinPolicy.STRICT)


class AddSectionSerializer(serializers.Serializer[Any]):
    section = IdField()


class OpenSessionSerializer(serializers.Serializer[Any]):
    section = IdField()
    join_policy = serializers.ChoiceField(JoinPolicy.choices, default=JoinPolicy.STRICT)


class SwitchesSerializer(serializers.Serializer[Any]):
    """Fields that are left out stay the same."""

    code_enabled = serializers.BooleanField(
        required=False, help_text="Whether students can type a code instead of scanning."
    )
    names_on_screen = serializers.BooleanField(
        required=False, help_text="Whether the screen shows the names of the latest arrivals."
    )


class SessionEventSerializer(serializers.Serializer[Any]):
    """What was done to the session. ``done_by`` is null if it happened automatically."""

    action = serializers.ChoiceField(Action.choices)
    done_at = serializers.DateTimeField()
    done_by = serializers.CharField(source="done_by.display_name", default=None, allow_null=True)
    detail = serializers.CharField()


class ShownTokenSerializer(serializers.Serializer["ShownToken"]):
    """What a screen shows now. Times are the server's: wait for ``next_at - server_time``, whatever the local clock says."""

    token = serializers.CharField()
    url = serializers.CharField()
    code = serializers.CharField(
        allow_null=True, help_text="The code to type instead; null if typed codes are turned off."
    )
    valid_until = serializers.DateTimeField()
    next_at = serializers.DateTimeField()
    server_time = serializers.DateTimeField()
    late_from = serializers.DateTimeField(
        allow_null=True,
        help_text="Scans from this time on are late. In a group, the earliest time of its sections.",
    )


class LatestStudentSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    at = serializers.DateTimeField()


class LatestSerializer(serializers.Serializer[Any]):
    """The latest arrivals, newest first: students who joined or, while attendance is being taken, students who were marked."""

    names_on_screen = serializers.BooleanField(
        help_text="Whether the teacher turned names on. If not, the list is empty."
    )
    latest = LatestStudentSerializer(many=True)


class GroupAdmittedSerializer(serializers.Serializer[Any]):
    admitted = serializers.IntegerField()
    stats = GroupStatsSerializer()


class CorrectedSerializer(serializers.Serializer[Any]):
    record = RecordSerializer()
    change = serializers.IntegerField(
        allow_null=True,
        help_text="Send this to undo the correction. null if nothing changed, and after an undo.",
    )
    stats = StatsSerializer()


class RefusedScanSerializer(serializers.Serializer[Any]):
    student_id = serializers.CharField(source="student.student_id")
    name = serializers.CharField(source="student.name")
    scanned_at = serializers.DateTimeField()
    not_enrolled_then = serializers.BooleanField(
        help_text="The student was enrolled only after the class first ended. Admitting adds the student to its roster."
    )


class AdmitSerializer(serializers.Serializer[Any]):
    student_ids = serializers.ListField(
        child=serializers.CharField(max_length=100),
        allow_null=True,
        default=None,
        help_text="The students to admit. Leave it out to admit everyone waiting.",
    )


class AdmittedSerializer(serializers.Serializer[Any]):
    admitted = serializers.IntegerField()
    stats = StatsSerializer()


class JoinGroupSerializer(serializers.Serializer[Any]):
    section = IdField(
        allow_null=True,
        default=None,
        help_text="Only for a student who is in several sections of the group.",
    )


class JoinedSerializer(serializers.Serializer[Any]):
    session = serializers.CharField()
    joined_at = serializers.DateTimeField()
    stats = StatsSerializer()


class MarkSerializer(serializers.Serializer[Any]):
    """Send one of: ``token``; ``session`` and ``code``; the ``claim`` from a 503 answer."""

    token = serializers.CharField(required=False, max_length=100)
    session = serializers.CharField(required=False, max_length=20)
    code = serializers.CharField(required=False, max_length=20)
    claim = serializers.CharField(required=False, max_length=500)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.keys() not in ({"token"}, {"session", "code"}, {"claim"}):
            raise serializers.ValidationError(_("Send either token, or session and code, or claim."))
        return attrs


class MarkedSerializer(serializers.Serializer[Any]):
    code = serializers.ChoiceField(["marked", "already_marked"])
    session = serializers.CharField()
    status = serializers.ChoiceField(Status.choices)
    marked_at = serializers.DateTimeField()
    stats = StatsSerializer()


class ChoiceOfSectionSerializer(serializers.Serializer[Any]):
    section = serializers.IntegerField()
    course = serializers.CharField()
    name = serializers.CharField()


class OwnSessionSerializer(serializers.Serializer[Any]):
    """A session that is open for the student now. In a group, the one where the student counts."""

    id = serializers.CharField()
    group = serializers.CharField(allow_null=True, help_text="If set, join this group session instead.")
    choices = ChoiceOfSectionSerializer(
        many=True,
        help_text="The sections to choose from when joining; empty if there is no choice.",
    )
    course = serializers.CharField()
    course_title = serializers.CharField()
    section = serializers.IntegerField()
    section_name = serializers.CharField()
    teacher = serializers.CharField()
    status = serializers.ChoiceField(SessionStatus.choices)
    can_join = serializers.BooleanField()
    can_scan = serializers.BooleanField()
    joined_at = serializers.DateTimeField(allow_null=True)
    marked_at = serializers.DateTimeField(allow_null=True)
    code_enabled = serializers.BooleanField(help_text="Whether students can type a code instead of scanning.")
    mark = serializers.ChoiceField(Status.choices, allow_null=True)
    label = serializers.CharField(  # type: ignore[assignment]
        allow_null=True, help_text="The institution's own label of the mark."
    )
    late_from = serializers.DateTimeField(
        allow_null=True, help_text="Scans from this time on are late. null if they never are."
    )
    stats = StatsSerializer()


class OwnSessionsSerializer(serializers.Serializer[Any]):
    sessions = OwnSessionSerializer(many=True)
    poll_after_ms = serializers.IntegerField(
        help_text="How long to wait before asking again. Longer when many phones are waiting."
    )


@dataclass(frozen=True)
class ShownToken:
    """A session's token of the current step, and when the screen has to change it."""

    token: str
    url: str
    code: str | None
    valid_until: datetime.datetime
    next_at: datetime.datetime
    server_time: datetime.datetime
    late_from: datetime.datetime | None


def shown_token(
    session_or_group: SessionOrGroup,
    *,
    request: HttpRequest,
    at: datetime.datetime,
    late_from: datetime.datetime | None,
) -> ShownToken:
    step = tokens.step_at(at)
    public_id, secret = session_or_group.public_id, session_or_group.secret
    token = tokens.make(public_id=public_id, secret=secret, step=step)
    has_code = session_or_group.code_enabled
    code = tokens.make_code(public_id=public_id, secret=secret, at=at) if has_code else None
    return ShownToken(
        token=token,
        url=scan_url(request, token),
        code=code,
        valid_until=tokens.valid_until(step),
        next_at=tokens.step_starts_at(step + 1),
        server_time=at,
        late_from=late_from,
    )


def stats_json(session: QRSession, stats: Stats) -> dict[str, Any]:
    return counts_of_session_json(session.public_id, session.status, stats)


def counts_of_session_json(public_id: str, status: str | None, stats: Stats) -> dict[str, Any]:
    """What ``StatsSerializer`` describes."""
    return {"session": public_id, "status": status, **counts_json(stats)}


def sessions_json(sessions: list[QRSession], *, at: datetime.datetime) -> list[dict[str, Any]]:
    """The sessions with their live stats, read in one round trip."""
    stats = meeting_stats([session.meeting for session in sessions], at=at)
    return [dict(SessionSerializer(session, context={"stats": stats}).data) for session in sessions]


def group_stats_json(
    public_id: str, status: str, meetings: Sequence[Meeting], stats: Mapping[int, Stats]
) -> dict[str, Any]:
    """The stats of a group: the sums of those of its sessions, in which every student counts once. Cancelled ones are listed
    and not counted.
    """
    total = sum_of_group(meetings, stats)
    return {
        "group": public_id,
        "status": status,
        "total_sections": len(meetings),
        **counts_json(total),
        "sections": [
            counts_of_session_json(meeting.public_id, status, stats[meeting.pk]) for meeting in meetings
        ],
    }


def group_sessions_json(
    members: Mapping[GroupSession, Sequence[QRSession]], *, at: datetime.datetime
) -> list[dict[str, Any]]:
    """Group sessions with their sessions and the live stats of all, read in one round trip."""
    stats = meeting_stats([member.meeting for found in members.values() for member in found], at=at)
    return [_group_session_json(group_session, found, stats) for group_session, found in members.items()]


def _group_session_json(
    group_session: GroupSession, members: Sequence[QRSession], stats: Mapping[int, Stats]
) -> dict[str, Any]:
    first = members[0]
    return {
        "id": group_session.public_id,
        "title": group_session.group.title,
        "status": first.status,
        "join_policy": group_session.join_policy,
        "created_at": group_session.created_at,
        "locked_at": first.locked_at,
        "started_at": first.started_at,
        "ended_at": first.ended_at,
        "code_enabled": group_session.code_enabled,
        "names_on_screen": group_session.names_on_screen,
        "sessions": SessionSerializer(list(members), many=True, context={"stats": stats}).data,
        "stats": group_stats_json(
            group_session.public_id, first.status, [member.meeting for member in members], stats
        ),
    }


def session_or_group_json(session_or_group: SessionOrGroup, *, at: datetime.datetime) -> dict[str, Any]:
    """A session, or a group session with its sessions, with live stats."""
    sessions = sessions_in(session_or_group)
    if isinstance(session_or_group, GroupSession):
        return group_sessions_json({session_or_group: sessions}, at=at)[0]
    return sessions_json(sessions, at=at)[0]


def live_stats_json(session_or_group: SessionOrGroup, *, at: datetime.datetime) -> dict[str, Any]:
    """The live stats of a session, or of a group and each of its sessions, read now."""
    sessions = sessions_in(session_or_group)
    meetings = [session.meeting for session in sessions]
    stats = meeting_stats(meetings, at=at)
    if isinstance(session_or_group, GroupSession):
        return group_stats_json(session_or_group.public_id, sessions[0].status, meetings, stats)
    return stats_json(session_or_group, stats[session_or_group.meeting_id])


def own_session_json(own: OwnSession) -> dict[str, Any]:
    """What ``OwnSessionSerializer`` describes. Built by hand, because waiting phones ask for it every few seconds."""
    section = own.session.meeting.section
    return {
        "id": own.session.public_id,
        "group": own.session.meeting.group.public_id if own.session.meeting.group else None,
        "choices": [
            {"section": choice.pk, "course": choice.course.code, "name": choice.name}
            for choice in own.choices
        ],
        "course": section.course.code,
        "course_title": section.course.title,
        "section": section.pk,
        "section_name": section.name,
        "teacher": own.session.opened_by.display_name,
        "status": own.session.status,
        "can_join": own.can_join,
        "can_scan": own.can_scan,
        "joined_at": moment_json(own.joined_at),
        "marked_at": moment_json(own.marked_at),
        "code_enabled": own.session.run_as.code_enabled,
        "mark": own.mark,
        "label": own.label,
        "late_from": moment_json(own.session.late_from),
        "stats": stats_json(own.session, own.stats),
    }
