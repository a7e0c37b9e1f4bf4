"""A picture to a stream by quality or by a target, with or without a statement of its fidelity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pauca.container.chunks import Chunk, decode_stream
from pauca.errors import InputError
from pauca.image.codec import decode_payload
from pauca.image.coded import Coded, EncodeOptions, quality_code
from pauca.image.content import AnyEncoder, encoders_for, worthwhile
from pauca.image.effort import PLAIN
from pauca.image.fidelity import PLACEHOLDER, check_size, fidelity_chunk
from pauca.image.kind import Content
from pauca.image.parse import CODED, parse_chunks
from pauca.image.targets import Target, Trial, encode_to
from pauca.limits import Limits
from pauca.metrics.compare import compare
from pauca.metrics.psnr import psnr
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
    content: Content = Content.PHOTO,
    flat: NDArray[np.uint8] | None = None,
) -> bytes:
    """Code (H, W) grey or (H, W, 3) RGB uint8 pixels at the quality of `options`, or at the one
    that `aim` asks for, with chunks `extras` between header and payload. Raises `InputError`.

    `content`: what the picture is taken for. `flat`: the pixels to be kept where they are coded
    without loss, by default the same.
    """
    if aim.target is not None and aim.target.min_tile_psnr is not None:
        options = replace(options, effort=min(options.effort, PLAIN))  # as a map is coded
    encoders = encoders_for(pixels, pixels if flat is None else flat, pack, options, content)
    if aim.stated:
        check_size(pixels)
    encoder, coded = _best(encoders, options, aim, extras)
    if not (aim.stated or aim.likeness):
        return coded.stream(extras)
    decoded = _decoded(encoder, coded)
    original = np.asarray(encoder.pixels)
    if aim.likeness and not aim.likeness.likeness(original, decoded) >= aim.likeness.value:
        raise InputError(f"the stream misses {aim.likeness.name}: encoder and decoder disagree")
    if not aim.stated:
        return coded.stream(extras)
    return coded.stream([*extras, fidelity_chunk(compare(original, decoded))])


def _best(
    encoders: Sequence[AnyEncoder], options: EncodeOptions, aim: Aim, extras: Sequence[Chunk]
) -> tuple[AnyEncoder, Coded]:
    """The encoder to take of several, and what it makes of the picture.

    At a quality, the most faithful one that is worth its bytes; within a size, the one that comes
    closest; for a likeness, the smallest.
    """
    if aim.target is None:
        code = quality_code(options.quality)
        best = encoders[0], encoders[0].encode(code)
        for encoder in encoders[1:]:
            coded = encoder.encode(code)
            if worthwhile(coded, best[1]):
                best = encoder, coded
        return best
    measured = [*extras, PLACEHOLDER] if aim.stated else extras
    found: list[tuple[AnyEncoder, Coded]] = []
    refused: list[InputError] = []
    for encoder in reversed(encoders):
        try:
            found.append((encoder, encode_to(encoder, aim.target, measured, aim.report)))
        except InputError as error:
            refused.append(error)
        if found and aim.target.is_size and encoder.networks is None:
            break  # all of it without loss: nothing comes closer
    if not found:
        raise refused[-1]
    if len(found) == 1:
        return found[0]
    if aim.target.is_size:
        return max(found, key=lambda pair: psnr(np.asarray(pair[0].pixels), _decoded(*pair)))
    return min(found, key=lambda pair: len(pair[1].stream(measured)))


def _decoded(encoder: AnyEncoder, coded: Coded) -> NDArray[np.uint8]:
    """Pixels of the finished stream by the decoder itself: what is stated was seen."""
    chunks = decode_stream(coded.stream(), CODED, OURS)
    return decode_payload(*parse_chunks(chunks, OURS), encoder.networks, OURS)
