from django.urls import include, path, register_converter

from qrsessions import converters
from qrsessions.lifecycle import STEPS
from qrsessions.views import (
    desk_scan,
    groups,
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

register_converter(converters.PublicIdConverter, "public_id")
register_converter(converters.SessionIdConverter, "session_id")
register_converter(converters.GroupIdConverter, "group_id")
register_converter(converters.StudentIdConverter, "student_id")
register_converter(converters.ScannedTokenConverter, "scanned_token")

app_name = "qrsessions"

session_page = "teach/sessions/<session_id:public_id>/"
group_page = "teach/groups/<group_id:public_id>/"

urlpatterns = [
    path("api/v1/", include("qrsessions.api.urls")),
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
    path(f"{session_page}leave/", groups.leave_group, name="leave-group"),
    path(f"{group_page}scan/", desk_scan.desk_scan, name="group-desk-scan"),
    path("teach/groups/new/", groups.open_group, name="open-group"),
    path(group_page, groups.group_page, name="group"),
    *(path(f"{group_page}{step}/", groups.take_step, {"step": step}, name=f"group-{step}") for step in STEPS),
    path(f"{group_page}sections/", groups.add_section, name="group-add-section"),
    path(f"{group_page}admit/", groups.admit, name="group-admit"),
    path(f"{group_page}register/", groups.register, name="group-register"),
    path(f"{group_page}settings/", rules.settings, name="group-settings"),
    path(f"{group_page}bulk/", registers.bulk, name="group-bulk"),
    path(f"{group_page}curve/", registers.curve, name="group-curve"),
    path(f"{group_page}screen/", screen.screen, name="group-screen"),
    path(f"{group_page}screen/qr.svg", screen.token_image, name="group-screen-qr"),
    path(f"{group_page}screen/join.svg", screen.join_image, name="group-screen-join-qr"),
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
