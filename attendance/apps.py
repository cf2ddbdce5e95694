from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save
from django.utils.translation import gettext_lazy as _


class AttendanceConfig(AppConfig):
    name = "attendance"
    verbose_name = _("Attendance")

    def ready(self) -> None:
        # They need the models.
        from attendance import checks, signals  # noqa: PLC0415
        from attendance.rosters import changes  # noqa: PLC0415

        checks.register()
        for deleted_too in (signals.delete_sets, signals.delete_empty_group):
            post_delete.connect(deleted_too, sender="attendance.Meeting")
        for changed in (post_save, post_delete):
            changed.connect(changes.enrolment_changed, sender="attendance.Enrolment")
