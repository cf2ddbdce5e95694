"""Settings of Rollcall: one file, read from top to bottom, taken from the environment.

Nothing needs to be set for a trial: without ``DATABASE_URL`` and ``REDIS_URL`` the embedded servers under
``ROLLCALL_DATA_DIR`` are used (see ``config/embedded/``). ``.env.example`` lists every variable.
"""

from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.http.request import split_domain_port

from config import embedded
from config.redis import addresses

# Lets a ModelAdmin or a form name its model as a type.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
# FOO_FILE names a file that holds the value of FOO: containers get their secrets that way.
env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env", overwrite=False)

# --- Where the data lives ---------------------------------------------------------------------------------
DATA_DIR = Path(env.str("ROLLCALL_DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
EMBEDDED_DATABASE = not env.str("DATABASE_URL", default="")
EMBEDDED_REDIS = not env.str("REDIS_URL", default="")
# The demo data, plain http and mail in the terminal are for a trial, never for a real database.
EMBEDDED = EMBEDDED_DATABASE

SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not EMBEDDED:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Make one with "
            '`python3 -c "import secrets; print(secrets.token_urlsafe(50))"` and keep it in the environment.'
        )
    SECRET_KEY = embedded.secret_key(DATA_DIR)
# Former keys: what they signed is still accepted, and what they sealed can still be verified.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

DEBUG = env.bool("DEBUG", default=False)

# --- Addresses --------------------------------------------------------------------------------------------
PORT = env.int("PORT", default=8000)
HOST = env.str("HOST", default="0.0.0.0")  # noqa: S104 - phones in the hall must reach it
# Every address in a QR code or an e-mail starts with PUBLIC_URL. Without it, the request's host is used.
PUBLIC_URL = env.str("PUBLIC_URL", default="").rstrip("/")
# `make run` sets the machine's address on the LAN. It replaces a loopback host, which no phone can reach.
LAN_URL = env.str("ROLLCALL_LAN_URL", default="")
if not (EMBEDDED or PUBLIC_URL):
    raise ImproperlyConfigured(
        "PUBLIC_URL is not set. Give the address that phones open, such as https://attend.example.edu"
    )
# A request for any other host is refused, because mailed links would lead there.
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS",
    default=[split_domain_port(urlsplit(url).netloc)[0] for url in (PUBLIC_URL, LAN_URL) if url]
    + (["localhost", "127.0.0.1", "[::1]"] if EMBEDDED else []),
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
    "drf_spectacular",
    "attendance",
    "qrsessions",
    "config.apps.ConfigConfig",
]

MIDDLEWARE = [
    "config.middleware.NoStoreMiddleware",
    "config.middleware.HostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # The API skips everything below this one.
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
    "config.middleware.OverloadMiddleware",
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
                "config.context_processors.no_messages_in_background",
                "config.mail.sends_mail",
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
    # Longer than a restart takes, and shorter than the 8 s after which a page gives up.
    "timeout": 5,
    # Give up on a failed connection after a second, so that the next request tries again. By default the pool waits
    # twice as long after each failure: a minute without PostgreSQL could cost a second minute.
    "reconnect_timeout": 1,
}
# Turn this off behind a pooler that does not support prepared statements (PgBouncer before 1.21).
DATABASE_PREPARES = env.bool("DATABASE_PREPARES", default=True)
# Replace connections that broke with the server before they are used.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis ------------------------------------------------------------------------------------------------
# "live" holds the sets that are counted; "default" is the cache. They never share a database, because clearing a
# cache empties its whole database. Without CACHE_URL the cache takes the next database of the same server.
REDIS_URL = embedded.redis_url(DATA_DIR, database=0) if EMBEDDED_REDIS else env.str("REDIS_URL")
CACHE_URL = env.str("CACHE_URL", default="") or addresses.next_database(REDIS_URL)
# How long a request waits for Redis. PostgreSQL has every number too.
REDIS_TIMEOUT_SECONDS = env.float("REDIS_TIMEOUT_SECONDS", default=0.05)
CACHES = {
    # 20% shorter, so that the first request that finds both servers away waits less than 100 ms.
    "default": addresses.cache_entry(
        CACHE_URL, live_url=REDIS_URL, timeout_seconds=REDIS_TIMEOUT_SECONDS * 0.8
    ),
    "live": addresses.live_entry(
        REDIS_URL,
        timeout_seconds=REDIS_TIMEOUT_SECONDS,
        max_connections=env.int("REDIS_POOL_MAX", default=32),
    ),
}
# While the cache is away, a traceback for every request would say nothing new.
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = False

