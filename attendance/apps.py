from django.apps import AppConfig
from django.db.models.signals import post_delete
from django.utils.translation import gettext_lazy as _


class AttendanceConfig(AppConfig):
    name = "attendance"
    verbose_name = _("Attendance")

    def ready(self) -> None:
        # Both need the models.
        from attendance import checks, deletion  # noqa: PLC0415

        checks.register()
        post_delete.connect(deletion.delete_sets, sender="attendance.Meeting")
