"""The picture codec with the shipped pack, on real photographs."""

import io

import numpy as np
import pytest
from image.photos import photo
from numpy.typing import NDArray
from PIL import Image

from pauca import create_model, decode, encode
from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.errors import EntropyError, FormatError, InputError, LimitError, PackError
from pauca.image.codec import decode_image, encode_image
from pauca.image.coded import EncodeOptions
from pauca.limits import Limits
from pauca.metrics.psnr import psnr

PACK = create_model("img-psnr")


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (257, 2), (127, 129), (128, 128)])
@pytest.mark.parametrize("grey", [False, True])
def test_any_size_comes_back_with_its_shape_and_close(size: tuple[int, int], grey: bool) -> None:
    pixels = photo(*size, grey=grey)
    out = decode(encode(pixels, quality=80))
    assert out.shape == pixels.shape and out.dtype == np.uint8
    assert psnr(out, pixels) > 36


def test_quality_trades_bytes_for_fidelity() -> None:
    pixels = photo()
    streams = [encode(pixels, quality=q) for q in (0, 25, 50, 75, 100)]
    sizes = [len(s) for s in streams]
    fidelity = [psnr(decode(s), pixels) for s in streams]
    assert sizes == sorted(sizes) and len(set(sizes)) == 5
    assert fidelity == sorted(fidelity)
    assert fidelity[0] < 28 and fidelity[-1] > 46


@pytest.mark.parametrize("quality", [15, 30, 50])
def test_beats_jpeg_at_equal_bytes(quality: int) -> None:
    pixels = photo()
    stream = encode(pixels, quality=quality)
    best = 0.0
    for q in range(1, 96):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=q)
        if buffer.tell() <= len(stream):
            best = psnr(np.asarray(Image.open(buffer)), pixels)
    assert psnr(decode(stream), pixels) > best + 1.0


def test_streams_are_reproducible_at_any_thread_count() -> None:
    pixels = photo()
    streams = {encode_image(pixels, PACK, EncodeOptions(40, 3, threads)) for threads in (1, 2, 2)}
    assert len(streams) == 1
    stream = streams.pop()
    one, two = decode_image(stream, threads=1), decode_image(stream, threads=2)
    assert np.array_equal(one, two)


@pytest.fixture(scope="module")
def plain() -> list[tuple[float, bytes, NDArray[np.uint8]]]:
    """Streams and pictures of the int64 definition itself, at three qualities."""
    pixels = photo(100, 200)
    results = []
    for quality in (10.0, 60.0, 100.0):
        stream = encode_image(pixels, PACK, EncodeOptions(quality, 3, runtime="plain"))
        results.append((quality, stream, decode_image(stream, runtime="plain")))
    return results


@pytest.mark.parametrize("runtime", ["native", "onnxruntime", "openvino", "torch"])
@pytest.mark.parametrize("threads", [1, 2])
def test_every_runtime_gives_the_same_stream_and_picture(
    plain: list[tuple[float, bytes, NDArray[np.uint8]]], runtime: str, threads: int
) -> None:
    if runtime != "native":
        pytest.importorskip("onnx" if runtime == "onnxruntime" else runtime)
    pixels = photo(100, 200)
    for quality, stream, picture in plain:
        options = EncodeOptions(quality, 3, threads, runtime)
        assert encode_image(pixels, PACK, options) == stream
        assert np.array_equal(decode_image(stream, threads=threads, runtime=runtime), picture)


def test_thrifty_rounding_saves_bytes_at_little_loss() -> None:
    pixels = photo()
    plain, thrifty = (encode(pixels, quality=40, effort=e) for e in (1, 3))
    saved = 1 - len(thrifty) / len(plain)
    assert saved > 0.02
    # A dB is worth about 15 % of the bytes here: the loss must be less than what was saved.
    assert psnr(decode(plain), pixels) - psnr(decode(thrifty), pixels) < saved / 0.15


def test_unknown_pack_is_named() -> None:
    stream = encode(photo(64, 64))
    at = stream.index(PACK.info.pack_id)
    chunks = [Chunk(c.type, bytes(c.payload)) for c in decode_stream(stream, ("I", "D"))]
    chunks[0] = Chunk("I", bytes(chunks[0].payload).replace(PACK.info.pack_id, b"\x01" * 8))
    assert at > 0
    with pytest.raises(PackError, match="0101010101010101"):
        decode(encode_stream(chunks))


def test_damaged_payloads_are_named_errors() -> None:
    header, payload = decode_stream(encode(photo(64, 64)), ("I", "D"))
    good = bytes(payload.payload)
    bad = {
        b"": EntropyError,
        good[:2]: EntropyError,
        good + b"\0\0": EntropyError,
        b"\xff" + good[1:]: EntropyError,
        good[:-2]: FormatError,
    }
    for data, error in bad.items():
        with pytest.raises(error):
            decode(encode_stream([Chunk("I", bytes(header.payload)), Chunk("D", data)]))
    with pytest.raises(FormatError):
        decode(encode_stream([Chunk("I", bytes(header.payload))]))


def test_any_payload_is_a_picture_or_a_named_error() -> None:
    header, payload = decode_stream(encode(photo(64, 64)), ("I", "D"))
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(200):
        data = bytearray(payload.payload)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] ^= 1 << rng.integers(8)
        try:
            out = decode(
                encode_stream([Chunk("I", bytes(header.payload)), Chunk("D", bytes(data))])
            )
            assert out.shape == (64, 64, 3)
            outcomes.add("picture")
        except FormatError:
            outcomes.add("error")
    assert "error" in outcomes


def test_limits_hold_before_work() -> None:
    stream = encode(photo(64, 64))
    with pytest.raises(LimitError):
        decode(stream, limits=Limits(max_pixels=64 * 63))
    with pytest.raises(LimitError):
        decode(stream, limits=Limits(max_memory=1 << 18))


def test_wrong_arrays_and_options_are_refused() -> None:
    for array in (
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4), np.uint8),
    ):
        with pytest.raises(InputError):
            encode_image(array, PACK)  # type: ignore[arg-type]
    for options in (
        EncodeOptions(quality=101),
        EncodeOptions(effort=0),
        EncodeOptions(runtime="abacus"),
    ):
        with pytest.raises(InputError):
            encode_image(photo(8, 8), PACK, options)
