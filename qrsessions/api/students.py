"""The API of students: what is open for them, joining, and being marked."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from qrsessions import joining, scanning
from qrsessions.api.base import CONFLICT, StudentView
from qrsessions.limits import JOINS, MARKS
from qrsessions.models import GroupSession, QRSession
from qrsessions.own_sessions import OwnSession, own_sessions
from qrsessions.serializers import (
    JoinedSerializer,
    JoinGroupSerializer,
    MarkedSerializer,
    MarkSerializer,
    OwnSessionsSerializer,
    session_stats_json,
    stats_json,
)


class OwnSessions(StudentView):
    @extend_schema(responses=OwnSessionsSerializer)
    def get(self, request: Request) -> Response:
        """What is open for you now."""
        sessions = own_sessions(student=self.student(request), at=timezone.now())
        return Response(OwnSessionsSerializer({"sessions": [_own_session(own) for own in sessions]}).data)


class Join(StudentView):
    @extend_schema(request=None, responses={200: JoinedSerializer, 201: JoinedSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Join a session: 201 now, 200 if you had joined before."""
        student, at = self.student(request), timezone.now()
        JOINS.allow(str(student.pk))
        session = get_object_or_404(QRSession.objects.with_names(), meeting__public_id=public_id)
        return _joined_answer(joining.join(source=session, student=student, at=at))


class JoinGroup(StudentView):
    @extend_schema(
        request=JoinGroupSerializer, responses={200: JoinedSerializer, 201: JoinedSerializer, 409: CONFLICT}
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Join the own session of a group; who is in several of its sections names one (409 `choose_section` lists them)."""
        student = self.student(request)
        JOINS.allow(str(student.pk))
        wanted = JoinGroupSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        group_session = get_object_or_404(GroupSession.objects.with_names(), group__public_id=public_id)
        joined = joining.join(
            source=group_session, student=student, at=timezone.now(), section=wanted.validated_data["section"]
        )
        return _joined_answer(joined)


class Mark(StudentView):
    @extend_schema(
        request=MarkSerializer,
        responses={200: MarkedSerializer, 201: MarkedSerializer, 400: CONFLICT, 403: CONFLICT, 409: CONFLICT},
    )
    def post(self, request: Request) -> Response:
        """Be marked by a scanned token or a typed code: 201 now, 200 if you had been marked before."""
        student, at = self.student(request), timezone.now()
        wanted = MarkSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        MARKS.allow(str(student.pk))
        given = wanted.validated_data
        if "token" in given:
            scanned = scanning.mark_by_token(token=given["token"], student=student, at=at)
        else:
            scanned = scanning.mark_by_code(
                public_id=given["session"], code=given["code"], student=student, at=at
            )
        return Response(_marked_json(scanned), status=201 if scanned.marked.created else 200)


def _joined_answer(joined: joining.JoinedSession) -> Response:
    body = {
        "session": joined.session.public_id,
        "joined_at": joined.joined.joined_at,
        "stats": session_stats_json(joined.session, at=timezone.now()),
    }
    return Response(JoinedSerializer(body).data, status=201 if joined.joined.created else 200)


def _marked_json(scanned: scanning.Scanned) -> dict[str, Any]:
    marked = scanned.marked
    body = {
        "code": "marked" if marked.created else "already_marked",
        "session": scanned.session.public_id,
        "status": marked.status,
        "marked_at": marked.marked_at,
        "stats": session_stats_json(scanned.session, at=timezone.now()),
    }
    return dict(MarkedSerializer(body).data)


def _own_session(own: OwnSession) -> dict[str, Any]:
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
        "mark": own.mark,
        "stats": stats_json(own.session, own.stats),
    }
