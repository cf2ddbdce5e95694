"""PDF files whose texts are in many scripts: pages, and lines of text that each get the fonts they need.

Loading fpdf takes a fifth of the start of a process and 25 MB. So what makes PDF files is imported when the first one
is made.
"""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import ngettext
from fpdf import FPDF
from fpdf.enums import Align
from fpdf.line_break import Fragment

from attendance.exports.fonts import BASE_FONT, plain, runs_of
from attendance.exports.paper import PaperSize

# Lengths in millimetres, sizes of letters in points.
MARGIN = 12.0
SIZE, SMALL, TITLE, SMALLEST = 10.0, 8.0, 15.0, 5.0


@dataclass(frozen=True)
class Place:
    """A rectangle for one line of text."""

    x: float
    y: float
    width: float
    height: float


def is_printable(name: str) -> bool:
    """Whether there are fonts for all letters of the name."""
    return runs_of(plain(name)) is not None


def names_without_font(number: int) -> str:
    """Say how many names are replaced by student ids."""
    return ngettext(
        "%(number)d name could not be printed in its script. The student id stands in its place.",
        "%(number)d names could not be printed in their script. The student ids stand in their place.",
        number,
    ) % {"number": number}


class Document(FPDF):
    """A PDF document that chooses a font for each script."""

    def __init__(
        self, *, format: PaperSize, orientation: Literal["portrait", "landscape"] = "portrait"
    ) -> None:
        super().__init__(format=format.value, orientation=orientation)
        self.set_auto_page_break(auto=False)
        self.set_margin(MARGIN)
        self.c_margin = 0
        # A name may contain what stands for the number of pages.
        self.alias_nb_pages(None)  # type: ignore[arg-type]
        self.add_font(BASE_FONT.stem, fname=BASE_FONT)
        self.set_font(BASE_FONT.stem, size=SIZE)
        self.set_text_shaping(use_shaping_engine=True)
        self.set_line_width(0.2)

    def write_line(self, text: str, place: Place, *, size: float, align: Align = Align.L) -> None:
        """Write the text on one line: smaller if it is too wide, and cut off if it would be too small to read."""
        if text.isascii() and text.isprintable():
            self._write_ascii(text, place, size=size, align=align)
            return
        text = self._printable(plain(text))
        if not text:
            return
        self.set_font_size(size)
        width = self.get_string_width(text)
        if width > place.width:
            self.set_font_size(max(SMALLEST, size * place.width / width))
            while len(text) > 1 and self.get_string_width(text) > place.width + 0.01:
                text = text[:-2].rstrip() + "…"
        self.set_xy(place.x, place.y)
        with self._copied_as(text):
            self.cell(place.width, place.height, text, align=align)

    def draw_line(self, y: float, *, grey: int) -> None:
        """Draw a line from margin to margin."""
        self.set_draw_color(grey)
        self.line(MARGIN, y, self.w - MARGIN, y)

    def _write_ascii(self, text: str, place: Place, *, size: float, align: Align) -> None:
        """The same for a text that needs neither shaping nor another font. A register has tens of thousands of these."""
        width = self._ascii_width(text, size)
        if width > place.width:
            size = max(SMALLEST, size * place.width / width)
            while len(text) > 1 and (width := self._ascii_width(text, size)) > place.width + 0.01:
                text = text[:-2].rstrip() + "…"
        self.set_font(BASE_FONT.stem, size=size)
        room = place.width - width
        x = place.x + {Align.L: 0, Align.C: room / 2, Align.R: room}[align]
        # The same line as that of a cell.
        self.text(x, place.y + place.height / 2 + 0.3 * self.font_size, text)

    def _ascii_width(self, text: str, size: float) -> float:
        _length, points = self.fonts[BASE_FONT.stem.lower()].get_text_width(text, size, None)
        return points / self.k

    @contextmanager
    def _copied_as(self, text: str) -> Iterator[None]:
        """Say what is copied or read aloud: some letters are drawn as several signs, or in another order.

        Not for scripts that run from right to left, where Chromium would reverse the text.
        """
        is_copied = not any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)
        if is_copied:
            self._out(f"/Span <</ActualText <FEFF{text.encode('utf-16-be').hex().upper()}>>> BDC")
        yield
        if is_copied:
            self._out("EMC")

    @staticmethod
    def _printable(text: str) -> str:
        if runs_of(text) is not None:
            return text
        return "".join(char for char in text if runs_of(char) is not None)

    def _parse_chars(
        self,
        text: str,
        markdown: bool,  # noqa: FBT001 - as FPDF calls it
        *,
        _initial_emphasis: tuple[bool, bool, bool, bool] | None = None,
    ) -> Iterator[Fragment]:
        """Split the text into runs. FPDF's own runs end at each mark and joiner, which takes letters apart."""
        for run in runs_of(text) or ():
            if run.font.stem.lower() not in self.fonts:
                self.add_font(run.font.stem, fname=run.font)
            state = self._get_current_graphics_state()
            state.font_family = run.font.stem.lower()
            state.current_font = self.fonts[state.font_family]
            yield Fragment(run.text, state, self.k)
