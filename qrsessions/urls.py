from django.urls import path, register_converter

from qrsessions import converters
from qrsessions.api import audit_trail, groups, records, screens, section_rules, sessions, students
from qrsessions.api import desk_scan as desk_scan_api
from qrsessions.lifecycle import STEPS
from qrsessions.views import (
    desk_scan,
    history,
    join_address,
    own,
    registers,
    rules,
    scan,
    screen,
    student,
    teaching,
)
from qrsessions.views import groups as group_pages

register_converter(converters.PublicIdConverter, "public_id")
register_converter(converters.SessionIdConverter, "session_id")
register_converter(converters.GroupIdConverter, "group_id")
register_converter(converters.StudentIdConverter, "student_id")
register_converter(converters.ScannedTokenConverter, "scanned_token")

app_name = "qrsessions"

session = "api/v1/sessions/<public_id:public_id>/"
group = "api/v1/group-sessions/<public_id:public_id>/"
session_page = "teach/sessions/<session_id:public_id>/"
group_page = "teach/groups/<group_id:public_id>/"

urlpatterns = [
    # Pages for teachers
    path("teach/", teaching.sections, name="sections"),
    path("teach/sections/<int:section_id>/open/", teaching.open_session, name="open-session"),
    path("teach/sections/<int:section_id>/", rules.section, name="section"),
    path("teach/welcome/", teaching.dismiss_welcome, name="dismiss-welcome"),
    path(session_page, teaching.session_page, name="session"),
    path(f"{session_page}history/", history.history, name="history"),
    path(f"{session_page}settings/", rules.settings, name="settings"),
    *(path(f"{session_page}{step}/", teaching.take_step, {"step": step}, name=step) for step in STEPS),
    path(f"{session_page}mark/", teaching.mark, name="mark-by-hand"),
    path(f"{session_page}admit/", teaching.admit, name="admit"),
    path(f"{session_page}bulk/", registers.bulk, name="bulk"),
    path(f"{session_page}curve/", registers.curve, name="curve"),
    path(f"{session_page}screen/", screen.screen, name="screen"),
    path(f"{session_page}screen/qr.svg", screen.token_image, name="screen-qr"),
    path(f"{session_page}screen/join.svg", screen.join_image, name="screen-join-qr"),
    path(f"{session_page}scan/", desk_scan.desk_scan, name="desk-scan"),
    path(f"{session_page}leave/", group_pages.leave_group, name="leave-group"),
    path(f"{group_page}scan/", desk_scan.desk_scan, name="group-desk-scan"),
    path("teach/groups/new/", group_pages.open_group, name="open-group"),
    path(group_page, group_pages.group_page, name="group"),
    *(
        path(f"{group_page}{step}/", group_pages.take_step, {"step": step}, name=f"group-{step}")
        for step in STEPS
    ),
    path(f"{group_page}sections/", group_pages.add_section, name="group-add-section"),
    path(f"{group_page}admit/", group_pages.admit, name="group-admit"),
    path(f"{group_page}register/", group_pages.register, name="group-register"),
    path(f"{group_page}settings/", rules.settings, name="group-settings"),
    path(f"{group_page}bulk/", registers.bulk, name="group-bulk"),
    path(f"{group_page}curve/", registers.curve, name="group-curve"),
    path(f"{group_page}screen/", screen.screen, name="group-screen"),
    path(f"{group_page}screen/qr.svg", screen.token_image, name="group-screen-qr"),
    path(f"{group_page}screen/join.svg", screen.join_image, name="group-screen-join-qr"),
    # The API
    path("api/v1/sections/<int:section_id>/", section_rules.SectionDetail.as_view(), name="api-section"),
    path("api/v1/sessions/", sessions.SessionList.as_view(), name="api-sessions"),
    path(session, sessions.SessionDetail.as_view(), name="api-session"),
    *(
        path(f"{session}{step}/", sessions.SessionStep.as_view(step=step), name=f"api-{step}")
        for step in STEPS
    ),
    path(f"{session}token/", sessions.SessionToken.as_view(), name="api-token"),
    path(f"{session}stats/", sessions.SessionStats.as_view(), name="api-stats"),
    path(f"{session}latest/", screens.SessionLatest.as_view(), name="api-latest"),
    path(f"{session}records/", records.SessionRecords.as_view(), name="api-records"),
    path(f"{session}records/bulk/", records.BulkRecords.as_view(), name="api-bulk-records"),
    path(f"{session}arrival-curve/", records.SessionArrivalCurve.as_view(), name="api-arrival-curve"),
    path(f"{session}undo/", records.Undo.as_view(), name="api-undo"),
    path(f"{session}events/", audit_trail.SessionEvents.as_view(), name="api-events"),
    # Before the record itself, because a student id may have a slash.
    path(
        f"{session}records/<student_id:student_id>/changes/",
        audit_trail.RecordChanges.as_view(),
        name="api-record-changes",
    ),
    path(f"{session}records/<student_id:student_id>/", records.SessionRecord.as_view(), name="api-record"),
    path(f"{session}waiting/", sessions.WaitingScans.as_view(), name="api-waiting"),
    path(f"{session}personal-codes/", desk_scan_api.PersonalCodes.as_view(), name="api-personal-codes"),
    path(f"{session}join/", students.Join.as_view(), name="api-join"),
    path(f"{session}leave/", sessions.LeaveGroup.as_view(), name="api-leave-group"),
    path("api/v1/group-sessions/", groups.GroupSessionList.as_view(), name="api-group-sessions"),
    path(group, groups.GroupSessionDetail.as_view(), name="api-group-session"),
    *(
        path(f"{group}{step}/", groups.GroupSessionStep.as_view(step=step), name=f"api-group-{step}")
        for step in STEPS
    ),
    path(f"{group}token/", groups.GroupSessionToken.as_view(), name="api-group-token"),
    path(f"{group}stats/", groups.GroupSessionStats.as_view(), name="api-group-stats"),
    path(f"{group}latest/", screens.GroupLatest.as_view(), name="api-group-latest"),
    path(f"{group}records/", records.GroupRecords.as_view(), name="api-group-records"),
    path(f"{group}records/bulk/", records.GroupBulkRecords.as_view(), name="api-group-bulk-records"),
    path(f"{group}arrival-curve/", records.GroupArrivalCurve.as_view(), name="api-group-arrival-curve"),
    path(f"{group}sections/", groups.GroupSections.as_view(), name="api-group-sections"),
    path(f"{group}waiting/", groups.GroupWaitingScans.as_view(), name="api-group-waiting"),
    path(
        f"{group}personal-codes/",
        desk_scan_api.GroupPersonalCodes.as_view(),
        name="api-group-personal-codes",
    ),
    path(f"{group}join/", students.JoinGroup.as_view(), name="api-group-join"),
    path("api/v1/me/session/", students.OwnSessions.as_view(), name="api-own-sessions"),
    path("api/v1/mark/", students.Mark.as_view(), name="api-mark"),
    # Pages for students. The QR code has the scan address in capitals; people type it in small letters.
    path("student/", student.student, name="student"),
    path("student/attendance/", own.attendance, name="attendance"),
    path("student/attendance/data.json", own.data_json, name="own-data-json"),
    path("student/attendance/data.csv", own.data_csv, name="own-data-csv"),
    path("student/my-qr/", own.own_code, name="own-code"),
    path("student/my-qr/code.svg", own.own_code_image, name="own-code-image"),
    path("student/join/", student.join, name="student-join"),
    path("student/code/", student.mark_by_code, name="student-code"),
    path("A/<scanned_token:token>", scan.scan, name="scan"),
    path("a/<scanned_token:token>", scan.scan),
    path("scan/", scan.claim, name="claim"),
    path("J/<public_id:public_id>", join_address.join_address, name="join-address"),
    path("j/<public_id:public_id>", join_address.join_address),
]
