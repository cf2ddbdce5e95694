"""The API of sessions, joining and scanning."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from attendance.models import Section, Student
from attendance.permissions import IsStudent, IsTeacher, signed_in
from attendance.refusals import NotEnrolled
from attendance.serializers import CorrectionSerializer, RecordSerializer
from qrsessions import correcting, joining, lifecycle, scanning
from qrsessions.limits import JOINS, MARKS
from qrsessions.models import JoinPolicy, QRSession, SessionStatus
from qrsessions.own_sessions import OwnSession, own_sessions
from qrsessions.serializers import (
    AdmitSerializer,
    AdmittedSerializer,
    CorrectedSerializer,
    JoinedSerializer,
    MarkedSerializer,
    MarkSerializer,
    OpenSessionSerializer,
    OwnSessionsSerializer,
    RefusedScanSerializer,
    SessionSerializer,
    ShownTokenSerializer,
    StatsSerializer,
    session_stats_json,
    sessions_json,
    shown_token,
    stats_json,
)

CONFLICT = OpenApiResponse(OpenApiTypes.OBJECT, description="Refused in the present state; see `code`.")


class TeacherView(APIView):
    permission_classes = (IsTeacher,)

    def session(self, request: Request, public_id: str) -> QRSession:
        """The session, if the user may see it."""
        visible = QRSession.objects.visible_to(signed_in(request)).with_names()
        return get_object_or_404(visible, meeting__public_id=public_id)


class SessionList(TeacherView):
    @extend_schema(
        parameters=[OpenApiParameter("status", enum=SessionStatus.values)],
        responses=SessionSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """The sessions of the sections that you teach, the newest first."""
        sessions = QRSession.objects.visible_to(signed_in(request)).with_names()
        if status := request.query_params.get("status"):
            if status not in SessionStatus.values:
                raise ValidationError({"status": [f"One of {', '.join(SessionStatus.values)}."]})
            sessions = sessions.filter(status=status)
        return Response(sessions_json(list(sessions), at=timezone.now()))

    @extend_schema(request=OpenSessionSerializer, responses={201: SessionSerializer, 409: CONFLICT})
    def post(self, request: Request) -> Response:
        """Open a session for a section: students can join."""
        wanted = OpenSessionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user, at = signed_in(request), timezone.now()
        section = get_object_or_404(Section.objects.visible_to(user), pk=wanted.validated_data["section"])
        policy = JoinPolicy(wanted.validated_data["join_policy"])
        session = lifecycle.open_session(section=section, by=user, at=at, join_policy=policy)
        session = self.session(request, session.public_id)
        return Response(sessions_json([session], at=at)[0], status=201)


class SessionDetail(TeacherView):
    @extend_schema(responses=SessionSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """One session with its live stats."""
        return Response(sessions_json([self.session(request, public_id)], at=timezone.now())[0])


class SessionStep(TeacherView):
    """One step of a session's life; ``step`` is given by the address."""

    step = ""

    @extend_schema(request=None, responses={200: SessionSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Take the step. A wrong one is refused with 409 `wrong_state` and changes nothing."""
        at = timezone.now()
        session = lifecycle.take_step(session=self.session(request, public_id), step=self.step, at=at)
        return Response(sessions_json([session], at=at)[0])


class SessionToken(TeacherView):
    @extend_schema(responses={200: ShownTokenSerializer, 409: CONFLICT})
    def get(self, request: Request, public_id: str) -> Response:
        """What the screen shows now, while attendance is taken."""
        session = self.session(request, public_id)
        if session.status != SessionStatus.ACTIVE:
            raise lifecycle.WrongState(session=public_id, status=session.status)
        shown = shown_token(session, request=request, at=timezone.now())
        return Response(ShownTokenSerializer(shown).data, headers={"Cache-Control": "no-store"})


class SessionStats(TeacherView):
    @extend_schema(responses=StatsSerializer)
    def get(self, request: Request, public_id: str) -> Response:
        """The live numbers."""
        return Response(session_stats_json(self.session(request, public_id), at=timezone.now()))


class SessionRecords(TeacherView):
    @extend_schema(responses=RecordSerializer(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        """The whole roster with what is known of each student, in natural order of the roll numbers."""
        entries = correcting.roster_in_order(self.session(request, public_id).meeting)
        return Response(RecordSerializer(entries, many=True).data)


class SessionRecord(TeacherView):
    @extend_schema(request=CorrectionSerializer, responses=CorrectedSerializer)
    def put(self, request: Request, public_id: str, student_id: str) -> Response:
        """Enter a student's status by hand, in every state of the session; null takes a mark back."""
        session = self.session(request, public_id)
        wanted = CorrectionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        student = get_object_or_404(Student, student_id=student_id)
        at = timezone.now()
        try:
            entry = correcting.correct(
                session=session, student=student, by=signed_in(request), at=at, **wanted.validated_data
            )
        except NotEnrolled as error:
            raise NotFound("The student is not on the roster of this session.") from error
        record = RecordSerializer(entry).data
        return Response({"record": record, "stats": session_stats_json(session, at=at)})


class WaitingScans(TeacherView):
    @extend_schema(responses=RefusedScanSerializer(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        """The scans that were refused because their students had not joined, and may be admitted."""
        waiting = scanning.waiting_scans(self.session(request, public_id))
        return Response(RefusedScanSerializer(waiting, many=True).data)

    @extend_schema(request=AdmitSerializer, responses=AdmittedSerializer)
    def post(self, request: Request, public_id: str) -> Response:
        """Admit one, some or all of them: each is marked with the moment of the scan."""
        session = self.session(request, public_id)
        wanted = AdmitSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        at = timezone.now()
        admitted = scanning.admit(
            session=session, student_ids=wanted.validated_data["student_ids"], by=signed_in(request), at=at
        )
        return Response({"admitted": admitted, "stats": session_stats_json(session, at=at)})


class StudentView(APIView):
    permission_classes = (IsStudent,)

    def student(self, request: Request) -> Student:
        return Student.objects.get(user=signed_in(request))


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
        joined = joining.join_session(session=session, student=student, at=at)
        body = {
            "session": session.public_id,
            "joined_at": joined.joined_at,
            "stats": session_stats_json(session, at=at),
        }
        return Response(JoinedSerializer(body).data, status=201 if joined.created else 200)


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
        return Response(marked_json(scanned), status=201 if scanned.marked.created else 200)


def marked_json(scanned: scanning.Scanned) -> dict[str, Any]:
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
