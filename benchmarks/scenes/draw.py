"""Graphics to learn from, drawn at random: pages, programs, windows, tables, diagrams, line art."""

from __future__ import annotations

import functools
import string
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Rng = np.random.Generator
Pixels = NDArray[np.uint8]

SYLLABLES = "pau ca sed ma tu ra lo rem ip sum do lor sit a met con sec te tur el ve ni am".split()
OPAQUE_BLACK = (0, 0, 0)


@functools.cache
def font_files() -> tuple[str, ...]:
    """TrueType files of matplotlib: DejaVu, STIX, Computer Modern, in several weights."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    names = ("DejaVuS", "STIXGeneral", "cmr10", "cmss10", "cmtt10", "cmb10")
    return tuple(sorted(str(p) for p in folder.glob("*.ttf") if p.name.startswith(names)))


@functools.cache
def font(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)


def any_font(rng: Rng, low: int = 8, high: int = 30, mono: bool = False) -> ImageFont.FreeTypeFont:
    files = [f for f in font_files() if ("Mono" in f or "cmtt" in f) == mono]
    size = int(np.exp(rng.uniform(np.log(low), np.log(high))))
    return font(files[rng.integers(len(files))], size)


def word(rng: Rng) -> str:
    if rng.random() < 0.1:
        return str(rng.integers(10 ** int(rng.integers(1, 7))))
    text = "".join(rng.choice(SYLLABLES) for _ in range(rng.integers(1, 5)))
    return text.capitalize() if rng.random() < 0.15 else text


def words(rng: Rng, count: int) -> str:
    return " ".join(word(rng) for _ in range(count))


def colour(rng: Rng) -> Colour:
    r, g, b = (int(v) for v in rng.integers(0, 256, 3))
    return r, g, b


def theme(rng: Rng) -> tuple[Colour, Colour, Colour]:
    """Background, ink, accent: mostly light or dark, sometimes anything."""
    kind = rng.random()
    if kind < 0.55:
        shade = int(rng.choice([255, 255, 250, 244, 238]))
        return (
            (shade, shade, int(rng.integers(shade - 8, shade + 1))),
            grey(rng, 0, 80),
            colour(rng),
        )
    if kind < 0.85:
        return grey(rng, 8, 60), grey(rng, 170, 256), colour(rng)
    return colour(rng), colour(rng), colour(rng)


def grey(rng: Rng, low: int, high: int) -> Colour:
    base = int(rng.integers(low, high))
    r, g, b = (int(np.clip(base + rng.integers(-6, 7), 0, 255)) for _ in range(3))
    return r, g, b


def canvas(
    rng: Rng, size: tuple[int, int], back: Colour
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", size, back)
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1" if rng.random() < 0.12 else "L"  # without and with antialiasing
    return image, draw


def page(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """Columns of text with headings."""
    back, ink, accent = theme(rng)
    image, draw = canvas(rng, size, back)
    body, columns = any_font(rng, 8, 22), int(rng.integers(1, 4))
    margin, width = int(rng.integers(8, 50)), size[0] // columns
    for column in range(columns):
        y = margin
        while y < size[1]:
            heading = rng.random() < 0.06
            face = any_font(rng, 18, 60) if heading else body
            step = int(face.size * 1.3)
            if rng.random() > 0.08:
                count = int(rng.integers(1, 5)) if heading else max(1, int(width / face.size / 2.6))
                x = column * width + margin
                draw.text((x, y), words(rng, count), fill=accent if heading else ink, font=face)
            y += step
        draw.rectangle(((column + 1) * width - margin // 2, 0, (column + 1) * width, size[1]), back)
    return image


def program(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """Source code with coloured words and line numbers."""
    back, ink, _ = theme(rng)
    image, draw = canvas(rng, size, back)
    face = any_font(rng, 9, 20, mono=True)
    colours = [ink, *(colour(rng) for _ in range(5))]
    step, advance = int(face.size * 1.35), face.getlength("m")
    for number, y in enumerate(range(4, size[1], step)):
        draw.text((4, y), f"{number:4}", fill=colours[1], font=face)
        x = 6 * advance + advance * 4 * int(rng.integers(0, 5))
        for _ in range(int(rng.integers(0, 9))):
            token = word(rng) if rng.random() < 0.7 else str(rng.choice(list(string.punctuation)))
            draw.text((x, y), token, fill=colours[rng.integers(len(colours))], font=face)
            x += advance * (len(token) + int(rng.integers(0, 2)))
    return image


def gradient(size: tuple[int, int], first: Colour, last: Colour, across: bool) -> Image.Image:
    width, height = size
    ramp = np.linspace(0, 1, width if across else height)[:, None]
    line = np.rint(np.array(first) * (1 - ramp) + np.array(last) * ramp).astype(np.uint8)
    shape = (height, width, 3)
    return Image.fromarray(np.broadcast_to(line[None] if across else line[:, None], shape).copy())


def window(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """Windows with bars, buttons, icons, lists and fields, over a desktop."""
    back, _, _ = theme(rng)
    image, _ = canvas(rng, size, back)
    if rng.random() < 0.4:
        image = gradient(size, colour(rng), colour(rng), rng.random() < 0.5)
    for _ in range(int(rng.integers(1, 5))):
        width, height = (int(rng.integers(side // 4, side + 1)) for side in size)
        x, y = int(rng.integers(0, size[0] - width + 1)), int(rng.integers(0, size[1] - height + 1))
        image.paste(one_window(rng, (width, height)), (x, y))
    return image


def one_window(rng: Rng, size: tuple[int, int]) -> Image.Image:
    back, ink, accent = theme(rng)
    image, draw = canvas(rng, size, back)
    face, bar = any_font(rng, 9, 18), int(rng.integers(18, 44))
    if rng.random() < 0.4:
        image.paste(gradient((size[0], bar), accent, back, False), (0, 0))
    else:
        draw.rectangle((0, 0, size[0], bar), accent)
    draw.text((8, (bar - face.size) // 2), words(rng, 3), fill=ink, font=face)
    for y in range(bar + 10, size[1], int(face.size * rng.uniform(1.8, 3.5)) + 6):
        x = 8
        while x < size[0]:
            x += widget(rng, image, draw, (x, y), face, (back, ink, accent)) + 10
            if rng.random() < 0.25:
                break
    draw.rectangle((0, 0, size[0] - 1, size[1] - 1), outline=ink)
    return image


def widget(
    rng: Rng, image: Image.Image, draw: ImageDraw.ImageDraw, at: tuple[int, int],
    face: ImageFont.FreeTypeFont, colours: tuple[Colour, Colour, Colour],
) -> int:  # fmt: skip
    """Draw one and return its width."""
    back, ink, accent = colours
    (x, y), text, high = at, words(rng, int(rng.integers(1, 4))), int(face.size * 1.6)
    kind, width = int(rng.integers(5)), int(face.getlength(text)) + 12
    if kind == 0:
        fill = accent if rng.random() < 0.4 else back
        draw.rounded_rectangle((x, y, x + width, y + high), int(rng.integers(0, 9)), fill, ink)
    elif kind == 1:
        draw.rectangle((x, y, x + 2 * width, y + high), outline=grey(rng, 100, 200))
    elif kind == 2:
        side = int(rng.integers(12, 64))
        image.paste(icon(rng, (side, side)), (x, y))
        return side
    elif kind == 3:
        image.paste(gradient((width, high), accent, back, rng.random() < 0.5), (x, y))
    draw.text((x + 6, y + (high - face.size) // 2), text, fill=ink, font=face)
    return width


def icon(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """A few antialiased shapes, some shaded."""
    large = (size[0] * 4, size[1] * 4)
    back = theme(rng)[0]
    image, draw = canvas(rng, large, back)
    if rng.random() < 0.3:
        image = gradient(large, back, colour(rng), rng.random() < 0.5)
        draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 7))):
        shape(rng, draw, large)
    hard = rng.random() < 0.2
    return image.resize(size, Image.Resampling.NEAREST if hard else Image.Resampling.LANCZOS)


def shape(rng: Rng, draw: ImageDraw.ImageDraw, size: tuple[int, int]) -> None:
    points = [(int(rng.integers(size[0])), int(rng.integers(size[1]))) for _ in range(4)]
    (x0, x1), (y0, y1) = (sorted((points[0][i], points[1][i] + 1)) for i in (0, 1))
    kind, fill = int(rng.integers(4)), colour(rng)
    line = OPAQUE_BLACK if rng.random() < 0.3 else None
    if kind == 0:
        draw.ellipse((x0, y0, x1, y1), fill, line, 2)
    elif kind == 1:
        draw.rounded_rectangle((x0, y0, x1, y1), min(x1 - x0, y1 - y0) // 5, fill, line, 2)
    elif kind == 2:
        draw.polygon(points, fill, line)
    else:
        draw.line(points, fill, int(rng.integers(2, 14)), joint="curve")


def drawing(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """Flat shapes in many sizes, antialiased or not."""
    factor = 1 if rng.random() < 0.3 else 3
    large = (size[0] * factor, size[1] * factor)
    image, draw = canvas(rng, large, theme(rng)[0])
    for _ in range(int(rng.integers(5, 60))):
        shape(rng, draw, large)
    return image.resize(size, Image.Resampling.BOX)


def line_art(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """Curves of one ink, hatching, contour lines."""
    back, ink, accent = theme(rng)
    factor = int(rng.integers(1, 4))
    image, draw = canvas(rng, (size[0] * factor, size[1] * factor), back)
    t = np.linspace(0, 1, 200)
    for _ in range(int(rng.integers(10, 90))):
        x, y = (rng.uniform(0, side) + wave(rng, t, side / 8) for side in image.size)
        pen = accent if rng.random() < 0.2 else ink
        draw.line(
            list(zip(x, y, strict=True)), pen, int(rng.integers(1, 5)) * factor, joint="curve"
        )
    return image.resize(size, Image.Resampling.BOX)


def wave(rng: Rng, t: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    out = np.zeros_like(t)
    for k in range(1, 5):
        scale = rng.normal(0, size / k)
        out += scale * np.sin(2 * np.pi * (k * t * rng.random() + rng.random()))
    return out


def table(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """Rows and columns of numbers and names."""
    back, ink, accent = theme(rng)
    image, draw = canvas(rng, size, back)
    face = any_font(rng, 9, 18)
    high, wide = int(face.size * rng.uniform(1.5, 2.4)), int(face.size * rng.integers(5, 12))
    stripe = grey(rng, 150, 256) if sum(back) > 380 else grey(rng, 20, 90)
    ruled = rng.random() < 0.6
    for row, y in enumerate(range(0, size[1], high)):
        fill = accent if not row else stripe if row % 2 else back
        draw.rectangle((0, y, size[0], y + high), fill, ink if ruled else None)
        for x in range(0, size[0], wide):
            if rng.random() < 0.9:
                draw.text((x + 4, y + 2), word(rng)[: wide // 8], fill=ink, font=face)
            if ruled:
                draw.line((x, y, x, y + high), ink)
    return image


def diagram(rng: Rng, size: tuple[int, int]) -> Image.Image:
    """Boxes with words, joined by arrows."""
    back, ink, accent = theme(rng)
    image, draw = canvas(rng, size, back)
    face = any_font(rng, 9, 20)
    last = None
    for _ in range(int(rng.integers(4, 24))):
        text = words(rng, int(rng.integers(1, 3)))
        width, high = int(face.getlength(text)) + 20, int(face.size * rng.uniform(1.6, 4))
        x, y = int(rng.integers(0, size[0])), int(rng.integers(0, size[1]))
        if last:
            draw.line((*last, x, y), ink, int(rng.integers(1, 4)))
        fill = accent if rng.random() < 0.3 else colour(rng) if rng.random() < 0.3 else back
        draw.rounded_rectangle((x, y, x + width, y + high), int(rng.integers(0, 16)), fill, ink, 2)
        draw.text((x + 10, y + (high - face.size) // 2), text, fill=ink, font=face)
        last = (x, y)
    return image


KINDS: tuple[Callable[[Rng, tuple[int, int]], Image.Image], ...] = (
    page, program, window, icon, drawing, line_art, table, diagram,
)  # fmt: skip
