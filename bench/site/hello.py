"""The baseline: a Django that does nothing. No middleware, no database, one URL."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[], SECRET_KEY="of no use")  # noqa: S106


def hello(request: HttpRequest) -> HttpResponse:
    """Twelve bytes, with their length, because granian would otherwise send them in chunks."""
    return HttpResponse(b"hello, world", headers={"Content-Length": "12"})


urlpatterns = [path("", hello)]
application = get_wsgi_application()
