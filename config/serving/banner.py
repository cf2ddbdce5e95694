"""What `make run` prints once the site is up."""

import io
import socket
from collections.abc import Sequence
from ipaddress import ip_address

import qrcode

from attendance.demo import DEMO_PASSWORD

SIGN_INS = (
    ("admin", "administrator"),
    ("teacher", "teaches CS101 A, CS101 B, CS101 C, CS101 D"),
    ("teacher2", "teaches CS101 A, CS101 B, BIO110 A"),
    ("teacher3", "teaches MATH201 A, MATH201 B"),
    ("student1", "student in CS101 A, MATH201 A"),
    ("student2", "student in CS101 B, MATH201 A"),
    ("student9", "student in CS101 A, MATH201 A; below the minimum"),
    ("student63", "student in CS101 C, BIO110 A; below the minimum"),
)
FOR_PHONES = "Start with HOST=0.0.0.0 on a network, or set PUBLIC_URL to an address that phones can open."


def lan_url(*, host: str, port: int) -> str:
    """The address that phones on the same network can open, or an empty string."""
    try:
        listening = ip_address(host)
    except ValueError:
        return f"http://{host}:{port}" if host != "localhost" else ""
    if listening.is_loopback:
        return ""
    if not listening.is_unspecified:
        return f"http://{_in_url(host)}:{port}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: it only asks the kernel which local address it would use (TEST-NET-1 of RFC 5737).
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            return ""
    return "" if ip_address(address).is_loopback else f"http://{address}:{port}"


def banner(
    *, host: str, port: int, public_url: str, lan_url: str, demo: bool, warnings: Sequence[str] = ()
) -> str:
    """The addresses, a QR code of the address for phones, the demo sign-ins, and what is not set up."""
    local_host = "localhost" if host in {"0.0.0.0", "::"} else _in_url(host)  # noqa: S104
    lines = ["", f"  Rollcall is running:  http://{local_host}:{port}/"]
    for_phones = public_url or lan_url
    if for_phones:
        lines += [f"  For phones:           {for_phones}/", "", _qr(f"{for_phones}/"), ""]
    else:
        lines += [
            f"  For phones:           none, because only this computer can open {local_host}.",
            f"{' ' * 24}{FOR_PHONES}",
            "",
        ]
    if demo:
        lines += [f"  Demo sign-ins (the password for all is {DEMO_PASSWORD}):"]
        lines += [f"    {name:<10} {what}" for name, what in SIGN_INS] + [""]
    lines += [f"  {warning}\n" for warning in warnings]
    return "\n".join([*lines, "  Press Ctrl-C to stop.", ""])


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _qr(text: str) -> str:
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    drawing = io.StringIO()
    code.print_ascii(out=drawing, invert=True)
    return drawing.getvalue().rstrip("\n")
