"""What the API's OpenAPI document can't find out by itself."""

from drf_spectacular.authentication import SessionScheme


class OurSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    target_class = "config.authentication.SessionAuthentication"
