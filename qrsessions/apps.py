from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class QRSessionsConfig(AppConfig):
    name = "qrsessions"
    verbose_name = _("Attendance by phone")
