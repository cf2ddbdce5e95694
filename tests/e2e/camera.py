"""What a phone's camera sees of the hall's screen, as videos for Chromium's fake camera."""

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 1280, 720
FRAMES = 60
# The picture is made this much larger than the frame, so that a hand can shake.
SHAKE = 24

Seen = Callable[[Image.Image], Image.Image]


def qr_of(screenshot: bytes) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """The screen's picture and where its code is, found by a decoder that knows nothing of us."""
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    (code,) = zxingcpp.read_barcodes(image)
    first, last = code.position.top_left, code.position.bottom_right
    return image, (first.x, first.y, last.x, last.y)


def scene(
    screen: Image.Image, code: tuple[int, int, int, int], *, code_share: float, degrees: float = 0
) -> Image.Image:
    """The wall with the screen on it, the code in the middle, so large that it has this share of the width."""
    scale = code_share * WIDTH / (code[2] - code[0])
    seen = screen.resize(
        (round(screen.width * scale), round(screen.height * scale)), Image.Resampling.LANCZOS
    )
    middle = (round((code[0] + code[2]) / 2 * scale), round((code[1] + code[3]) / 2 * scale))
    # Large enough that no corner of a turned picture is empty.
    edge = WIDTH * 2
    wall = Image.new("RGB", (edge, edge), (96, 92, 86))
    wall.paste(seen, (edge // 2 - middle[0], edge // 2 - middle[1]))
    wall = wall.rotate(degrees, resample=Image.Resampling.BICUBIC)
    left, top = (edge - WIDTH) // 2 - SHAKE, (edge - HEIGHT) // 2 - SHAKE
    return wall.crop((left, top, left + WIDTH + 2 * SHAKE, top + HEIGHT + 2 * SHAKE))


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(4))


def with_glare(picture: Image.Image) -> Image.Image:
    """A lamp's reflection over one side of the code, and the whole picture paler for it."""
    light = Image.new("L", picture.size, 50)
    x, y = picture.width * 0.57, picture.height * 0.4
    for radius in range(170, 0, -5):
        ImageDraw.Draw(light).ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=min(255, 50 + round(1.2 * (170 - radius)))
        )
    light = light.filter(ImageFilter.GaussianBlur(12))
    return Image.composite(Image.new("RGB", picture.size, (255, 255, 250)), picture, light)


def as_seen(picture: Image.Image) -> Image.Image:
    return picture


# name: the code's share of the frame's width, how the phone is turned, what the optics do
VARIANTS: dict[str, tuple[float, float, Seen]] = {
    "sharp": (0.36, 0, as_seen),
    "blurred": (0.36, 0, blurred),
    "turned by 15 degrees": (0.36, 15, as_seen),
    "upside down": (0.36, 180, as_seen),
    "small": (0.15, 0, as_seen),
    "with glare": (0.36, 0, with_glare),
}


def film(picture: Image.Image, path: Path) -> Path:
    """A video of the picture in a hand that shakes, with a sensor that is noisy."""
    path.write_bytes(b"".join(_shaken(picture)))
    return path


def _shaken(picture: Image.Image) -> Iterator[bytes]:
    chance = random.Random(7)
    noise = Image.effect_noise((WIDTH, HEIGHT), 28).convert("RGB")
    x = y = float(SHAKE)
    for _ in range(FRAMES):
        x = min(2 * SHAKE, max(0, x + chance.uniform(-3, 3)))
        y = min(2 * SHAKE, max(0, y + chance.uniform(-3, 3)))
        frame = picture.crop((round(x), round(y), round(x) + WIDTH, round(y) + HEIGHT))
        buffer = io.BytesIO()
        Image.blend(frame, noise, 0.08).save(buffer, "JPEG", quality=85)
        yield buffer.getvalue()
