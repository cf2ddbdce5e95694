"""QR codes as SVG images."""

import functools
from collections.abc import Iterable

import qrcode
from qrcode.constants import ERROR_CORRECT_M

QUIET_ZONE_MODULES = 4
# Each session needs three steps at a time, the same on all its screens: enough for 170 sessions.
KEPT_IMAGES = 512


@functools.lru_cache(maxsize=KEPT_IMAGES)
def qr_svg(text: str) -> str:
    """The text's QR code at level M with its quiet zone, black on white, as an SVG of under 2 KB at version 3.

    Cached, because several screens show the same code.
    """
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE_MODULES)
    code.add_data(text)
    code.make(fit=True)
    modules = code.get_matrix()
    size = len(modules)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path stroke="#000" d="{_strokes(modules)}"/></svg>'
    )


def _strokes(modules: Iterable[list[bool]]) -> str:
    """The dark runs, row by row, as strokes one module thick, each relative to the end of the one before."""
    runs: list[str] = []
    at_column, at_row = 0, 0
    for row, line in enumerate(modules):
        for start, end in _dark_runs(line):
            # The first stroke is placed from the origin, half a module down to the middle of its row.
            down = f"{row}.5" if not runs else row - at_row
            runs.append(f"m{start - at_column} {down}h{end - start}")
            at_column, at_row = end, row
    return "".join(runs)


def _dark_runs(line: list[bool]) -> Iterable[tuple[int, int]]:
    """The first column of each dark run and the column after its last."""
    start = None
    for column, dark in enumerate([*line, False]):
        if dark and start is None:
            start = column
        elif not dark and start is not None:
            yield start, column
            start = None
