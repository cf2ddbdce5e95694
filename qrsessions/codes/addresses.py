"""The URLs that leave the site, in QR codes and e-mails."""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse


def public_url(request: HttpRequest) -> str:
    """Where phones reach this server: PUBLIC_URL, else the address of this request, or the LAN's if that is a loopback."""
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    requested = f"{request.scheme}://{request.get_host()}"
    return str(settings.LAN_URL) if settings.LAN_URL and _is_loopback(requested) else requested


def is_unreachable(request: HttpRequest) -> bool:
    """Whether only this machine can open the address that phones would get, as with HOST=127.0.0.1."""
    return not settings.PUBLIC_URL and _is_loopback(public_url(request))


def scan_url(request: HttpRequest, token: str) -> str:
    """The URL in the QR code. In capitals it fits QR's alphanumeric mode, at version 3 for most hosts."""
    return (public_url(request) + reverse("qrsessions:scan", args=[token])).upper()


def join_url(request: HttpRequest, public_id: str) -> str:
    """The URL at which students sign in and join, in capitals as well."""
    return (public_url(request) + reverse("qrsessions:join-address", args=[public_id])).upper()


def shown_host(request: HttpRequest) -> str:
    """The address of the site as students type it, without the scheme."""
    return urlsplit(public_url(request)).netloc


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
