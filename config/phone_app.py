"""What makes the student's page an app: the manifest, and the service worker that shows the page in a dead zone."""

import hashlib
import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_safe

# All that the student's page needs before the decoder; tests/qrsessions/test_phone_app.py compares it with the page.
PAGE_FILES = [
    "css/tokens.css",
    "css/base.css",
    "css/forms.css",
    "css/phone.css",
    "css/scanner.css",
    "img/mark.svg",
    "img/icon-180.png",
    "js/menu.js",
    "js/http.js",
    "js/poll.js",
    "js/phone_memory.js",
    "js/scanner.js",
    "js/scanner/camera.js",
    "js/scanner/decoder.js",
    "js/scanner/face.js",
    "js/scanner/frames.js",
    "js/scanner/worker_reader.js",
    "js/scans.js",
    "js/student_cards.js",
    "js/student.js",
]


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """The service worker: its settings, then the script. It changes when one of the page's files does."""
    files = [static(name) for name in PAGE_FILES]
    script = static("js/service_worker.js")
    given = {
        "version": hashlib.sha256("\n".join([*files, script]).encode()).hexdigest()[:12],
        "files": files,
        "staticUrl": settings.STATIC_URL,
        "studentUrl": reverse("qrsessions:student"),
        "homeUrl": reverse("home"),
        "signOutUrl": reverse("account_logout"),
    }
    return HttpResponse(
        f"self.rollcall = {json.dumps(given)};\nimportScripts({json.dumps(script)});\n",
        content_type="text/javascript; charset=utf-8",
        headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"},
    )


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """The web app manifest (https://www.w3.org/TR/appmanifest/): how a phone installs the student's page."""
    page = reverse("qrsessions:student")
    icons = [("img/icon-192.png", "192x192", "any"), ("img/icon-512.png", "512x512", "any")]
    icons.append(("img/icon-maskable-512.png", "512x512", "maskable"))
    body = {
        "id": page,
        "name": gettext("Rollcall"),
        "short_name": gettext("Rollcall"),
        "description": gettext("Join your class and be marked present."),
        "lang": get_language(),
        "start_url": page,
        "scope": reverse("home"),
        "display": "standalone",
        "background_color": "#f6f7f5",
        "theme_color": "#0a6b45",
        "icons": [
            {"src": static(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in icons
        ],
    }
    return JsonResponse(
        body, content_type="application/manifest+json", headers={"Cache-Control": "max-age=3600"}
    )
