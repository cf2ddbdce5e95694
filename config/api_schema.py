"""What the API's OpenAPI document cannot find out by itself."""

from drf_spectacular.authentication import SessionScheme


class RollcallSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    target_class = "config.accounts.authentication.SessionAuthentication"
