"""A picture to a stream by quality or by a target, with or without a statement of its fidelity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.container.chunks import Chunk, decode_stream
from pauca.errors import InputError
from pauca.image.codec import (
    Coded,
    EncodeOptions,
    PictureEncoder,
    decode_payload,
    quality_code,
)
from pauca.image.fidelity import PLACEHOLDER, check_size, fidelity_chunk
from pauca.image.parse import CODED, parse_chunks
from pauca.image.targets import Target, Trial, encode_to
from pauca.limits import Limits
from pauca.metrics.compare import compare
from pauca.pack.image import ImagePack

OURS = Limits(max_pixels=2**62, max_bytes=2**62, max_chunk_bytes=2**62, max_memory=2**62)


def target_of(
    bpp: float | None,
    target_size: int | None,
    min_psnr: float | None,
    min_ms_ssim: float | None,
    min_tile_psnr: float | None,
) -> Target | None:
    """The target among these; None without any, `InputError` with several."""
    wishes = (bpp, target_size, min_psnr, min_ms_ssim, min_tile_psnr)
    return Target(*wishes) if any(wish is not None for wish in wishes) else None


@dataclass(frozen=True)
class Aim:
    """What a stream is to reach and to say: `target` chooses the quality; `fidelity` states how far
    decoders are from the original, by default with a target of likeness; `report` hears of trials.
    """

    target: Target | None = None
    fidelity: bool | None = None
    report: Callable[[Trial], None] | None = None

    @property
    def likeness(self) -> Target | None:
        """The target, if it is one of likeness."""
        return None if self.target is None or self.target.is_size else self.target

    @property
    def stated(self) -> bool:
        """Whether the stream is to have a chunk `f`."""
        return self.likeness is not None if self.fidelity is None else self.fidelity


def compress_picture(
    pixels: NDArray[np.uint8],
    pack: ImagePack,
    options: EncodeOptions,
    aim: Aim = Aim(),
    extras: Sequence[Chunk] = (),
) -> bytes:
    """Code (H, W) grey or (H, W, 3) RGB uint8 pixels at the quality of `options`, or at the one
    that `aim` asks for, with chunks `extras` between header and payload. Raises `InputError`.
    """
    encoder = PictureEncoder(pixels, pack, options)
    if aim.stated:
        check_size(pixels)
    if aim.target is None:
        coded = encoder.encode(quality_code(options.quality))
    else:
        measured = [*extras, PLACEHOLDER] if aim.stated else extras
        coded = encode_to(encoder, aim.target, measured, aim.report)
    if not (aim.stated or aim.likeness):
        return coded.stream(extras)
    decoded = _decoded(encoder, coded)
    if aim.likeness and not aim.likeness.likeness(pixels, decoded) >= aim.likeness.value:
        raise InputError(f"the stream misses {aim.likeness.name}: encoder and decoder disagree")
    if not aim.stated:
        return coded.stream(extras)
    return coded.stream([*extras, fidelity_chunk(compare(pixels, decoded))])


def _decoded(encoder: PictureEncoder, coded: Coded) -> NDArray[np.uint8]:
    """Pixels of the finished stream by the decoder itself: what is stated was seen."""
    chunks = decode_stream(coded.stream(), CODED, OURS)
    return decode_payload(*parse_chunks(chunks, OURS), encoder.networks, OURS)
