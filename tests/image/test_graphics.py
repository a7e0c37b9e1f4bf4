"""Graphics in pictures: without loss where the encoder finds them, and as the format defines."""

from dataclasses import replace

import numpy as np
import pytest
from image.photos import photo
from image.screens import PHOTO_AT, PHOTO_SIZE, Pixels, mixed, screen, text_only

import pauca
from pauca import decode, encode
from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.container.headers import decode_image_header, encode_image_header
from pauca.errors import FormatError, InputError
from pauca.image.codec import encode_image
from pauca.image.coded import EncodeOptions
from pauca.image.graphics import (
    Canvas,
    decode_graphics,
    encode_graphics,
    reduced_means,
)
from pauca.image.parse import CODED
from pauca.image.window import Span, Window
from pauca.limits import Limits
from pauca.metrics.psnr import psnr

PACK = pauca.create_model("img-psnr")
INSIDE = tuple(
    slice(start + 32, start + side - 32) for start, side in zip(PHOTO_AT, PHOTO_SIZE, strict=True)
)


def types(stream: bytes) -> str:
    return "".join(chunk.type for chunk in pauca.info(stream).chunks)


@pytest.fixture(scope="module")
def coded() -> tuple[bytes, Pixels]:
    """A mixed stream and its whole picture."""
    stream = encode(mixed(), quality=80)
    assert types(stream) == "IGD"
    return stream, decode(stream)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("quality", [60, 90])
def test_a_screen_is_exact_and_smaller_than_learned(grey: bool, quality: float) -> None:
    pixels = np.ascontiguousarray(screen()[..., 1]) if grey else screen()
    stream, learned = (encode(pixels, quality=quality, content=c) for c in ("auto", "photo"))
    assert (types(stream), types(learned)) == ("IG", "ID")
    assert np.array_equal(decode(stream), pixels)
    assert not np.array_equal(decode(learned), pixels)
    assert len(stream) < len(learned)


def test_in_a_mixed_picture_text_is_exact_and_the_photograph_as_without(
    coded: tuple[bytes, Pixels],
) -> None:
    pixels = mixed()
    stream, picture = coded
    mask = text_only(pixels)
    assert np.array_equal(picture[mask], pixels[mask])
    learned = encode(pixels, quality=80, content="photo")
    without = decode(learned)
    assert not np.array_equal(without[mask], pixels[mask])
    assert abs(psnr(picture[INSIDE], pixels[INSIDE]) - psnr(without[INSIDE], pixels[INSIDE])) < 0.5
    assert len(stream) < len(learned)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "camera"])
def test_photographs_are_coded_as_if_there_were_no_graphics(name: str) -> None:
    data = pytest.importorskip("skimage.data")
    pixels = np.ascontiguousarray(getattr(data, name)()[:250, :300])
    assert encode(pixels, quality=40) == encode_image(pixels, PACK, EncodeOptions(40))


def test_large_shares_of_bytes_are_not_spent_on_lossless_gradients() -> None:
    # Drawn, but shaded with noise: lossless coding takes many times what the learned codec takes.
    rng = np.random.default_rng(0)
    shade = np.linspace(60, 200, 256)[:, None] + rng.normal(0, 2, (256, 256))
    pixels = np.repeat(shade.clip(0, 255).astype(np.uint8)[..., None], 3, 2)
    lossless = encode(pixels, quality=30, content="graphics")
    assert len(encode(pixels, quality=30)) < len(lossless) / 3


