"""What a phone's camera sees of the lecture hall's screen, as videos for Chromium's fake camera."""

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 1280, 720
FRAMES = 30
# The picture is larger than the frame by this margin in pixels, so that the hand can shake.
SHAKE = 24

Effect = Callable[[Image.Image], Image.Image]


def qr_of(screenshot: bytes) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """The screen's picture and the corners of its code, found by an independent decoder."""
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    (code,) = zxingcpp.read_barcodes(image)
    first, last = code.position.top_left, code.position.bottom_right
    return image, (first.x, first.y, last.x, last.y)


def scene(
    screen: Image.Image, code: tuple[int, int, int, int], *, code_share: float, degrees: float = 0
) -> Image.Image:
    """The wall with the screen on it. The code is in the middle and fills this share of the width."""
    scale = code_share * WIDTH / (code[2] - code[0])
    seen = screen.resize(
        (round(screen.width * scale), round(screen.height * scale)), Image.Resampling.LANCZOS
    )
    middle = (round((code[0] + code[2]) / 2 * scale), round((code[1] + code[3]) / 2 * scale))
    # Large enough that a rotated picture has no empty corner.
    edge = WIDTH * 2
    wall = Image.new("RGB", (edge, edge), (96, 92, 86))
    wall.paste(seen, (edge // 2 - middle[0], edge // 2 - middle[1]))
    wall = wall.rotate(degrees, resample=Image.Resampling.BICUBIC)
    left, top = (edge - WIDTH) // 2 - SHAKE, (edge - HEIGHT) // 2 - SHAKE
    return wall.crop((left, top, left + WIDTH + 2 * SHAKE, top + HEIGHT + 2 * SHAKE))


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(4))


def with_glare(picture: Image.Image) -> Image.Image:
    """A lamp's reflection over one side of the code; the whole picture is paler."""
    light = Image.new("L", picture.size, 50)
    x, y = picture.width * 0.57, picture.height * 0.4
    for radius in range(170, 0, -5):
        ImageDraw.Draw(light).ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=min(255, 50 + round(1.2 * (170 - radius)))
        )
    light = light.filter(ImageFilter.GaussianBlur(12))
    return Image.composite(Image.new("RGB", picture.size, (255, 255, 250)), picture, light)


def unchanged(picture: Image.Image) -> Image.Image:
    return picture


# name: the code's share of the frame's width, the phone's rotation in degrees, the effect of the optics
VARIANTS: dict[str, tuple[float, float, Effect]] = {
    "sharp": (0.36, 0, unchanged),
    "blurred": (0.36, 0, blurred),
    "turned by 15 degrees": (0.36, 15, unchanged),
    "upside down": (0.36, 180, unchanged),
    "upside down and turned": (0.36, 195, unchanged),
    "small": (0.15, 0, unchanged),
    "with glare": (0.36, 0, with_glare),
}
# What reads these also reads the others.
HARDEST = ["blurred", "upside down and turned", "small", "with glare"]


def film(picture: Image.Image, path: Path) -> Path:
    """A video of the picture, with a shaking hand and a noisy sensor."""
    path.write_bytes(b"".join(_shaken(picture)))
    return path


def _shaken(picture: Image.Image) -> Iterator[bytes]:
    rng = random.Random(7)
    noise = Image.effect_noise((WIDTH, HEIGHT), 28).convert("RGB")
    x = y = float(SHAKE)
    for _ in range(FRAMES):
        x = min(2 * SHAKE, max(0, x + rng.uniform(-3, 3)))
        y = min(2 * SHAKE, max(0, y + rng.uniform(-3, 3)))
        frame = picture.crop((round(x), round(y), round(x) + WIDTH, round(y) + HEIGHT))
        buffer = io.BytesIO()
        Image.blend(frame, noise, 0.08).save(buffer, "JPEG", quality=85)
        yield buffer.getvalue()
