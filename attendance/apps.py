from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext_lazy as _


class AttendanceConfig(AppConfig):
    name = "attendance"
    verbose_name = _("Attendance")

    def ready(self) -> None:
        # They need the models.
        from attendance import checks, deletion, known_users, roster_changes, stamps  # noqa: PLC0415

        checks.register()
        post_delete.connect(deletion.delete_sets, sender="attendance.Meeting")
        for changed in (post_save, post_delete):
            for model in ("attendance.User", "attendance.Student"):
                changed.connect(known_users.forget, sender=model)
            changed.connect(roster_changes.tell_one, sender="attendance.Enrolment")
        post_delete.connect(stamps.meeting_deleted, sender="attendance.Meeting")
