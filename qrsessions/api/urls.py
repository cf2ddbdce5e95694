"""The addresses below /api/v1/ that are about sessions."""

from typing import Any

from django.urls import URLPattern, path

from attendance.exports.registers.files import FileType
from qrsessions.api import (
    audit_log,
    desk_scan,
    groups,
    meetings,
    patterns,
    records,
    reports,
    rules,
    sections,
    sessions,
    student_sessions,
    students,
)
from qrsessions.api.base import SessionOrGroupView
from qrsessions.api.registers import explanation, files, locks, register_import, verify
from qrsessions.api.registers import students as registers_of_students
from qrsessions.services.lifecycle import STEPS

SESSION = "sessions/<public_id:public_id>/"
MEETING = "meetings/<public_id:public_id>/"
GROUP = "group-sessions/<public_id:public_id>/"


def both(route: str, view: type[SessionOrGroupView], name: str, **kwargs: Any) -> list[URLPattern]:
    """The address for a session and that for a group session."""
    return [
        path(f"{SESSION}{route}", view.as_view(**kwargs), name=f"api-{name}"),
        path(f"{GROUP}{route}", view.as_view(is_group=True, **kwargs), name=f"api-group-{name}"),
    ]


urlpatterns = [
    # First the addresses that the phones of a whole hall request.
    path("me/session/", student_sessions.OwnSessions.as_view(), name="api-own-sessions"),
    path("mark/", students.Mark.as_view(), name="api-mark"),
    path("sections/<int:section_id>/", sections.SectionDetail.as_view(), name="api-section"),
    path(
        "sections/<int:section_id>/meetings/", meetings.SectionMeetings.as_view(), name="api-section-meetings"
    ),
    path("sections/<int:section_id>/rule/", rules.SectionRule.as_view(), name="api-section-rule"),
    path("sections/<int:section_id>/rule/simulate/", rules.SimulateRule.as_view(), name="api-simulate-rule"),
    path(
        "sections/<int:section_id>/explain/<student_id:student_id>/",
        explanation.Explain.as_view(),
        name="api-explain",
    ),
    path(
        "students/<student_id:student_id>/courses/",
        registers_of_students.StudentCourses.as_view(),
        name="api-student-courses",
    ),
    path(
        "sections/<int:section_id>/patterns/", patterns.SectionPatterns.as_view(), name="api-section-patterns"
    ),
    # The register of a term
    path("sections/<int:section_id>/register/", files.SectionRegister.as_view(), name="api-register"),
    *(
        path(
            f"sections/<int:section_id>/register.{type}",
            files.SectionRegisterFile.as_view(type=type),
            name=f"api-register-{type}",
        )
        for type in (FileType.CSV, FileType.XLSX, FileType.PDF)
    ),
    path(
        "sections/<int:section_id>/register.json",
        files.SectionRegisterData.as_view(),
        name="api-register-json",
    ),
    path("sections/<int:section_id>/marks.csv", files.SectionMarks.as_view(), name="api-marks"),
    path("registers.zip", files.RegistersZip.as_view(), name="api-registers-zip"),
    path(
        "sections/<int:section_id>/register/import/",
        register_import.RegisterImport.as_view(),
        name="api-register-import",
    ),
    # Reports of the term
    path("reports/sections/", reports.SectionReports.as_view(), name="api-section-reports"),
    path("reports/at-risk/", reports.StudentsAtRisk.as_view(), name="api-at-risk"),
    # Meetings that are not now
    path("meetings/missing/", meetings.MissingRegisters.as_view(), name="api-missing-registers"),
    path(f"{MEETING}cancel/", meetings.CancelMeeting.as_view(), name="api-cancel-meeting"),
    path(f"{MEETING}restore/", meetings.RestoreMeeting.as_view(), name="api-restore-meeting"),
    path(f"{MEETING}move/", meetings.MoveMeeting.as_view(), name="api-move-meeting"),
    path(f"{MEETING}finish/", meetings.FinishMeeting.as_view(), name="api-finish-meeting"),
    path(f"{MEETING}unlock-register/", locks.UnlockRegister.as_view(), name="api-unlock-register"),
    path("registers/verify/", verify.VerifyRegister.as_view(), name="api-verify-register"),
    # Sessions and group sessions
    path("sessions/", sessions.SessionList.as_view(), name="api-sessions"),
    path("group-sessions/", groups.GroupSessionList.as_view(), name="api-group-sessions"),
    *both("", sessions.SessionDetail, "session"),
    *(pattern for step in STEPS for pattern in both(f"{step}/", sessions.SessionStep, step, step=step)),
    *both("discard/", sessions.SessionDiscard, "discard"),
    *both("token/", sessions.SessionToken, "token"),
    path(f"{SESSION}stats/", sessions.SessionStats.as_view(), name="api-stats"),
    path(f"{GROUP}stats/", groups.GroupSessionStats.as_view(), name="api-group-stats"),
    *both("latest/", sessions.LatestArrivals, "latest"),
    *both("waiting/", sessions.WaitingScans, "waiting"),
    *both("records/", records.Records, "records"),
    *both("records/bulk/", records.BulkRecords, "bulk-records"),
    *both("arrival-curve/", records.ArrivalCurve, "arrival-curve"),
    *both("personal-codes/", desk_scan.PersonalCodes, "personal-codes"),
    # Sessions only
    path(f"{SESSION}undo/", records.Undo.as_view(), name="api-undo"),
    path(f"{SESSION}events/", audit_log.SessionEvents.as_view(), name="api-events"),
    # Before the record itself, because a student id may contain a slash.
    path(
        f"{SESSION}records/<student_id:student_id>/changes/",
        audit_log.RecordChanges.as_view(),
        name="api-record-changes",
    ),
    path(f"{SESSION}records/<student_id:student_id>/", records.SessionRecord.as_view(), name="api-record"),
    path(f"{SESSION}join/", students.Join.as_view(), name="api-join"),
    path(f"{SESSION}leave/", groups.LeaveGroup.as_view(), name="api-leave-group"),
    # Group sessions only
    path(f"{GROUP}sections/", groups.GroupSections.as_view(), name="api-group-sections"),
    path(f"{GROUP}join/", students.JoinGroup.as_view(), name="api-group-join"),
]
