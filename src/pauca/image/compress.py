"""A picture to a stream by quality or by a target, with or without a statement of its fidelity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.image.codec import (
    Coded,
    EncodeOptions,
    PictureEncoder,
    decode_payload,
    parse,
    quality_code,
)
from pauca.image.fidelity import PLACEHOLDER, check_size, fidelity_chunk
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


def compress_picture(
    pixels: NDArray[np.uint8],
    pack: ImagePack,
    options: EncodeOptions,
    target: Target | None = None,
    fidelity: bool | None = None,
    report: Callable[[Trial], None] | None = None,
) -> bytes:
    """Code (H, W) grey or (H, W, 3) RGB uint8 pixels at the quality of `options`, or at the one
    that `target` asks for.

    `fidelity`: state it in the stream; None means with a target of likeness. `report` hears of
    every trial. Raises `InputError`.
    """
    encoder = PictureEncoder(pixels, pack, options)
    alike = target is not None and not target.is_size
    stated = alike if fidelity is None else fidelity
    if stated:
        check_size(pixels)
    extras = [PLACEHOLDER] if stated else []
    if target is None:
        coded, _ = encoder.encode(quality_code(options.quality))
    else:
        coded, _ = encode_to(encoder, target, extras, report)
    if not (stated or alike):
        return coded.stream()
    decoded = _decoded(encoder, coded)
    if target is not None and alike and not target.likeness(pixels, decoded) >= target.value:
        raise InputError(f"the stream misses its {target.name}: encoder and decoder disagree")
    return coded.stream([fidelity_chunk(compare(pixels, decoded))] if stated else [])


def _decoded(encoder: PictureEncoder, coded: Coded) -> NDArray[np.uint8]:
    """Pixels of the finished stream by the decoder itself: what is stated was seen."""
    return decode_payload(*parse(coded.stream(), OURS), encoder.networks, OURS)
