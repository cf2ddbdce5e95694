"""From how far the hall's screen can be read: ``python -m bench.readable``. See docs/screen.md.

Takes pictures of codes as a phone's camera does, each smaller than the last, and prints the fewest camera pixels per
module at which a decoder still reads them, and what distance that is. Needs no server.
"""

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import qrcode
import zxingcpp
from PIL import Image, ImageFilter
from qrcode.constants import ERROR_CORRECT_M

# A token's characters: Crockford's base32.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Each size is tried with so many pictures, and counts as read where half of them are: a camera takes ten in a second.
TRIES = 20
SIZES = [size / 10 for size in range(10, 46)]
# Gaussian blur of the optics and of a hand, as standard deviation in camera pixels.
BLURS = {"none": 0.0, "in focus": 0.6, "a little soft": 1.0, "shaken": 1.5}
QUIET_ZONE = 4
# The code is drawn with so many pixels per module before the camera takes its smaller picture.
DRAWN = 16
# A projected white in a lit hall and the black beside it, and what a small sensor adds, of 255.
WHITE, BLACK, NOISE = 205, 70, 6
# Of the picture's width: a phone's main camera is as wide as a 26 mm lens on film, 36 mm wide.
FOCAL_LENGTH = 26 / 36
# What the page's scanner asks for, what camera apps look at, and a whole photograph, in pixels.
PICTURE_WIDTHS = (1280, 1920, 4000)
# Of the screen's height, at 16:9 (static/css/screen.css), for 29 modules and the quiet zone.
MODULE_HEIGHT = (100 - 2.4) / 37 / 100

Decoder = Callable[[Image.Image], str | None]


def main() -> None:
    """Print a line for each blur with the two decoders side by side, then the distances."""
    decoders: dict[str, Decoder] = {"zxing-cpp": by_zxing, "OpenCV": by_opencv}
    _line("blur", "sigma px", *(f"{name}, px/module" for name in decoders))
    needs: dict[str, dict[str, float | None]] = {}
    for name, blur in BLURS.items():
        needs[name] = {decoder: smallest(decode, blur) for decoder, decode in decoders.items()}
        _line(name, f"{blur}", *(_number(need) for need in needs[name].values()))
    _line()
    _line(
        "blur",
        "decoder",
        *(f"{width} px wide" for width in PICTURE_WIDTHS),
        "(distance / height of the picture)",
    )
    for name, of_decoders in needs.items():
        for decoder, need in of_decoders.items():
            _line(name, decoder, *(_number(farthest(need, width)) for width in PICTURE_WIDTHS))


def by_zxing(picture: Image.Image) -> str | None:
    return next((code.text for code in zxingcpp.read_barcodes(picture)), None)


def by_opencv(picture: Image.Image) -> str | None:
    text, _corners, _straight = cv2.QRCodeDetector().detectAndDecode(np.asarray(picture))
    return text or None


def smallest(decode: Decoder, blur: float) -> float | None:
    """The fewest pixels per module from which on every size is read; None where the largest is not."""
    found = None
    for size in reversed(SIZES):
        read = sum(decode(shot.picture) == shot.text for shot in shots(size, blur))
        if read < TRIES / 2:
            break
        found = size
    return found


def farthest(pixels_per_module: float | None, picture_width: int) -> float | None:
    """The distance from which the code is read, in heights of the projected picture."""
    if pixels_per_module is None:
        return None
    return MODULE_HEIGHT * FOCAL_LENGTH * picture_width / pixels_per_module


@dataclass(frozen=True)
class Shot:
    picture: Image.Image
    text: str


def shots(size: float, blur: float) -> Iterator[Shot]:
    """Pictures of as many codes, held a little crooked and never in line with the sensor's pixels; the same on each run."""
    chance = random.Random(20)  # noqa: S311 - the same pictures on each run
    for _ in range(TRIES):
        text = "HTTPS://ATTEND.EXAMPLE.EDU/A/" + "".join(chance.choices(ALPHABET, k=20))
        yield Shot(taken(drawn(text), size, blur, chance), text)


def drawn(text: str) -> Image.Image:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE)
    code.add_data(text)
    code.make(fit=True)
    dark = np.array(code.get_matrix())
    return Image.fromarray(np.where(dark, BLACK, WHITE).astype(np.uint8)).resize(
        (dark.shape[0] * DRAWN,) * 2, Image.Resampling.NEAREST
    )


def taken(code: Image.Image, size: float, blur: float, chance: random.Random) -> Image.Image:
    """The camera's picture of the code, with so many of its pixels for a module."""
    edge = round(code.width * 1.6)
    wall = Image.new("L", (edge, edge), 40)
    place = (edge - code.width) // 2
    wall.paste(code, (place + chance.randrange(DRAWN), place + chance.randrange(DRAWN)))
    wall = wall.rotate(chance.uniform(-8, 8), resample=Image.Resampling.BICUBIC)
    pixels = round(edge * size / DRAWN)
    # A sensor's pixel adds up the light that falls on it.
    seen = wall.resize((pixels, pixels), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(blur))
    noise = np.random.default_rng(chance.randrange(2**32)).normal(0, NOISE, (pixels, pixels))
    return Image.fromarray(np.clip(np.asarray(seen) + noise, 0, 255).astype(np.uint8))


def _number(value: float | None) -> str:
    return "not read" if value is None else f"{value:.1f}"


def _line(*cells: str) -> None:
    sys.stdout.write("".join(f"{cell:<22}" for cell in cells).rstrip() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
