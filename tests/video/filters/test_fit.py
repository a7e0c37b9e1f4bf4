"""Fitting, on photographs that move and went through real encoders."""

from pathlib import Path

import numpy as np
import pytest

from pauca.errors import InputError
from pauca.video.filters import Filter, fit, load_filter, price

from .packs import Planes, pan, photo_planes, random_filter, squared_error


def coded_pan(codec: str, crf: int, count: int = 6) -> tuple[tuple[Planes, ...], list[Planes], int]:
    pytest.importorskip("av")
    from pauca.streams.coded import through_codec

    frames = pan(count)
    result = through_codec(frames, codec, crf, "medium")
    return frames, result.frames, sum(result.sizes)


def mended(filter: Filter, frames: list[Planes], qp: int, codec: str) -> list[Planes]:
    return [filter.apply(*planes, qp=qp, codec=codec) for planes in frames]


def scene(
    originals: tuple[Planes, ...], decoded: list[Planes], qp: int
) -> list[tuple[Planes, Planes, int]]:
    return [(a, b, qp) for a, b in zip(originals, decoded, strict=True)]


@pytest.mark.parametrize(("codec", "name"), [("libx264", "h264"), ("libx265", "hevc")])
def test_fitting_makes_the_shipped_filter_better(codec: str, name: str) -> None:
    filter = load_filter("vf-restore")
    originals, decoded, size = coded_pan(codec, 32)
    plain = squared_error(originals, decoded)
    generic = squared_error(originals, mended(filter, decoded, 32, name))
    weight = price(plain.sum(), 8 * size)
    payload = fit(filter, scene(originals, decoded, 32), weight, 60, name)
    assert payload is not None
    fitted = squared_error(originals, mended(filter.updated(payload), decoded, 32, name))
    # By what it is for: squared error with its bytes at their price.
    costs = [plain.sum(), generic.sum(), fitted.sum() + weight * 8 * len(payload)]
    assert costs[2] <= 1.002 * min(costs[:2])
    free = fit(filter, scene(originals, decoded, 32), 0.0, 60, name)
    assert free is not None
    best = squared_error(originals, mended(filter.updated(free), decoded, 32, name))
    assert best.sum() < 0.97 * min(plain.sum(), generic.sum())  # at least 0.13 dB
    assert len(free) > len(payload)


def test_dear_bits_buy_less(tmp_path: Path) -> None:
    filter = random_filter(tmp_path)
    originals, decoded, size = coded_pan("libx264", 35)
    base = price(squared_error(originals, decoded).sum(), 8 * size)
    lengths = []
    for factor in (0.0, 0.05, 1.0, 1e6):
        payload = fit(filter, scene(originals, decoded, 35), base * factor, 60, "h264")
        lengths.append(0 if payload is None else len(payload))
    assert lengths[0] > lengths[2] and lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == 0  # a random filter does harm: off


def test_lossless_material_needs_no_filter(tmp_path: Path) -> None:
    filter = random_filter(tmp_path)
    frames = pan(3)
    assert fit(filter, scene(frames, list(frames), 20), 1.0, 60, "h264") is None
    assert fit(filter, scene(frames, list(frames), 20), 0.0, 60, "h264") is None


def test_a_disturbance_that_a_head_can_mend_is_mended(tmp_path: Path) -> None:
    """Luma that is 3 levels too dark, chroma that is right: a bias, for a few bytes."""
    filter = random_filter(tmp_path)
    frames = pan(3)
    dark = [(np.where(y > 3, y - 3, 0).astype(np.uint8), u, v) for y, u, v in frames]
    payload = fit(filter, scene(frames, dark, 30), 1.0, 60, "hevc")
    assert payload is not None
    after = squared_error(frames, mended(filter.updated(payload), dark, 30, "hevc"))
    assert after[0] < 0.3 * squared_error(frames, dark)[0]
    assert after[1] == 0 and after[2] == 0  # chroma is left alone


@pytest.mark.parametrize("scale", [1, 2])
def test_what_fitting_expects_is_what_comes_out(tmp_path: Path, scale: int) -> None:
    """The quadratic form against filtered frames, odd sides included."""
    from pauca.video.filters.data import reduced

    filter = random_filter(tmp_path, scale)
    originals = [photo_planes(40 * scale, 42 * scale)] * 2
    rng = np.random.default_rng(0)
    small = originals if scale == 1 else [reduced(planes) for planes in originals]
    noisy = [
        tuple((p + rng.normal(0, 6, p.shape)).clip(0, 255).astype(np.uint8) for p in planes)
        for planes in small
    ]
    payload = fit(filter, scene(tuple(originals), noisy, 30), 0.0, 60, "av1")
    assert payload
    found = squared_error(tuple(originals), mended(filter.updated(payload), noisy, 30, "av1"))
    generic = squared_error(tuple(originals), mended(filter.updated(b""), noisy, 30, "av1"))
    assert found.sum() < 0.7 * generic.sum()


def test_no_frames_and_bad_weights(tmp_path: Path) -> None:
    filter = random_filter(tmp_path)
    with pytest.raises(InputError):
        fit(filter, [], 1.0, 60, "h264")
    with pytest.raises(InputError):
        fit(filter, scene(pan(1), list(pan(1)), 30), float("nan"), 60, "h264")
    y, u, v = photo_planes(16, 16)
    with pytest.raises(InputError):
        fit(filter, [((y[:-2], u, v), (y, u, v), 30)], 1.0, 60, "h264")


def test_long_scenes_are_sampled(tmp_path: Path) -> None:
    """Frames beyond the first are looked at ever less often, and stand for those between."""
    from pauca.video.filters.fit import DENSE, gather, measured

    filter = random_filter(tmp_path)
    frame = photo_planes(16, 16)
    noisy = (frame[0] ^ 3, frame[1], frame[2])
    short = gather(filter.pack, [(frame, noisy, 30)] * 4, 60, "h264")
    long = gather(filter.pack, [(frame, noisy, 30)] * (8 * DENSE), 60, "h264")
    np.testing.assert_allclose(long.gram, short.gram * 2 * DENSE, rtol=1e-6)
    assert len(long.samples) < 3 * DENSE
    errors = [measured(sums, None, [slice(0, 6)])[0] for sums in (short, long)]
    np.testing.assert_allclose(errors[1], errors[0] * 2 * DENSE, rtol=1e-6)
    exact = squared_error((frame,) * 4, [noisy] * 4).sum()
    np.testing.assert_allclose(errors[0], exact, rtol=1e-6)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_scenes(tmp_path: Path, level: int) -> None:
    """Nothing but a constant to learn from: no crash, and not worse than without."""
    filter = random_filter(tmp_path)
    flat = tuple(np.full(size, level, np.uint8) for size in ((32, 32), (16, 16), (16, 16)))
    other = (np.full((32, 32), abs(level - 9), np.uint8), flat[1], flat[2])
    for original in (flat, other):
        payload = fit(filter, [(original, flat, 30)] * 3, 0.01, 60, "h264")
        after = flat if payload is None else filter.updated(payload).apply(*flat, qp=30)
        before = squared_error((original,), [flat]).sum()
        assert squared_error((original,), [after]).sum() <= before
    tiny = photo_planes(1, 1)
    assert fit(filter, [(tiny, tiny, 30)], 1.0, 60, "h264") is None


def test_fitting_needs_no_torch() -> None:
    import subprocess
    import sys

    script = "import sys, pauca.video.filters\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
