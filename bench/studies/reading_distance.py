"""``python -m bench.studies.reading_distance``: from how far the projected screen can be read. See docs/screen.md.

Simulates camera pictures of codes at decreasing sizes, and prints the fewest pixels per
module at which each decoder still reads them, and the resulting distance. Needs no server.
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
# A size counts as readable if half of this many pictures are read: a camera takes ten per second.
TRIES = 20
SIZES = [size / 10 for size in range(10, 46)]
# Gaussian blur of the optics and of a hand, as standard deviation in camera pixels.
BLURS = {"none": 0.0, "in focus": 0.6, "a little soft": 1.0, "shaken": 1.5}
QUIET_ZONE = 4
# Pixels per module of the drawn code, before it is scaled down to the camera's picture.
DRAWN = 16
# Projected white and black in a lit room, and the noise of a small sensor, out of 255.
WHITE, BLACK, NOISE = 205, 70, 6
# As a fraction of the picture's width: a phone's main camera is like a 26 mm lens on 36 mm film.
FOCAL_LENGTH = 26 / 36
# In pixels: what the page's scanner requests, what camera apps use, and a full photograph.
PICTURE_WIDTHS = (1280, 1920, 4000)
# As a fraction of the screen's height at 16:9 (screen.css), for 29 modules and the quiet zone.
MODULE_HEIGHT = (100 - 2.4) / 37 / 100

Decoder = Callable[[Image.Image], str | None]


def main() -> None:
    """Print the pixels per module for each blur and decoder, then the distances."""
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
    """The fewest pixels per module that are read, as are all larger sizes; None if even the largest is not."""
    found = None
    for size in reversed(SIZES):
        read = sum(decode(shot.picture) == shot.text for shot in shots(size, blur))
        if read < TRIES / 2:
            break
        found = size
    return found


def farthest(pixels_per_module: float | None, picture_width: int) -> float | None:
    """The greatest distance at which the code is read, in heights of the projected picture."""
    if pixels_per_module is None:
        return None
    return MODULE_HEIGHT * FOCAL_LENGTH * picture_width / pixels_per_module


@dataclass(frozen=True)
class Shot:
    picture: Image.Image
    text: str


def shots(size: float, blur: float) -> Iterator[Shot]:
    """TRIES pictures, slightly rotated and never aligned with the sensor. The same on each run."""
    chance = random.Random(20)  # noqa: S311 - a fixed seed
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
    """The camera's picture of the code, with ``size`` pixels per module."""
    edge = round(code.width * 1.6)
    wall = Image.new("L", (edge, edge), 40)
    margin = (edge - code.width) // 2
    wall.paste(code, (margin + chance.randrange(DRAWN), margin + chance.randrange(DRAWN)))
    wall = wall.rotate(chance.uniform(-8, 8), resample=Image.Resampling.BICUBIC)
    pixels = round(edge * size / DRAWN)
    # A sensor pixel averages the light over its area.
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
