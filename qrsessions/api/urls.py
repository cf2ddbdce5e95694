"""The addresses below /api/v1/ that are about sessions."""

from django.urls import path

from qrsessions.api import (
    audit_trail,
    desk_scan,
    groups,
    own_sessions,
    records,
    screens,
    section_rules,
    sessions,
    students,
)
from qrsessions.lifecycle import STEPS

session = "sessions/<public_id:public_id>/"
group = "group-sessions/<public_id:public_id>/"

urlpatterns = [
    # First what the phones of a hall ask at once.
    path("me/session/", own_sessions.OwnSessions.as_view(), name="api-own-sessions"),
    path("mark/", students.Mark.as_view(), name="api-mark"),
    path("sections/<int:section_id>/", section_rules.SectionDetail.as_view(), name="api-section"),
    path("sessions/", sessions.SessionList.as_view(), name="api-sessions"),
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
    path(f"{session}personal-codes/", desk_scan.PersonalCodes.as_view(), name="api-personal-codes"),
    path(f"{session}join/", students.Join.as_view(), name="api-join"),
    path(f"{session}leave/", sessions.LeaveGroup.as_view(), name="api-leave-group"),
    path("group-sessions/", groups.GroupSessionList.as_view(), name="api-group-sessions"),
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
        desk_scan.GroupPersonalCodes.as_view(),
        name="api-group-personal-codes",
    ),
    path(f"{group}join/", students.JoinGroup.as_view(), name="api-group-join"),
]
