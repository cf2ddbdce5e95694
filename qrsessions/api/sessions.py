"""The API of single sessions and of the registers."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.models import Section, Student
from attendance.permissions import signed_in
from attendance.refusals import NotEnrolled
from attendance.serializers import CorrectionSerializer, RecordSerializer
from qrsessions import admitting, correcting, groups, lifecycle
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.models import JoinPolicy, QRSession, SessionStatus
from qrsessions.serializers import (
    AdmitSerializer,
    AdmittedSerializer,
    CorrectedSerializer,
    OpenSessionSerializer,
    RefusedScanSerializer,
    SessionSerializer,
    ShownTokenSerializer,
    StatsSerializer,
    session_stats_json,
    sessions_json,
    shown_token,
)


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
        if session.meeting.group:
            raise lifecycle.InGroup(group=session.meeting.group.public_id)
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


class LeaveGroup(TeacherView):
    @extend_schema(request=None, responses={200: SessionSerializer, 409: CONFLICT})
    def post(self, request: Request, public_id: str) -> Response:
        """Take a session out of its group: it goes on by itself, with its joins and marks."""
        session = groups.leave_group(session=self.session(request, public_id))
        return Response(sessions_json([session], at=timezone.now())[0])


class WaitingScans(TeacherView):
    @extend_schema(responses=RefusedScanSerializer(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        """The scans that were refused because their students had not joined, and may be admitted."""
        waiting = admitting.waiting_scans([self.session(request, public_id)])
        return Response(RefusedScanSerializer(waiting, many=True).data)

    @extend_schema(request=AdmitSerializer, responses=AdmittedSerializer)
    def post(self, request: Request, public_id: str) -> Response:
        """Admit one, some or all of them: each is marked with the moment of the scan."""
        session = self.session(request, public_id)
        wanted = AdmitSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        at = timezone.now()
        admitted = admitting.admit(
            sessions=[session], student_ids=wanted.validated_data["student_ids"], by=signed_in(request), at=at
        )
        return Response({"admitted": admitted, "stats": session_stats_json(session, at=at)})