@pytest.mark.parametrize("region", [(0, 0, 480, 384), (5, 7, 100, 90), (140, 110, 77, 66)])
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_regions_are_what_they_are_in_the_whole(
    coded: tuple[bytes, Pixels], region: tuple[int, int, int, int], scale: int
) -> None:
    left, top, width, height = region
    rows = slice(top // scale, -(-(top + height) // scale))
    columns = slice(left // scale, -(-(left + width) // scale))
    for stream in (coded[0], encode(screen(), content="graphics")):
        whole = decode(stream, scale=scale)
        assert np.array_equal(decode(stream, scale=scale, region=region), whole[rows, columns])


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("grey", [False, True])
def test_small_graphics_are_means(coded: tuple[bytes, Pixels], scale: int, grey: bool) -> None:
    pixels = screen(317, 451)
    pixels = np.ascontiguousarray(pixels[..., 0]) if grey else pixels
    small = decode(encode(pixels, content="graphics"), scale=scale)
    assert np.array_equal(small, reduced_means(pixels, scale))
    stream, picture = coded
    means = reduced_means(picture, scale)
    mask = text_only(picture)[::scale, ::scale]
    assert np.array_equal(decode(stream, scale=scale)[mask], means[mask])


@pytest.mark.parametrize("scale", [1, 2, 8])
@pytest.mark.parametrize("grey", [False, True])
def test_parts_have_no_seams(scale: int, grey: bool) -> None:
    pixels = screen(200, 333)
    pixels = np.ascontiguousarray(pixels[..., 0]) if grey else pixels
    blocks = np.random.default_rng(1).random((13, 21)) < 0.4  # of 16 x 16 pixels
    payload = encode_graphics(pixels, blocks, 16, part_log=6)
    graphics = decode_graphics(payload, (200, 333), Limits())
    assert len(graphics.parts) == 4 * 6
    whole = Window(Span(0, 200), Span(0, 333)).shrink(scale)
    canvas = Canvas(graphics, 1 if grey else 3, scale, whole)
    under = np.full_like(reduced_means(pixels, scale), 7)
    cuts = [0, 3, 25] if scale == 8 else [0, 9, 80, whole.rows.stop]
    rows = [
        canvas.paint(under[a:b], a) for a, b in zip(cuts, cuts[1:], strict=False)
    ]  # as a walk gives them
    mask = np.repeat(np.repeat(blocks, 16, 0), 16, 1)[:200:scale, :333:scale]
    mask = mask if grey else mask[..., None]
    expected = np.where(mask, reduced_means(pixels, scale), 7)
    assert np.array_equal(np.concatenate(rows), expected)


@pytest.mark.parametrize("tile", [0, 128])
def test_tiles_threads_and_the_beginning_of_a_stream(tile: int) -> None:
    stream = encode(mixed(), tile=tile, threads=1)
    assert encode(mixed(), tile=tile, threads=2) == stream
    assert set(types(stream)) == set("IGP" if tile else "IGD")
    assert np.array_equal(decode(stream, threads=1), decode(stream, threads=2))
    assert np.array_equal(decode(stream[:-40], scale=8), decode(stream, scale=8))
    with pytest.raises(FormatError):
        decode(encode(screen())[:-40], scale=8)


def test_alpha_and_metadata_go_along() -> None:
    alpha = np.full((384, 480), 255, np.uint8)
    alpha[40:200, 100:300] = 0
    metadata = pauca.Metadata(exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    for pixels, expected in ((screen(), "eAG"), (mixed(), "eAGD")):
        stream = encode(np.dstack([pixels, alpha]), metadata=metadata, quality=60)
        assert types(stream) == "I" + expected
        picture = pauca.decode_picture(stream)
        assert picture.metadata == metadata
        assert np.array_equal(picture.pixels[..., 3], alpha)
        seen = (alpha > 0) & text_only(pixels)
        if expected.endswith("D"):  # blocks that are partly hidden may be learned
            seen[:232, 64:332] = False
        assert np.array_equal(picture.pixels[seen][:, :3], pixels[seen])
    grey = np.dstack([screen()[..., 1], alpha])
    small = decode(encode(grey, content="graphics"), scale=2, region=(0, 0, 80, 80))
    assert small.shape == (40, 40, 2)
    assert np.array_equal(small[..., 0], reduced_means(grey[:80, :80, 0], 2))


def test_hidden_colours_can_be_kept() -> None:
    pixels = np.dstack([screen(), np.zeros((384, 480), np.uint8)])
    stream = encode(pixels, content="graphics", keep_hidden=True)
    assert np.array_equal(decode(stream), pixels)
    assert len(encode(pixels, content="graphics")) < len(stream) / 10


def test_fidelity_and_targets() -> None:
    stated = pauca.info(encode(screen(), fidelity=True)).fidelity
    assert stated and stated.psnr == np.inf and stated.ms_ssim == 1
    stream = encode(mixed(), quality=80, fidelity=True)
    stated = pauca.info(stream).fidelity
    assert stated and 0 <= psnr(mixed(), decode(stream)) - stated.psnr < 0.01
    lossless = len(encode(screen(), content="graphics"))
    assert np.array_equal(decode(encode(screen(), target_size=lossless)), screen())
    within = encode(screen(), target_size=lossless // 8)
    assert len(within) <= lossless // 8 and types(within) == "ID"
    with pytest.raises(InputError, match="without loss"):
        encode(screen(), target_size=lossless - 1, content="graphics")
    within = encode(mixed(), target_size=40000)
    assert len(within) <= 40000
    learned = encode(mixed(), target_size=40000, content="photo")
    assert psnr(mixed(), decode(within)) > psnr(mixed(), decode(learned))
    assert np.array_equal(decode(encode(screen(), min_psnr=70)), screen())
    enough = encode(mixed(), min_psnr=43)
    assert psnr(mixed(), decode(enough)) >= 43
    assert len(enough) < len(encode(mixed(), min_psnr=43, content="photo"))


def test_any_picture_can_be_lossless() -> None:
    for pixels in (photo(70, 90), photo(33, 1, grey=True), np.full((1, 1, 3), 9, np.uint8)):
        stream = encode(pixels, content="graphics")
        assert pauca.info(stream).content == "graphics"
        assert np.array_equal(decode(stream), pixels)
    with pytest.raises(InputError, match="auto, photo, graphics"):
        encode(photo(8, 8), content="drawing")


def test_graphics_need_no_pack() -> None:
    chunks = [Chunk(c.type, bytes(c.payload)) for c in decode_stream(encode(screen()), CODED)]
    header = replace(decode_image_header(chunks[0].payload), pack_id=b"unknown!")
    foreign = encode_stream([Chunk("I", encode_image_header(header)), chunks[1]])
    assert np.array_equal(decode(foreign), screen())
