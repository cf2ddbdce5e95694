"""The map of the site.

/                    to one's own page
/accounts/…          signing in and out, codes, passwords (allauth)
/teach/…, /api/v1/…  attendance and qrsessions, each in its own urls
/student/, /A/…, /J/… the student's page and the addresses in the QR codes (qrsessions)
/sw.js, /manifest.webmanifest  what makes the student's page work in a dead zone and installable
/api/v1/schema/      the API's OpenAPI document
/admin/              Django's admin
/healthz, /readyz, /metrics  for monitoring
"""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from config import health, metrics_page, phone_app, sign_ins, views

handler500 = "config.errors.server_error"

urlpatterns = [
    # First what is asked most.
    path("", include("qrsessions.urls")),
    path("", views.home, name="home"),
    path("accounts/email/", views.no_email_page),
    path("accounts/sign-ins/", sign_ins.sign_ins, name="sign-ins"),
    path("accounts/sign-ins/others/end/", sign_ins.end_others, name="end-other-sign-ins"),
    path("accounts/sign-ins/token/end/", sign_ins.end_token, name="end-token"),
    path("accounts/sign-ins/<int:pk>/end/", sign_ins.end_sign_in, name="end-sign-in"),
    path("accounts/", include("allauth.account.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics_page.metrics, name="metrics"),
    path("sw.js", phone_app.service_worker, name="service-worker"),
    path("manifest.webmanifest", phone_app.manifest, name="manifest"),
    path("api/v1/schema/", SpectacularAPIView.as_view(permission_classes=[]), name="api-schema"),
    path("", include("attendance.urls")),
]
