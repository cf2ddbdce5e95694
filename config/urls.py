"""The map of the site.

/                    redirects to the first page of the user's role
/language/           the language of this browser, by POST (Django's own view)
/accounts/…          signing in and out, codes, passwords (allauth)
/teach/…, /api/v1/…  attendance and qrsessions, each in its own urls
/calendar/…          each user's calendar, and its feed without a sign-in (qrsessions)
/student/, /A/…, /J/… the student's page and the addresses in the QR codes (qrsessions)
/sw.js, /manifest.webmanifest, /offline/  make the student's page installable and usable without network
/api/v1/schema/      the API's OpenAPI document
/admin/              Django's admin
/healthz, /readyz, /metrics  for monitoring
"""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView

from config import phone_app, views
from config.accounts import sign_ins
from config.accounts.views import ConfirmCodeView, RequestCodeView, ResetPasswordView, SignInView
from config.monitoring import health, metrics

handler400 = "config.errors.bad_request"
handler404 = "config.errors.not_found"
# allauth's name, for its limits on a signed-in user.
handler429 = "config.errors.too_often"
handler500 = "config.errors.server_error"

urlpatterns = [
    # First, because it has the addresses that are requested most.
    path("", include("qrsessions.urls")),
    path("", views.home, name="home"),
    path("accounts/login/", SignInView.as_view(), name="account_login"),
    path("accounts/login/code/", RequestCodeView.as_view(), name="account_request_login_code"),
    path("accounts/login/code/confirm/", ConfirmCodeView.as_view(), name="account_confirm_login_code"),
    path("accounts/password/reset/", ResetPasswordView.as_view(), name="account_reset_password"),
    path("accounts/email/", views.no_email_page),
    path("accounts/sign-ins/", sign_ins.sign_ins, name="sign-ins"),
    path("accounts/sign-ins/others/end/", sign_ins.end_others, name="end-other-sign-ins"),
    path("accounts/sign-ins/tokens/<int:pk>/end/", sign_ins.end_token, name="end-token"),
    path("accounts/sign-ins/<int:pk>/end/", sign_ins.end_sign_in, name="end-sign-in"),
    path("accounts/", include("allauth.account.urls")),
    path("language/", set_language, name="set-language"),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("sw.js", phone_app.service_worker, name="service-worker"),
    path("offline/", phone_app.offline, name="offline"),
    path("manifest.webmanifest", phone_app.manifest, name="manifest"),
    path("api/v1/schema/", SpectacularAPIView.as_view(permission_classes=[]), name="api-schema"),
    path("", include("attendance.urls")),
]