# --- Signing in -------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "attendance.User"
AUTHENTICATION_BACKENDS = ["config.accounts.authentication.Backend"]
# The first makes new hashes. A hash of another is replaced when its owner signs in.
PASSWORD_HASHERS = [
    "config.accounts.password_hashers.Argon2",
    "config.accounts.password_hashers.PBKDF2",
    "config.accounts.password_hashers.Scrypt",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "config.accounts.passwords.MinimumLengthByRole"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
SESSION_ENGINE = "config.accounts.session_store"
# A student's phone stays signed in for the term. Teachers and administrators sign in each day, because computers in
# lecture halls are shared.
SESSION_COOKIE_AGE = env.int("STUDENT_SESSION_DAYS", default=180) * 24 * 3600
STAFF_SESSION_HOURS = env.float("STAFF_SESSION_HOURS", default=12.0)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
# Browsers take a cookie of this name only from this host, so that no other host of the domain can plant one.
COOKIE_PREFIX = "__Host-" if SECURE else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
# Django's default would set one more cookie.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

ACCOUNT_ADAPTER = "config.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
# Whoever has the link from the mail could sign in with the new password anyway.
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_PREVENT_ENUMERATION = True
# No mail to somebody who has no account: the form could be used to write to anybody.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# University mail is slow at times; eight digits and three tries leave nothing to guess in ten minutes.
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 10 * 60
ACCOUNT_LOGIN_BY_CODE_FORMAT = {"numeric": True, "length": 8, "dashed": True}
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
# Sign-ins are recorded once, not at every request.
USERSESSIONS_TRACK_ACTIVITY = False
ACCOUNT_FORMS = {
    "login": "config.accounts.forms.SignInForm",
    "request_login_code": "config.accounts.forms.RequestCodeForm",
    "confirm_login_code": "config.accounts.forms.ConfirmCodeForm",
    "reset_password": "config.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "config.accounts.forms.ResetPasswordKeyForm",
    "change_password": "config.accounts.forms.ChangePasswordForm",
    "set_password": "config.accounts.forms.SetPasswordForm",
    "reauthenticate": "config.accounts.forms.ReauthenticateForm",
}
# allauth's limits per address would lock out a hall behind one NAT ("login": 30 a minute), wait for one lock per
# address, and refuse everybody while Redis is away. config/accounts/limits.py has our own; allauth keeps its
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

# Without a mail server the sign-in page offers no codes and no links by e-mail.
SENDS_MAIL = bool(env.str("EMAIL_URL", default=""))
EMAIL_CONFIG = env.email_url("EMAIL_URL") if SENDS_MAIL else env.email_url_config("consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Rollcall <rollcall@localhost>")

# --- API --------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First, so that a missing sign-in is 401 for browsers too.
        "config.accounts.authentication.TokenAuthentication",
        "config.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api_parser.JsonParser"],
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
# Whether a student's program may mark the student, signed in with an API token. Teachers are shown such marks.
MARKS_BY_PROGRAMS = env.bool("MARKS_BY_PROGRAMS", default=True)
# A session opened this long before a planned meeting, or later, is taken at that meeting.
OPEN_BEFORE_MINUTES = env.int("OPEN_BEFORE_MINUTES", default=15)
# The sections of a term leave the lists this long after its last day.
TERM_PAST_AFTER_DAYS = env.int("TERM_PAST_AFTER_DAYS", default=28)
# The register of a meeting can be changed until this many days after its date; 0: always.
REGISTER_LOCK_DAYS = env.int("REGISTER_LOCK_DAYS", default=0)
# A session in which nothing has happened for this long ends by itself; 0: none ever does.
SESSION_ENDS_AFTER_HOURS = env.float("SESSION_ENDS_AFTER_HOURS", default=6.0)
# At the head of printed registers: the institution's name, and the path of a PNG or SVG file.
INSTITUTION_NAME = env.str("INSTITUTION_NAME", default="")
INSTITUTION_LOGO = env.str("INSTITUTION_LOGO", default="")
# How long the sets of an ended session stay in Redis.
LIVE_SETS_KEPT_SECONDS = env.int("LIVE_SETS_KEPT_SECONDS", default=24 * 3600)

# --- Language, time, files --------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
# The cookie that the language buttons set decides, else the browser's language. Each language needs a complete
# catalogue: docs/translating.md.
LANGUAGES = [("en", "English"), ("hi", "हिन्दी")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SECURE
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = "config.formats"
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
# Load balancers and Prometheus ask for these without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000 if SECURE else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool(
    "SECURE_HSTS_INCLUDE_SUBDOMAINS", default=SECURE
)
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Monitoring -------------------------------------------------------------------------------------------
# Who may read /metrics: the bearer of this token, or without a token any client on this machine.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- Logs: one line each, key=value, never a token or a password ------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.monitoring.logs.LineFormatter"}},
    "filters": {"requests": {"()": "config.monitoring.logs.OneLineForEachRequest"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["requests"]}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "rollcall": {"level": env.str("LOG_LEVEL", default="INFO").upper()},
        "django": {"handlers": [], "propagate": True, "level": "WARNING"},
        "django.server": {"handlers": [], "propagate": True, "level": "WARNING"},
        # It warns of every failed attempt to connect; "database_failed" already logs each request.
        "psycopg.pool": {"level": "ERROR"},
    },
}
