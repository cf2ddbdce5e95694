"""The JSON of sessions, joining and scanning; see docs/api.md."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from attendance.models import Status
from attendance.serializers import CountsSerializer, RecordSerializer, counts_json
from attendance.stats import Stats, meeting_stats, sum_of
from qrsessions import tokens
from qrsessions.addresses import scan_url
from qrsessions.models import Action, GroupSession, JoinPolicy, QRSession, SessionStatus
from qrsessions.own_sessions import OwnSession


class StatsSerializer(CountsSerializer):
    """The live numbers of one session."""

    session = serializers.CharField()
    status = serializers.ChoiceField(SessionStatus.choices)


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
        source="switches.code_enabled",
        help_text="Whether the typed code marks; of its group, where it is run with one.",
    )
    names_on_screen = serializers.BooleanField(source="switches.names_on_screen")
    late_from = serializers.DateTimeField(
        allow_null=True,
        help_text="From when on a scan is late; null before the start and where the section has no such rule.",
    )
    stats = serializers.SerializerMethodField()

    @extend_schema_field(StatsSerializer)
    def get_stats(self, session: QRSession) -> dict[str, Any]:
        return stats_json(session, self.context["stats"][session.meeting_id])


class GroupStatsSerializer(CountsSerializer):
    """The live numbers of a group session, and of each of its sessions. Every student counts in exactly one."""

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
    code_enabled = serializers.BooleanField(help_text="Whether the typed code marks.")
    names_on_screen = serializers.BooleanField()
    sessions = SessionSerializer(many=True)
    stats = GroupStatsSerializer()


class OpenGroupSerializer(serializers.Serializer[Any]):
    sections = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), min_length=1, max_length=500
    )
    title = serializers.CharField(max_length=200, allow_blank=True, default="")
    join_policy = serializers.ChoiceField(JoinPolicy.choices, default=JoinPolicy.STRICT)


class AddSectionSerializer(serializers.Serializer[Any]):
    section = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class OpenSessionSerializer(serializers.Serializer[Any]):
    section = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    join_policy = serializers.ChoiceField(JoinPolicy.choices, default=JoinPolicy.STRICT)


class SwitchesSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    code_enabled = serializers.BooleanField(required=False, help_text="Whether the typed code marks.")
    names_on_screen = serializers.BooleanField(
        required=False, help_text="Whether the screen shows the names of those who are present."
    )


class SessionEventSerializer(serializers.Serializer[Any]):
    """What was done to the session. ``done_by`` is null where it did so by itself."""

    action = serializers.ChoiceField(Action.choices)
    done_at = serializers.DateTimeField()
    done_by = serializers.CharField(source="done_by.display_name", default=None, allow_null=True)
    detail = serializers.CharField()


class ShownTokenSerializer(serializers.Serializer["ShownToken"]):
    """What a screen shows now. Times follow the server's clock: wait ``next_at - server_time``, whatever yours says."""

    token = serializers.CharField()
    url = serializers.CharField()
    code = serializers.CharField(
        allow_null=True, help_text="To be typed instead; null where it is switched off."
    )
    valid_until = serializers.DateTimeField()
    next_at = serializers.DateTimeField()
    server_time = serializers.DateTimeField()
    late_from = serializers.DateTimeField(
        allow_null=True, help_text="From when on a scan is late; in a group, in the first of its sections."
    )


class LatestStudentSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    at = serializers.DateTimeField()


class LatestSerializer(serializers.Serializer[Any]):
    """Who came last, the newest first: who joined, or while attendance is taken who was marked."""

    names_on_screen = serializers.BooleanField(
        help_text="Whether the teacher turned names on; else nobody is named."
    )
    latest = LatestStudentSerializer(many=True)


class GroupAdmittedSerializer(serializers.Serializer[Any]):
    admitted = serializers.IntegerField()
    stats = GroupStatsSerializer()


class CorrectedSerializer(serializers.Serializer[Any]):
    record = RecordSerializer()
    change = serializers.IntegerField(
        allow_null=True, help_text="To undo it by; null where it was so already, and after an undo."
    )
    stats = StatsSerializer()


class RefusedScanSerializer(serializers.Serializer[Any]):
    student_id = serializers.CharField(source="student.student_id")
    name = serializers.CharField(source="student.name")
    scanned_at = serializers.DateTimeField()


