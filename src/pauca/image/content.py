"""How a picture is coded: learned, without loss, or both (spec/image.md, "Graphics").

An encoder here is what a search for a target can try qualities on, as `PictureEncoder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pauca.container.chunks import Chunk
from pauca.image.analysis import Rows
from pauca.image.codec import encoder_of
from pauca.image.coded import Coded, EncodeOptions, header_of
from pauca.image.graphics import Blocks, Canvas, decode_graphics, encode_graphics
from pauca.image.kind import Content
from pauca.image.networks import Networks
from pauca.image.parse import GRAPHICS
from pauca.image.scenes.classify import find_graphics
from pauca.image.scenes.features import BLOCK
from pauca.image.view import WHOLE
from pauca.limits import Limits
from pauca.pack.image import ImagePack
from pauca.pixels.hidden import Smoothed
from pauca.pixels.webp import can_write

Pixels = NDArray[np.uint8]

# Lossless graphics may cost so many times what the learned codec takes for them: it leaves rings
# around letters, and the share of bytes that would be won is small.
FACTOR = 2.0
MOST_PHOTO = 0.5  # share of blocks of photographs up to which all of a picture may be lossless


class AnyEncoder(Protocol):
    """Codes one picture at any quality code 0..400; `networks` None where it needs none."""

    @property
    def pixels(self) -> Rows:
        """The picture, (H, W) or (H, W, 3) uint8, that decoders are compared with."""

    @property
    def networks(self) -> Networks | None:
        """What decodes it."""

    def encode(self, code: int) -> Coded:
        """Code at a quality code."""

    def encode_and_decode(self, code: int) -> tuple[Coded, Pixels]:
        """Code at a quality code; the pixels are those of decoders."""


class GraphicsEncoder:
    """All of a picture without loss, at every quality code.

    `pixels`: (H, W) or (H, W, 3) uint8, checked by the caller.
    """

    networks = None

    def __init__(self, pixels: Rows, pack: ImagePack, options: EncodeOptions) -> None:
        self.pixels = pixels
        self._pack, self._effort = pack, options.effort

    @cached_property
    def _chunk(self) -> Chunk:
        return Chunk(GRAPHICS, encode_graphics(self.pixels, None, BLOCK, self._effort))

    def encode(self, code: int) -> Coded:
        """Code at quality code 0..400, which changes nothing but the header."""
        return Coded(header_of(self.pixels, self._pack, code), [self._chunk])

    def encode_and_decode(self, code: int) -> tuple[Coded, Pixels]:
        """As `encode`, and the picture itself."""
        return self.encode(code), np.asarray(self.pixels)


class MixedEncoder:
    """Blocks (h, w) of a picture without loss, the others learned."""

    def __init__(
        self, pixels: Rows, blocks: Blocks, pack: ImagePack, options: EncodeOptions
    ) -> None:
        self.pixels, self._blocks = pixels, blocks
        self._learned = encoder_of(Smoothed(pixels, blocks, BLOCK), pack, options)
        self.networks = self._learned.networks
        self.chunk = Chunk(GRAPHICS, encode_graphics(pixels, blocks, BLOCK, options.effort))

    def encode(self, code: int) -> Coded:
        """Code at quality code 0..400, that of the learned blocks."""
        coded = self._learned.encode(code)
        return replace(coded, payload=[self.chunk, *coded.payload])

    def encode_and_decode(self, code: int) -> tuple[Coded, Pixels]:
        """Code at quality code 0..400; the pixels are those of decoders."""
        coded, seen = self._learned.encode_and_decode(code)
        header = coded.header
        size = (header.height, header.width)
        graphics = decode_graphics(self.chunk.payload, size, Limits(max_memory=1 << 62))
        canvas = Canvas(graphics, header.channels, 1, WHOLE.window(*size))
        return replace(coded, payload=[self.chunk, *coded.payload]), canvas.paint(seen, 0)


def encoders_for(
    pixels: Rows,
    flat: Rows,
    pack: ImagePack,
    options: EncodeOptions,
    content: Content,
) -> Sequence[AnyEncoder]:
    """The ways to code a picture that may be best, from the learned codec to the most faithful.

    `flat`: the picture with what suits lossless coding in hidden places.
    """
    learned = encoder_of(pixels, pack, options)
    if content is Content.GRAPHICS:
        return [GraphicsEncoder(flat, pack, options)]
    found: list[AnyEncoder] = [learned]
    if content is not Content.AUTO or not can_write():
        return found
    views = [flat] if flat is pixels else [flat, pixels]
    maps = [blocks for view in views if (blocks := find_graphics(view)) is not None]
    if not maps:
        return found
    # The border of a cut-out photograph before one colour looks drawn: blocks are what is graphics
    # whatever is put in hidden places. All of a picture may be what it is by either.
    both, either = maps[0] & maps[-1], maps[0] | maps[-1]
    if len(maps) == len(views) and both.any() and not both.all():
        found.append(MixedEncoder(pixels, both, pack, options))
    if np.mean(~either) <= MOST_PHOTO:
        found.append(GraphicsEncoder(flat, pack, options))
    return found


def worthwhile(coded: Coded, other: Coded) -> bool:
    """Whether what `coded` keeps without loss, and `other` does not, costs at most FACTOR of what
    the learned codec takes for it.
    """
    lossless, learned = (
        [
            sum(len(k.payload) for k in c.payload if (k.type == GRAPHICS) == kind)
            for c in (coded, other)
        ]
        for kind in (True, False)
    )
    return lossless[0] - lossless[1] <= FACTOR * (learned[1] - learned[0])
