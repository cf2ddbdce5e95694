from django.urls import include, path, re_path, register_converter

from qrsessions import converters
from qrsessions.services.lifecycle import STEPS
from qrsessions.views import (
    actions,
    audit_log,
    desk_scan,
    groups,
    join_address,
    scan,
    screen,
    sections,
    sessions,
    student_data,
    student_home,
)
from qrsessions.views.exports import calendar, paper_list
from qrsessions.views.registers import files, locks, register, register_import, rule, students, verify
from qrsessions.views.reports import pages as reports
from qrsessions.views.timetable import file_import, meeting, teaching, week, weekly_classes

register_converter(converters.PublicIdConverter, "public_id")
register_converter(converters.SessionIdConverter, "session_id")
register_converter(converters.GroupIdConverter, "group_id")
register_converter(converters.StudentIdConverter, "student_id")
register_converter(converters.ScannedTokenConverter, "scanned_token")

app_name = "qrsessions"

session_page = "teach/sessions/<session_id:public_id>/"
meeting_page = "teach/meetings/<session_id:public_id>/"
group_page = "teach/groups/<group_id:public_id>/"

urlpatterns = [
    path("api/v1/", include("qrsessions.api.urls")),
    # Pages for teachers
    path("teach/", sections.sections, name="sections"),
    path("teach/past/", sections.past_terms, name="past-terms"),
    path("teach/sections/<int:section_id>/open/", sections.open_session, name="open-session"),
    path("teach/sections/<int:section_id>/", sections.section, name="section"),
    path("teach/sections/<int:section_id>/paper/", paper_list.section_list, name="section-list"),
    path("teach/sections/<int:section_id>/paper.pdf", paper_list.section_list_pdf, name="section-list-pdf"),
    path("teach/sections/<int:section_id>/register/files/", files.page, name="register-files"),
    path(
        "teach/sections/<int:section_id>/register/files/download/",
        files.download_files,
        name="register-download",
    ),
    path("teach/sections/<int:section_id>/meetings/new/", meeting.add, name="add-meeting"),
    path("teach/sections/<int:section_id>/register/", register.register, name="register"),
    path("teach/sections/<int:section_id>/register/print/", register.register_print, name="register-print"),
    path(
        "teach/sections/<int:section_id>/register/students/<student_id:student_id>/",
        register.register_row,
        name="register-row",
    ),
    path("teach/sections/<int:section_id>/teachers/", teaching.teachers, name="teachers"),
    path(
        "teach/sections/<int:section_id>/teachers/<int:assignment_id>/take-back/",
        teaching.take_back,
        name="take-back",
    ),
    path("teach/sections/<int:section_id>/rule/", rule.rule, name="section-rule"),
    path(
        "teach/sections/<int:section_id>/students/<student_id:student_id>/",
        students.in_section,
        name="student-in-section",
    ),
    path("teach/students/", students.search, name="students"),
    path("teach/students/<student_id:student_id>/", students.over_courses, name="student-over-courses"),
    path("teach/reports/", reports.reports, name="reports"),
    path("teach/reports/at-risk/", reports.at_risk, name="at-risk"),
    path("teach/reports/sections/<int:section_id>/", reports.section_report, name="section-report"),
    path("teach/week/", week.week, name="week"),
    path("teach/not-taken/", week.registers_not_taken, name="not-taken"),
    path(meeting_page, meeting.meeting_page, name="meeting"),
    path(f"{meeting_page}cancel/", meeting.cancel, name="cancel-meeting"),
    path(f"{meeting_page}move/", meeting.move, name="move-meeting"),
    path(f"{meeting_page}restore/", meeting.restore, name="restore-meeting"),
    path(f"{meeting_page}give/", meeting.give, name="give-meeting"),
    path(f"{meeting_page}unlock-register/", locks.unlock_register, name="unlock-register"),
    path("teach/sections/<int:section_id>/timetable/", weekly_classes.timetable, name="timetable"),
    path(
        "teach/sections/<int:section_id>/timetable/import/",
        file_import.import_file,
        name="import-timetable",
    ),
    path(
        "teach/sections/<int:section_id>/timetable/series/remove/",
        weekly_classes.remove_imported,
        name="remove-series",
    ),
    path(
        "teach/sections/<int:section_id>/register/import/",
        register_import.import_register,
        name="register-import",
    ),
    path("verify/", verify.verify_register, name="verify-register"),
    path("teach/welcome/", sections.dismiss_welcome, name="dismiss-welcome"),
    path(session_page, sessions.session_page, name="session"),
    path(f"{session_page}history/", audit_log.audit_log_page, name="history"),
    path(f"{session_page}paper/", paper_list.meeting_list, name="meeting-list"),
    path(f"{session_page}paper.pdf", paper_list.meeting_list_pdf, name="meeting-list-pdf"),
    path(f"{session_page}settings/", actions.settings, name="settings"),
    *(path(f"{session_page}{step}/", actions.take_step, {"step": step}, name=step) for step in STEPS),
    path(f"{session_page}discard/", actions.discard, name="discard"),
    path(f"{session_page}mark/", sessions.mark, name="mark-by-hand"),
    path(f"{session_page}admit/", actions.admit, name="admit"),
    path(f"{session_page}bulk/", actions.bulk, name="bulk"),
    path(f"{session_page}curve/", sessions.curve, name="curve"),
    path(f"{session_page}screen/", screen.screen, name="screen"),
    path(f"{session_page}screen/qr.svg", screen.token_image, name="screen-qr"),
    path(f"{session_page}screen/join.svg", screen.join_image, name="screen-join-qr"),
    path(f"{session_page}scan/", desk_scan.desk_scan, name="desk-scan"),
    path(f"{session_page}class/", meeting.choose, name="choose-planned"),
    path(f"{session_page}leave/", groups.leave_group, name="leave-group"),
    path(f"{group_page}scan/", desk_scan.desk_scan, name="group-desk-scan"),
    path("teach/groups/new/", groups.open_group, name="open-group"),
    path(group_page, groups.group_page, name="group"),
    *(
        path(f"{group_page}{step}/", actions.take_step, {"step": step}, name=f"group-{step}")
        for step in STEPS
    ),
    path(f"{group_page}discard/", actions.discard, name="group-discard"),
    path(f"{group_page}sections/", groups.add_section, name="group-add-section"),
    path(f"{group_page}admit/", actions.admit, name="group-admit"),
    path(f"{group_page}register/", groups.register, name="group-register"),
    path(f"{group_page}settings/", actions.settings, name="group-settings"),
    path(f"{group_page}bulk/", actions.bulk, name="group-bulk"),
    path(f"{group_page}curve/", sessions.curve, name="group-curve"),
    path(f"{group_page}screen/", screen.screen, name="group-screen"),
    path(f"{group_page}screen/qr.svg", screen.token_image, name="group-screen-qr"),
    path(f"{group_page}screen/join.svg", screen.join_image, name="group-screen-join-qr"),
    # Pages for students. QR codes have their addresses in capitals; people type them in small letters.
    path("student/", student_home.student, name="student"),
    path("student/attendance/", student_data.attendance, name="attendance"),
    path("student/attendance/data.json", student_data.data_json, name="own-data-json"),
    path("student/attendance/data.csv", student_data.data_csv, name="own-data-csv"),
    path("student/my-qr/", student_data.own_code, name="own-code"),
    path("student/my-qr/code.svg", student_data.own_code_image, name="own-code-image"),
    path("student/join/", student_home.join, name="student-join"),
    path("student/code/", student_home.mark_by_code, name="student-code"),
    # Pages for teachers and students
    path("calendar/", calendar.page, name="calendar"),
    path("calendar/delete/", calendar.delete_address, name="delete-calendar-address"),
    re_path(r"^calendar/(?P<secret>[0-9a-f]{64})\.ics$", calendar.feed, name="calendar-feed"),
    path("A/<scanned_token:token>", scan.scan, name="scan"),
    path("a/<scanned_token:token>", scan.scan),
    path("scan/", scan.claim, name="claim"),
    path("J/<public_id:public_id>", join_address.join_address, name="join-address"),
    path("j/<public_id:public_id>", join_address.join_address),
]