class AdmitSerializer(serializers.Serializer[Any]):
    student_ids = serializers.ListField(
        child=serializers.CharField(max_length=100),
        allow_null=True,
        default=None,
        help_text="Whom to admit; without it, all that wait.",
    )


class AdmittedSerializer(serializers.Serializer[Any]):
    admitted = serializers.IntegerField()
    stats = StatsSerializer()


class JoinGroupSerializer(serializers.Serializer[Any]):
    section = serializers.IntegerField(
        allow_null=True, default=None, min_value=1, max_value=2**63 - 1, help_text="For a student of several."
    )


class JoinedSerializer(serializers.Serializer[Any]):
    session = serializers.CharField()
    joined_at = serializers.DateTimeField()
    stats = StatsSerializer()


class MarkSerializer(serializers.Serializer[Any]):
    """One of: ``token``; ``session`` and ``code``; the ``claim`` of a 503 answer."""

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
    """A session that is open for the student now; of a group, the one where the student counts."""

    id = serializers.CharField()
    group = serializers.CharField(
        allow_null=True, help_text="Join this group session instead, where there is one."
    )
    choices = ChoiceOfSectionSerializer(
        many=True,
        help_text="The sections to choose one from when joining; empty where there is nothing to choose.",
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
    code_enabled = serializers.BooleanField(help_text="Whether the typed code marks.")
    mark = serializers.ChoiceField(Status.choices, allow_null=True)
    late_from = serializers.DateTimeField(
        allow_null=True, help_text="From when on a scan is late; null where it never is."
    )
    stats = StatsSerializer()


class OwnSessionsSerializer(serializers.Serializer[Any]):
    sessions = OwnSessionSerializer(many=True)
    poll_after_ms = serializers.IntegerField(help_text="Ask again after so long; later, if many phones wait.")


@dataclass(frozen=True)
class ShownToken:
    """A session's token in the present step, with all that a screen needs to change it in time."""

    token: str
    url: str
    code: str | None
    valid_until: datetime.datetime
    next_at: datetime.datetime
    server_time: datetime.datetime
    late_from: datetime.datetime | None


def shown_token(
    source: QRSession | GroupSession,
    *,
    request: HttpRequest,
    at: datetime.datetime,
    late_from: datetime.datetime | None,
) -> ShownToken:
    step = tokens.step_at(at)
    token = tokens.make(public_id=source.public_id, secret=source.secret, step=step)
    code = (
        tokens.make_code(public_id=source.public_id, secret=source.secret, at=at)
        if source.code_enabled
        else None
    )
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
    return {"session": session.public_id, "status": session.status, **counts_json(stats)}


def session_stats_json(session: QRSession, *, at: datetime.datetime) -> dict[str, Any]:
    """The session's live stats, read now."""
    return stats_json(session, meeting_stats([session.meeting], at=at)[session.meeting_id])


def sessions_json(sessions: list[QRSession], *, at: datetime.datetime) -> list[dict[str, Any]]:
    """The sessions with their live stats, read in one round trip."""
    stats = meeting_stats([session.meeting for session in sessions], at=at)
    return [dict(SessionSerializer(session, context={"stats": stats}).data) for session in sessions]


def group_stats_json(
    public_id: str, members: Sequence[QRSession], stats: Mapping[int, Stats]
) -> dict[str, Any]:
    """The numbers of the group: the sums of its sessions', in which every student counts once."""
    total = sum_of([stats[member.meeting_id] for member in members])
    return {
        "group": public_id,
        "status": members[0].status,
        "total_sections": len(members),
        **counts_json(total),
        "sections": [stats_json(member, stats[member.meeting_id]) for member in members],
    }


def group_session_json(
    group_session: GroupSession, members: Sequence[QRSession], *, at: datetime.datetime
) -> dict[str, Any]:
    """A group session with its sessions and their live stats, read in one round trip."""
    stats = meeting_stats([member.meeting for member in members], at=at)
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
        "stats": group_stats_json(group_session.public_id, members, stats),
    }


def own_session_json(own: OwnSession) -> dict[str, Any]:
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
        "joined_at": own.joined_at,
        "marked_at": own.marked_at,
        "code_enabled": own.session.switches.code_enabled,
        "mark": own.mark,
        "late_from": own.session.late_from,
        "stats": stats_json(own.session, own.stats),
    }
