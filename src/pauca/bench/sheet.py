"""Pictures side by side with captions, drawn by Pillow alone."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from pauca.bench.codecs import Pixels

ZOOM = 2
MARGIN = 16
CAPTION = 72
BACKGROUND, INK, FAINT = (250, 250, 248), (20, 20, 20), (95, 95, 95)


@dataclass(frozen=True)
class Tile:
    """One picture, uint8 (H, W, 3), with a title and lines of small print below it."""

    title: str
    lines: tuple[str, ...]
    pixels: Pixels


def draw_sheet(rows: Sequence[Sequence[Tile]]) -> bytes:
    """The tiles on a grid as a PNG file; every picture is magnified by the same factor."""
    from PIL import Image, ImageDraw, ImageFont

    tiles = [tile for row in rows for tile in row]
    width = ZOOM * max(tile.pixels.shape[1] for tile in tiles)
    height = ZOOM * max(tile.pixels.shape[0] for tile in tiles)
    step_x, step_y = width + MARGIN, height + CAPTION
    size = (MARGIN + max(map(len, rows)) * step_x, MARGIN + len(rows) * step_y)
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    title_font, small_font = ImageFont.load_default(18), ImageFont.load_default(14)
    for row, row_tiles in enumerate(rows):
        for column, tile in enumerate(row_tiles):
            x, y = MARGIN + column * step_x, MARGIN + row * step_y
            picture = Image.fromarray(tile.pixels)
            zoomed = (ZOOM * picture.width, ZOOM * picture.height)
            # Smooth, as viewers do it: doubled pixels would add edges that no codec made.
            sheet.paste(picture.resize(zoomed, Image.Resampling.BICUBIC), (x, y))
            draw.text((x, y + height + 4), tile.title, INK, title_font)
            for i, line in enumerate(tile.lines):
                draw.text((x, y + height + 27 + 17 * i), line, FAINT, small_font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
