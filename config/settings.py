"""Settings of Rollcall: one file, read from top to bottom, taken from the environment.

Nothing needs to be set for a trial: without ``DATABASE_URL`` and ``REDIS_URL`` the embedded servers under
``ROLLCALL_DATA_DIR`` are used (see ``config/embedded.py``). ``.env.example`` lists every variable.
"""

from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import embedded, redis_urls

# Lets a ModelAdmin or a form name its model as a type.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(BASE_DIR / ".env", overwrite=False)

# --- Where the data lives ---------------------------------------------------------------------------------
DATA_DIR = Path(env.str("ROLLCALL_DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
EMBEDDED_DATABASE = not env.str("DATABASE_URL", default="")
EMBEDDED_REDIS = not env.str("REDIS_URL", default="")
# The demo institution, open host names and mail in the terminal belong to the trial, never to a real database.
EMBEDDED = EMBEDDED_DATABASE

SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not EMBEDDED:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Make one with "
            '`python3 -c "import secrets; print(secrets.token_urlsafe(50))"` and keep it in the environment.'
        )
    SECRET_KEY = embedded.secret_key(DATA_DIR)

DEBUG = env.bool("DEBUG", default=False)

# --- Addresses --------------------------------------------------------------------------------------------
PORT = env.int("PORT", default=8000)
HOST = env.str("HOST", default="0.0.0.0")  # noqa: S104 - phones in the hall must reach it
# Every address in a QR code starts with PUBLIC_URL; without one it follows the request.
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
# `make run` names the machine's address on the LAN: it stands in where the request's host is a loopback one,
# which no phone can reach.
LAN_URL = env.str("ROLLCALL_LAN_URL", default="")
if EMBEDDED:
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"])
elif PUBLIC_URL:
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[urlsplit(PUBLIC_URL).hostname or ""])
else:
    raise ImproperlyConfigured(
        "PUBLIC_URL is not set. Give the address that phones open, such as https://attend.example.edu"
    )
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
SECURE = PUBLIC_URL.startswith("https://")

# --- Applications -----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config.apps.RollcallAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.usersessions",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "attendance",
    "qrsessions",
    "config.apps.ConfigConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Nothing below is for the API.
    "config.middleware.ApiMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.middleware.DatabaseAwayMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- PostgreSQL -------------------------------------------------------------------------------------------
DATABASES = {
    "default": env.db_url_config(
        embedded.database_url(DATA_DIR) if EMBEDDED_DATABASE else env.str("DATABASE_URL")
    )
}
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
# A connection for every request costs 6 ms; the pool keeps them open.
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
    "min_size": env.int("DATABASE_POOL_MIN", default=2),
    "max_size": env.int("DATABASE_POOL_MAX", default=16),
    # Longer than a restart takes; shorter than the 8 s after which a page gives up, so that it hears the reason.
    "timeout": 5,
}
# The statements of ``attendance.statements`` are prepared on each connection; a pooler in between that can't have that
# (PgBouncer before 1.21) needs this off.
DATABASE_PREPARES = env.bool("DATABASE_PREPARES", default=True)
# Connections that broke with the server are replaced before anybody uses one.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis ------------------------------------------------------------------------------------------------
# "live" holds the sets that are counted; "default" is the cache, whose clear() flushes its whole database,
# so the two never share one.
REDIS_URL = embedded.redis_url(DATA_DIR, database=0) if EMBEDDED_REDIS else env.str("REDIS_URL")
CACHE_URL = env.str("CACHE_URL", default="")
if not CACHE_URL and EMBEDDED_REDIS:
    CACHE_URL = embedded.redis_url(DATA_DIR, database=1)
if not CACHE_URL:
    raise ImproperlyConfigured(
        "CACHE_URL is not set. Give another database number than REDIS_URL's, such as redis://localhost:6379/1"
    )
# Whoever waits longer than this for Redis does without it; PostgreSQL has every number.
REDIS_TIMEOUT_SECONDS = env.float("REDIS_TIMEOUT_SECONDS", default=0.05)
CACHES = {
    # Shorter by a fifth: the first request that finds two servers away waits less than 100 ms for both.
    "default": redis_urls.cache_entry(
        CACHE_URL, live_url=REDIS_URL, timeout_seconds=REDIS_TIMEOUT_SECONDS * 0.8
    ),
    "live": redis_urls.live_entry(
        REDIS_URL,
        timeout_seconds=REDIS_TIMEOUT_SECONDS,
        max_connections=env.int("REDIS_POOL_MAX", default=32),
    ),
}
# A traceback for every request while the cache is away would tell nothing more: who does without it says so.
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = False

