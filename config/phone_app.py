"""The student's page as an installable app: its manifest, and the service worker that shows it without network."""

import hashlib
import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_safe

# All files that the student's page needs except the decoder; tests/config/test_phone_app.py compares it with the page.
PAGE_FILES = [
    "css/tokens.css",
    "css/base.css",
    "css/forms.css",
    "css/student.css",
    "css/scanner.css",
    "img/mark.svg",
    "img/icon-180.png",
    "js/components/menu.js",
    "js/components/script_errors.js",
    "js/components/sign_out.js",
    "js/lib/errors.js",
    "js/lib/http.js",
    "js/lib/poll.js",
    "js/lib/phone_storage.js",
    "js/scanner/scanner.js",
    "js/scanner/camera.js",
    "js/scanner/decoder.js",
    "js/scanner/view.js",
    "js/scanner/frames.js",
    "js/scanner/worker_client.js",
    "js/lib/scan_queue.js",
    "js/components/student_cards.js",
    "js/components/scan_messages.js",
    "js/pages/student.js",
]


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """The service worker: its settings, then the script. It changes when one of the page's files changes."""
    files = [static(name) for name in PAGE_FILES]
    script = static("js/service_worker.js")
    given = {
        # The offline page is in the student's language.
        "version": hashlib.sha256("\n".join([*files, script, get_language() or ""]).encode()).hexdigest()[
            :12
        ],
        "files": files,
        "staticUrl": settings.STATIC_URL,
        "studentUrl": reverse("qrsessions:student"),
        "homeUrl": reverse("home"),
        "signOutUrl": reverse("account_logout"),
        "offlineUrl": reverse("offline"),
    }
    return HttpResponse(
        f"self.rollcall = {json.dumps(given)};\nimportScripts({json.dumps(script)});\n",
        content_type="text/javascript; charset=utf-8",
        headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"},
    )


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """The page that the service worker shows without a connection, where it has no other page."""
    return HttpResponse(render_to_string("offline.html"), headers={"Cache-Control": "no-cache"})


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
        "description": gettext("Join your class and record your attendance."),
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
