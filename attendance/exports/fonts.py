"""Which font has the characters of a text, for PDF files.

The project brings fonts for the scripts that most names are written in; what they lack is looked for among the fonts that
are installed on the machine. Each run of one script gets one font, because a script is shaped as a whole.
"""

import functools
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fontTools import unicodedata as scripts
from fontTools.ttLib import TTFont

# Characters of this script belong to the one before them, and those of several scripts to any.
_INHERITED, _COMMON = "Zinh", "Zyyy"
# The two joiners are needed by Sinhala, Marathi and Persian. A font need not have them.
_JOINERS = frozenset("\u200c\u200d")

_OWN = Path(__file__).parent / "font_files"
BASE_FONT = _OWN / "NotoSans-Regular.ttf"
# The two large ones last. They have letters of many other scripts, but not as well drawn.
_LAST = [_OWN / "DroidSansFallbackFull.ttf", _OWN / "NanumSquareR.ttf"]
_INSTALLED = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts")
_INSTALLED_NAMES = ("Noto*-Regular.ttf", "DejaVuSans.ttf")


@dataclass(frozen=True)
class Run:
    """A part of a text in one script, with a font that has all of its characters."""

    text: str
    font: Path


def plain(text: str) -> str:
    """The text as it can be printed: composed, on one line, without invisible characters other than the joiners."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(
        char for char in composed if char in _JOINERS or not unicodedata.category(char).startswith("C")
    )


def runs_of(text: str) -> list[Run] | None:
    """The runs of a plain text in their logical order, or None if no font has one of the characters."""
    runs: list[Run] = []
    script = _COMMON
    for cluster in _clusters(text):
        own = scripts.script(cluster[0])
        if runs and (own == script or _COMMON in (own, script)) and _has(runs[-1].font, cluster):
            runs[-1] = Run(runs[-1].text + cluster, runs[-1].font)
            script = own if script == _COMMON else script
            continue
        font = next((font for font in _fonts() if _has(font, cluster)), None)
        if font is None:
            return None
        runs.append(Run(cluster, font))
        script = own
    return runs


def _clusters(text: str) -> Iterator[str]:
    """Each character with the marks and joiners that follow it."""
    cluster = ""
    for char in text:
        if cluster and scripts.script(char) != _INHERITED:
            yield cluster
            cluster = ""
        cluster += char
    if cluster:
        yield cluster


def _has(font: Path, cluster: str) -> bool:
    return all(ord(char) in _characters(font) or char in _JOINERS for char in cluster)


def _fonts() -> Iterator[Path]:
    yield from _own_fonts()
    yield from _installed_fonts()


@functools.cache
def _own_fonts() -> list[Path]:
    others = sorted(set(_OWN.glob("*.ttf")) - {BASE_FONT, *_LAST})
    return [BASE_FONT, *others, *_LAST]


@functools.cache
def _installed_fonts() -> list[Path]:
    """What is installed now. A font that is installed later is found after a restart."""
    return sorted(
        path for folder in _INSTALLED for name in _INSTALLED_NAMES for path in Path(folder).rglob(name)
    )


@functools.cache
def _characters(font: Path) -> frozenset[int]:
    with TTFont(font, lazy=True) as opened:
        return frozenset(opened.getBestCmap() or ())
