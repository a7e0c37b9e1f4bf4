"""Targets on photographs, and the search on curves that are not so kind."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from image.photos import photo
from numpy.typing import NDArray

import pauca
from pauca.container.chunks import Chunk
from pauca.errors import InputError
from pauca.image import analysis, codec
from pauca.image.codec import PictureEncoder, encode_image
from pauca.image.coded import EncodeOptions
from pauca.image.compress import Aim, compress_picture
from pauca.image.layout import QUALITIES
from pauca.image.targets import Curve, Target, Trial, crossing
from pauca.metrics.compare import compare
from pauca.metrics.psnr import psnr
from pauca.metrics.ssim import ms_ssim

PACK = pauca.create_model("img-psnr")


@cache
def astronaut() -> NDArray[np.uint8]:
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:192, 120:376])


def at_code(code: int, fidelity: bool = False) -> bytes:
    return pauca.encode(astronaut(), quality=code / 4, fidelity=fidelity)


def quality_code(stream: bytes) -> int:
    header = pauca.info(stream).header
    assert isinstance(header, codec.ImageHeader)
    return header.quality


@pytest.mark.parametrize("size", [1000, 4000, 30000])
def test_size_is_met_from_below_and_one_code_more_passes_it(size: int) -> None:
    trials: list[Trial] = []
    stream = pauca.encode(astronaut(), target_size=size, report=trials.append)
    assert 0.98 * size < len(stream) <= size
    assert len(trials) <= 7
    code = quality_code(stream)
    assert stream == at_code(code)
    assert len(at_code(code + 1)) > size
    assert Trial(code / 4, len(stream)) in trials


def test_bits_per_pixel_count_the_whole_file() -> None:
    pixels = astronaut().shape[0] * astronaut().shape[1]
    for fidelity in (False, True):
        stream = pauca.encode(astronaut(), bpp=0.25, fidelity=fidelity)
        assert 0.98 * 0.25 < 8 * len(stream) / pixels <= 0.25
        assert 8 * len(at_code(quality_code(stream) + 1, fidelity)) / pixels > 0.25
        assert (pauca.info(stream).fidelity is not None) == fidelity


def test_other_chunks_count_as_well() -> None:
    note = Chunk("x", b"note\0" + bytes(1000))
    aim = Aim(Target(target_size=4000))
    stream = compress_picture(astronaut(), PACK, EncodeOptions(), aim, [note])
    assert 0.98 * 4000 < len(stream) <= 4000
    assert [chunk.type for chunk in pauca.info(stream).chunks] == ["I", "x", "D"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_psnr", 34.0), ("min_psnr", 41), ("min_ms_ssim", 0.985)],
)
def test_likeness_is_reached_and_one_code_less_misses_it(name: str, value: float) -> None:
    trials: list[Trial] = []
    stream = pauca.encode(astronaut(), report=trials.append, **{name: value})  # type: ignore[arg-type]
    figure = name.removeprefix("min_")
    assert getattr(compare(astronaut(), pauca.decode(stream)), figure) >= value
    assert len(trials) <= 7
    less = at_code(quality_code(stream) - 1)
    assert getattr(compare(astronaut(), pauca.decode(less)), figure) < value
    stated = pauca.info(stream).fidelity
    assert stated and getattr(stated, figure) >= value - 1e-6


def test_statement_may_be_left_out_of_a_search() -> None:
    stated = pauca.encode(astronaut(), min_psnr=33)
    silent = pauca.encode(astronaut(), min_psnr=33, fidelity=False)
    assert len(stated) - len(silent) == 17
    assert np.array_equal(pauca.decode(stated), pauca.decode(silent))


def test_grey_pictures_have_targets() -> None:
    grey = photo(128, 192, grey=True)
    assert 1176 < len(pauca.encode(grey, target_size=1200)) <= 1200
    stream = pauca.encode(grey, min_psnr=38)
    assert psnr(grey, pauca.decode(stream)) >= 38


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"target_size": 100}, ("100 bytes", "quality 0 the file has")),
        ({"bpp": 0.001}, ("6 bytes", "quality 0 the file has", "bpp")),
        ({"min_psnr": 70}, ("PSNR of 70 dB", "quality 100 gives 4")),
        ({"min_tile_psnr": 70}, ("worst tile of 70 dB", "quality 100 gives 4")),
        ({"min_ms_ssim": 1}, ("MS-SSIM of 1 ", "quality 100 gives 0.99")),
    ],
)
def test_out_of_reach_says_what_is_in_reach(target: dict[str, float], words: list[str]) -> None:
    trials: list[Trial] = []
    with pytest.raises(InputError, match="out of reach") as caught:
        pauca.encode(astronaut(), report=trials.append, **target)  # type: ignore[arg-type]
    for word in words:
        assert word in str(caught.value)
    end = trials[-1]
    assert end.quality in (0, 100)
    reached = f"{end.bytes}" if "quality 0 " in words[1] else f"{math.floor(end.figure)}"
    assert reached in str(caught.value)


def test_ends_of_the_scale_are_answers_too() -> None:
    assert pauca.encode(astronaut(), target_size=10**7) == at_code(400)
    assert quality_code(pauca.encode(astronaut(), min_psnr=5)) == 0
    flat = np.full((70, 90, 3), 128, np.uint8)
    assert ms_ssim(flat, pauca.decode(pauca.encode(flat, min_ms_ssim=1))) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"min_psnr": 30, "bpp": 1},
        {"min_psnr": 30, "quality": 50},
        {"min_psnr": math.nan},
        {"min_psnr": math.inf},
        {"min_psnr": -1},
        {"bpp": -0.5},
        {"target_size": -1},
        {"min_ms_ssim": 1.01},
    ],
)
def test_targets_that_cannot_be_are_refused_before_any_trial(options: dict[str, float]) -> None:
    trials: list[Trial] = []
    with pytest.raises(InputError):
        pauca.encode(astronaut(), report=trials.append, **options)  # type: ignore[arg-type]
    assert not trials


def test_the_analysis_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(planes: NDArray[np.float32], levels: int) -> object:
        calls.append(levels)
        return real(planes, levels)

    real = analysis.analysis
    monkeypatch.setattr(analysis, "analysis", counted)
    trials: list[Trial] = []
    pauca.encode(astronaut(), target_size=3000, report=trials.append)
    assert len(trials) > 1
    assert len(calls) == 1


def test_one_encoder_serves_every_quality() -> None:
    encoder = PictureEncoder(astronaut(), PACK)
    for code in (300, 20, 150):
        coded, seen = encoder.encode_and_decode(code)
        stream = coded.stream()
        assert encoder.encode(code).stream() == stream
        assert stream == encode_image(astronaut(), PACK, EncodeOptions(code / 4))
        assert np.array_equal(seen, pauca.decode(stream))


def test_a_decoder_that_disagrees_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from pauca.image import compress

    def worse(*args: object) -> NDArray[np.uint8]:
        return np.zeros_like(astronaut())

    monkeypatch.setattr(compress, "decode_payload", worse)
    with pytest.raises(InputError, match="misses min_psnr"):
        pauca.encode(astronaut(), min_psnr=30)


def found(measure: Callable[[int], float], goal: float, curve: Curve) -> dict[int, float]:
    points: dict[int, float] = {}

    def once(code: int) -> float:
        assert 0 <= code < QUALITIES
        assert code not in points, "a trial is made once"
        points[code] = measure(code)
        return points[code]

    crossing(once, goal, curve)
    return points


LINE = Curve(float, 35.0, 0.058)


@pytest.mark.parametrize(
    ("measure", "most"),
    [
        (lambda code: 20 + 0.06 * code, 5),
        (lambda code: 20 + 0.2 * code, 6),
        (lambda code: 45 * (code / 400) ** 3, 14),
        (lambda code: 30 + 0.06 * code + 0.5 * math.sin(code), 14),
        (lambda code: 10.0 if code < 123 else 60.0, 16),
        (lambda code: 30.0 if code < 123 else math.inf, 16),
        (lambda code: 30.0, 16),
        (lambda code: math.inf, 16),
        (lambda code: 60 - 0.1 * code, 16),
    ],
    ids=["line", "steep", "cube", "wave", "step", "equal", "low", "all equal", "falling"],
)
@pytest.mark.parametrize("goal", [0.0, 24.0, 34.5, 40.0, 90.0, math.inf])
def test_search_ends_between_neighbours(
    measure: Callable[[int], float], most: int, goal: float
) -> None:
    points = found(measure, goal, LINE)
    assert len(points) <= most
    below = {code for code, figure in points.items() if figure < goal}
    above = set(points) - below
    inner = {code + 1 for code in below} & above
    assert inner or 0 in above or 400 in below


def test_a_wrong_guess_costs_few_trials() -> None:
    for slope in (0.02, 0.05, 0.15):
        for middle in (20.0, 35.0, 50.0):
            curve = replace(LINE, slope=slope, middle=middle)
            points = found(lambda code: 22 + 0.058 * code + 0.4 * math.sin(code / 60), 36, curve)
            assert len(points) <= 8
