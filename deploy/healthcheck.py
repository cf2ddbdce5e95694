"""Exit with 0 if the web server in this container answers. Run by the Containerfile's HEALTHCHECK."""

import os
import sys
import urllib.request
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 4


def main() -> None:
    """Ask /healthz, by the public host name, because Django refuses names that are not in ALLOWED_HOSTS."""
    host = urlsplit(os.environ.get("PUBLIC_URL", "")).hostname or "localhost"
    request = urllib.request.Request(
        f"http://127.0.0.1:{os.environ.get('PORT') or 8000}/healthz", headers={"Host": host}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
            pass
    except OSError as error:
        sys.exit(f"/healthz does not answer: {error}")


if __name__ == "__main__":
    main()
