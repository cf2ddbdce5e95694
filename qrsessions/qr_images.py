"""QR codes as SVG images."""

import functools
from collections.abc import Iterable

import qrcode
from qrcode.constants import ERROR_CORRECT_M

QUIET_ZONE_MODULES = 4
# A screen asks for three steps, and all screens of a session for the same ones: room for 170 sessions at once.
KEPT_IMAGES = 512


@functools.lru_cache(maxsize=KEPT_IMAGES)
def qr_svg(text: str) -> str:
    """The text's QR code at level M with its quiet zone, pure black on white, as an SVG of under 2 KB at version 3.

    Made once per text and process: the same code is shown on several screens.
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
    """The dark runs, row by row, as strokes one module thick; each starts where the one before it ended."""
    runs: list[str] = []
    at_column, at_row = 0, 0
    for row, line in enumerate(modules):
        for start, end in _dark_runs(line):
            # The first move has no place before it: it counts from 0, and by half a module to the middle of the row.
            down = f"{row}.5" if not runs else row - at_row
            runs.append(f"m{start - at_column} {down}h{end - start}")
            at_column, at_row = end, row
    return "".join(runs)


def _dark_runs(line: list[bool]) -> Iterable[tuple[int, int]]:
    """From which column to before which one, each."""
    start = None
    for column, dark in enumerate([*line, False]):
        if dark and start is None:
            start = column
        elif not dark and start is not None:
            yield start, column
            start = None
