"""QR codes as SVG images."""

import qrcode
from qrcode.constants import ERROR_CORRECT_M

QUIET_ZONE_MODULES = 4


def qr_svg(text: str) -> str:
    """The text's QR code at level M with its quiet zone, pure black on white, as an SVG of a kilobyte or two."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE_MODULES)
    code.add_data(text)
    code.make(fit=True)
    modules = code.get_matrix()
    size = len(modules)
    path = "".join(_row(number, row) for number, row in enumerate(modules))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path stroke="#000" d="{path}"/></svg>'
    )


def _row(number: int, row: list[bool]) -> str:
    """The dark runs of a row, as strokes one module thick."""
    runs = []
    start = None
    for column, dark in enumerate([*row, False]):
        if dark and start is None:
            start = column
        elif not dark and start is not None:
            runs.append(f"M{start} {number}.5h{column - start}")
            start = None
    return "".join(runs)
