"""What `make run` tells the person at the terminal once the site answers."""

import io
import socket
from ipaddress import ip_address

import qrcode

SIGN_INS = (
    ("admin", "administrator"),
    ("teacher", "teaches every section"),
    ("teacher2", "teaches two of them"),
    ("student1", "student"),
    ("student2", "student"),
    ("student3", "student"),
)
DEMO_PASSWORD = "rollcall-demo"  # noqa: S105 - the embedded demo's, printed for everybody


def lan_url(*, host: str, port: int) -> str:
    """The address that phones on the same network can open; empty if there is none."""
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
            # Sends nothing: it only asks the kernel which address of ours would be used (RFC 5737's TEST-NET-1).
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            return ""
    return "" if ip_address(address).is_loopback else f"http://{address}:{port}"


def banner(*, host: str, port: int, public_url: str, lan_url: str, demo: bool) -> str:
    """The addresses, a QR code of the one for phones, and the demo's sign-ins."""
    local_host = "localhost" if host in {"0.0.0.0", "::"} else _in_url(host)  # noqa: S104
    lines = ["", f"  Rollcall is running:  http://{local_host}:{port}/"]
    for_phones = public_url or lan_url
    if for_phones:
        lines += [f"  For phones:           {for_phones}/", "", _qr(f"{for_phones}/"), ""]
    if demo:
        lines += ["  Demo sign-ins, all with the password " + DEMO_PASSWORD + ":"]
        lines += [f"    {name:<10} {what}" for name, what in SIGN_INS] + [""]
    return "\n".join([*lines, "  Ctrl-C stops it.", ""])


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _qr(text: str) -> str:
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    drawing = io.StringIO()
    code.print_ascii(out=drawing, invert=True)
    return drawing.getvalue().rstrip("\n")
