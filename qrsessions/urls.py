from django.urls import path, register_converter

from qrsessions import api, converters
from qrsessions.lifecycle import STEPS
from qrsessions.views import scan, screen, student, teaching

register_converter(converters.PublicIdConverter, "public_id")
register_converter(converters.StudentIdConverter, "student_id")
register_converter(converters.ScannedTokenConverter, "scanned_token")

app_name = "qrsessions"

session = "api/v1/sessions/<public_id:public_id>/"
session_page = "teach/sessions/<public_id:public_id>/"

urlpatterns = [
    # Pages for teachers
    path("teach/", teaching.sections, name="sections"),
    path("teach/sections/<int:section_id>/open/", teaching.open_session, name="open-session"),
    path(session_page, teaching.session_page, name="session"),
    *(path(f"{session_page}{step}/", teaching.take_step, {"step": step}, name=step) for step in STEPS),
    path(f"{session_page}mark/", teaching.mark, name="mark-by-hand"),
    path(f"{session_page}admit/", teaching.admit, name="admit"),
    path(f"{session_page}screen/", screen.screen, name="screen"),
    path(f"{session_page}screen/qr.svg", screen.token_image, name="screen-qr"),
    path(f"{session_page}screen/join.svg", screen.join_image, name="screen-join-qr"),
    # The API
    path("api/v1/sessions/", api.SessionList.as_view(), name="api-sessions"),
    path(session, api.SessionDetail.as_view(), name="api-session"),
    *(path(f"{session}{step}/", api.SessionStep.as_view(step=step), name=f"api-{step}") for step in STEPS),
    path(f"{session}token/", api.SessionToken.as_view(), name="api-token"),
    path(f"{session}stats/", api.SessionStats.as_view(), name="api-stats"),
    path(f"{session}records/", api.SessionRecords.as_view(), name="api-records"),
    path(f"{session}records/<student_id:student_id>/", api.SessionRecord.as_view(), name="api-record"),
    path(f"{session}waiting/", api.WaitingScans.as_view(), name="api-waiting"),
    path(f"{session}join/", api.Join.as_view(), name="api-join"),
    path("api/v1/me/session/", api.OwnSessions.as_view(), name="api-own-sessions"),
    path("api/v1/mark/", api.Mark.as_view(), name="api-mark"),
    # Pages for students. The QR code has the scan address in capitals; people type it in small letters.
    path("student/", student.student, name="student"),
    path("student/attendance/", student.attendance, name="attendance"),
    path("student/join/", student.join, name="student-join"),
    path("student/code/", student.mark_by_code, name="student-code"),
    path("A/<scanned_token:token>", scan.scan, name="scan"),
    path("a/<scanned_token:token>", scan.scan),
    path("scan/", scan.claim, name="claim"),
]
