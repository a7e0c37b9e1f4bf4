"""Streams of pictures with alpha and metadata; and that those without have not changed."""

import hashlib
import io

import numpy as np
import pytest
from image.photos import photo
from PIL import Image

import pauca
from pauca.container.chunks import Chunk, decode_stream, encode_stream, scan_stream
from pauca.errors import FormatError, LimitError, PaucaError, UnsupportedError
from pauca.limits import Limits
from pauca.metrics.psnr import psnr

PACK = pauca.create_model("img-psnr")
CARRIED = pauca.Metadata(bytes(range(128)) * 4, b"II*\0" + bytes(9), b"<x:xmpmeta/>")

# Streams as format 1.0 had them before it knew alpha and metadata, by the pack that made them.
GOLDEN = {
    ("8e0414d52d3fdf09", 3): "00077d6be9073075251b9de99a2159648e751cbcabcbf360bd78a5606d12f936",
    ("8e0414d52d3fdf09", 2): "1bdf48cca2eb95aee02b9167f6bb17559afc9a83a76a2eebb582cf90faa51638",
}


def types(stream: bytes) -> str:
    return "".join(chunk.type for chunk in pauca.info(stream).chunks)


def cut_out(channels: int = 4) -> np.ndarray:
    """Return a photograph (96, 120, C) with a soft-edged disc for alpha."""
    y, x = np.mgrid[:96, :120]
    alpha = (255 * (44.5 - np.hypot(y - 48, x - 60)).clip(0, 1)).astype(np.uint8)
    return np.dstack([photo(96, 120, grey=channels == 2), alpha])


@pytest.mark.parametrize("ndim", [3, 2])
def test_plain_pictures_keep_their_streams(ndim: int) -> None:
    y, x = np.mgrid[0:40, 0:56]
    colours = np.stack([2 * x + y, 3 * y + 20, 250 - 2 * x - 2 * y], axis=-1)
    pixels = colours.clip(0, 255).astype(np.uint8)
    stream = pauca.encode(pixels if ndim == 3 else pixels[..., 0].copy())
    assert types(stream) == "ID"
    golden = GOLDEN.get((PACK.info.pack_id.hex(), ndim))
    if golden is None:
        pytest.skip("no stream is known for this version of the pack")
    assert hashlib.sha256(stream).hexdigest() == golden


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_comes_back_exactly_and_colours_as_without_it(channels: int) -> None:
    pixels = cut_out(channels)
    stream = pauca.encode(pixels, quality=80)
    assert types(stream) == "IAD"
    out = pauca.decode(stream)
    assert out.shape == pixels.shape and out.flags.c_contiguous
    np.testing.assert_array_equal(out[..., -1], pixels[..., -1])
    seen = pixels[..., -1] > 0
    assert psnr(out[..., :-1][seen][None], pixels[..., :-1][seen][None]) > 34


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opaque_alpha_keeps_the_mode_for_six_bytes(mode: str) -> None:
    plain = Image.fromarray(photo(40, 56)).convert(mode[:-1])
    stream = pauca.encode(plain.convert(mode))
    assert len(stream) == len(pauca.encode(plain)) + 6
    decoded = pauca.decode(stream)
    assert decoded.shape == (40, 56, len(mode))
    np.testing.assert_array_equal(decoded[..., -1], 255)
    np.testing.assert_array_equal(decoded[..., :-1].squeeze(), pauca.decode(pauca.encode(plain)))


def test_hidden_colours_cost_nothing_unless_kept() -> None:
    pixels = cut_out()
    other = pixels.copy()
    other[pixels[..., 3] == 0, :3] = 255 - other[pixels[..., 3] == 0, :3]
    stream = pauca.encode(pixels)
    assert pauca.encode(other) == stream
    kept = pauca.encode(pixels, keep_hidden=True)
    assert len(kept) > 1.2 * len(stream)
    assert psnr(pauca.decode(kept)[..., :3], pixels[..., :3]) > 30
    assert psnr(pauca.decode(stream)[..., :3], pixels[..., :3]) < 25


@pytest.mark.parametrize("channels", [3, 4])
def test_metadata_comes_back_bit_for_bit(channels: int) -> None:
    pixels = cut_out()[..., :channels]
    stream = pauca.encode(pixels, metadata=CARRIED)
    assert types(stream) == ("IiemD" if channels == 3 else "IiemAD")
    picture = pauca.decode_picture(stream)
    assert picture.metadata == CARRIED
    np.testing.assert_array_equal(picture.pixels, pauca.decode(pauca.encode(pixels)))


def test_what_a_file_carries_is_kept_replaced_or_left_out() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(photo(40, 56)).save(file, "PNG", exif=exif, icc_profile=b"profile" * 20)

    def encoded(**options: object) -> bytes:
        file.seek(0)
        return pauca.encode(file, **options)  # type: ignore[arg-type]

    picture = pauca.decode_picture(encoded())
    assert picture.metadata.icc == b"profile" * 20
    assert picture.metadata.exif == exif.tobytes()[6:]
    assert picture.pixels.shape == (40, 56, 3)  # samples as they are stored, EXIF turns them
    bare = pauca.decode_picture(encoded(metadata=pauca.Metadata()))
    assert bare.metadata == pauca.Metadata()
    assert bare.pixels.shape == (56, 40, 3)
    assert encoded(metadata=pauca.Metadata()) == pauca.encode(np.rot90(photo(40, 56), -1))


def chunks_of(stream: bytes) -> dict[str, Chunk]:
    return {chunk.type: chunk for chunk in scan_stream(stream, Limits())}


def test_order_and_number_of_chunks_are_checked() -> None:
    chunk = chunks_of(pauca.encode(cut_out(), metadata=CARRIED))
    for order in ("IDA", "IAAD", "IADD", "IA", "IiiAD"):
        with pytest.raises(FormatError):
            pauca.decode(encode_stream([chunk[type] for type in order]))
    # A reader takes metadata from behind the payload too.
    assert pauca.decode_picture(encode_stream([chunk[t] for t in "IADmei"])).metadata == CARRIED


def test_damaged_alpha_and_metadata_are_named() -> None:
    chunk = chunks_of(pauca.encode(cut_out(), metadata=CARRIED))
    for type, payload, error in [
        ("A", b"\0", FormatError),
        ("A", b"\7", UnsupportedError),
        ("e", b"\1\7abc", FormatError),
        ("i", b"\1\xff\xff\xff\x7fabc", LimitError),
    ]:
        bad = {**chunk, type: Chunk(type, payload)}
        with pytest.raises(error):
            pauca.decode(encode_stream(list(bad.values())))


def test_any_damage_is_a_named_error() -> None:
    stream = pauca.encode(cut_out(), metadata=CARRIED)
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(stream)
        damaged[rng.integers(len(stream))] ^= 1 << rng.integers(8)
        with pytest.raises(PaucaError):
            pauca.decode(damaged)


def test_old_readers_refuse_alpha_and_skip_metadata() -> None:
    stream = pauca.encode(cut_out(), metadata=CARRIED)
    with pytest.raises(UnsupportedError, match="'A'"):
        decode_stream(stream, ("I", "D"))
    stream = pauca.encode(cut_out()[..., :3], metadata=CARRIED)
    assert [chunk.type for chunk in decode_stream(stream, ("I", "D"))] == ["I", "D"]
