"""The map of the site.

/                    to one's own page
/accounts/…          signing in and out, codes, passwords (allauth)
/teach/…, /api/v1/…  attendance and qrsessions, each in its own urls
/student/, /A/…      the student's page and the address in a QR code (qrsessions)
/api/v1/schema/      the API's OpenAPI document
/admin/              Django's admin
/healthz, /readyz, /metrics  for monitoring
"""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from config import health, metrics_page, views

handler500 = "config.errors.server_error"

urlpatterns = [
    path("", views.home, name="home"),
    path("accounts/email/", views.no_email_page),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics_page.metrics, name="metrics"),
    path("api/v1/schema/", SpectacularAPIView.as_view(permission_classes=[]), name="api-schema"),
    path("", include("attendance.urls")),
    path("", include("qrsessions.urls")),
]