# --- Signing in -------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "attendance.User"
AUTHENTICATION_BACKENDS = ["config.authentication.Backend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
SESSION_ENGINE = "config.sessions"
# A phone stays signed in for the term.
SESSION_COOKIE_AGE = 180 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True

ACCOUNT_ADAPTER = "config.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_PREVENT_ENUMERATION = True
# No mail to somebody who has no account: the form could be used to write to anybody.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# University mail is slow at times; eight digits and three tries leave nothing to guess in ten minutes.
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 10 * 60
ACCOUNT_LOGIN_BY_CODE_FORMAT = {"numeric": True, "length": 8, "dashed": True}
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
# Who is signed in where is kept on signing in; no request after that writes it anew.
USERSESSIONS_TRACK_ACTIVITY = False
ACCOUNT_FORMS = {
    "login": "config.account_forms.SignInForm",
    "request_login_code": "config.account_forms.RequestCodeForm",
    "confirm_login_code": "config.account_forms.ConfirmCodeForm",
    "reset_password": "config.account_forms.ResetPasswordForm",
    "reset_password_from_key": "config.account_forms.ResetPasswordKeyForm",
    "change_password": "config.account_forms.ChangePasswordForm",
    "set_password": "config.account_forms.SetPasswordForm",
    "reauthenticate": "config.account_forms.ReauthenticateForm",
}
# allauth's limits per address would lock out a hall behind one NAT ("login": 30 a minute), wait for one lock per
# address, and refuse everybody while Redis is away. attendance/ratelimit.py counts these; allauth keeps its
# limits per signed-in user (changing a password).
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": None,
    "request_login_code": None,
    "reset_password": None,
    "reset_password_from_key": None,
    "signup": None,
}
# How many proxies stand before this server: limits count the client's address, not the proxy's.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int(
    "TRUSTED_PROXY_COUNT", default=1 if env.bool("BEHIND_PROXY", default=False) else 0
)

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Rollcall <rollcall@localhost>")

# --- API --------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First, so that a missing sign-in is 401 for browsers too.
        "config.authentication.TokenAuthentication",
        "config.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.errors.api_exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rollcall",
    "DESCRIPTION": "Attendance by QR code: open sessions, join, mark, and read live counts.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "StatusEnum": "attendance.models.Status",
        "MethodEnum": "attendance.models.Method",
        "SessionStatusEnum": "qrsessions.models.SessionStatus",
    },
}

# --- Taking attendance ------------------------------------------------------------------------------------
QR_STEP_SECONDS = env.int("QR_STEP_SECONDS", default=5)
# The step that is shown and the one before it, for a slow camera.
QR_STEPS_ACCEPTED = env.int("QR_STEPS_ACCEPTED", default=2)
# A session in which nothing has happened for so long ends by itself; 0: none ever does.
SESSION_ENDS_AFTER_HOURS = env.float("SESSION_ENDS_AFTER_HOURS", default=6.0)
# So old may be what a waiting phone is told; 0 has each of them ask Redis.
WAITING_ROOM_SECONDS = env.float("WAITING_ROOM_SECONDS", default=1.0)
# So old may be the numbers that many dashboards share; 0 has each of them count. Who may read them is looked up
# anew after five times as long.
STATS_SHARED_SECONDS = env.float("STATS_SHARED_SECONDS", default=1.0)
# How long the sets of an ended session stay in Redis.
LIVE_SETS_KEPT_SECONDS = env.int("LIVE_SETS_KEPT_SECONDS", default=24 * 3600)

# --- Language, time, files --------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
# The browser's language chooses. Each needs a complete catalogue: docs/translating.md.
LANGUAGES = [("en", "English"), ("hi", "हिन्दी")]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Off where nothing was collected (tests, runserver): files then come from their folders, without hashed names.
STATIC_COLLECTED = env.bool("STATIC_COLLECTED", default=not DEBUG)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "config.static_files.HashedFiles"
        if STATIC_COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not STATIC_COLLECTED
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- Security ---------------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=SECURE)
# Asked inside, without TLS, by load balancers and Prometheus.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000 if SECURE else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool(
    "SECURE_HSTS_INCLUDE_SUBDOMAINS", default=SECURE
)
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Monitoring -------------------------------------------------------------------------------------------
# Who may read /metrics: the bearer of this token, or without one whoever asks from this machine.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- Logs: one line each, key=value, never a token or a password ------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.LineFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "rollcall": {"level": env.str("LOG_LEVEL", default="INFO")},
        "django": {"handlers": [], "propagate": True, "level": "WARNING"},
        "django.server": {"handlers": [], "propagate": True, "level": "WARNING"},
        # Every try of every connection while PostgreSQL is away; "database_failed" tells of each request.
        "psycopg.pool": {"level": "ERROR"},
    },
}
