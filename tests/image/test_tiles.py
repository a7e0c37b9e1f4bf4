"""Tiles, regions and scales: a matter of memory and of what is asked for, not of the picture."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from image.photos import photo
from image.plain_walk import plain_walk
from numpy.typing import NDArray

from pauca import create_model, decode, encode, list_models
from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.errors import FormatError, InputError, PaucaError, TruncatedError
from pauca.image.analysis import Analysis
from pauca.image.codec import PictureEncoder, decode_image, encode_image
from pauca.image.coded import EncodeOptions
from pauca.image.networks import Networks
from pauca.image.parse import CODED, decoder_of, parse_chunks
from pauca.image.tiling import decode_tiled, encode_tiled, tile_cells
from pauca.image.window import Span, Window
from pauca.limits import Limits

SPEC = Path(__file__).parents[2] / "spec"
PACK = create_model("img-psnr")
SIZE = (280, 421)
PADDED = (384, 512)


@pytest.fixture(scope="module", params=[0, 128])
def coded(request: pytest.FixtureRequest) -> tuple[bytes, NDArray[np.uint8]]:
    """A stream without tiles or with 4 x 3 at the finest level, and its picture by whole planes."""
    pixels = photo(*SIZE)
    stream = encode_image(pixels, PACK, EncodeOptions(45, 3, 1, tile=request.param))
    header, payload = parse_chunks(decode_stream(stream, CODED), Limits())
    decoder = decoder_of(payload, PACK, PADDED)
    rgb = plain_walk(Networks(PACK, "native", 1), PADDED, header.quality, decoder)
    return stream, rgb[: SIZE[0], : SIZE[1]]


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_of_tiles_give_what_whole_planes_give(
    coded: tuple[bytes, NDArray[np.uint8]], threads: int
) -> None:
    stream, picture = coded
    assert np.array_equal(decode_image(stream, threads=threads), picture)


@pytest.mark.parametrize("tile", [0, 128])
def test_threads_and_reconstruction_are_those_of_the_stream(tile: int) -> None:
    pixels = photo(*SIZE)
    streams = {encode_image(pixels, PACK, EncodeOptions(45, 3, n, tile=tile)) for n in (1, 2)}
    assert len(streams) == 1
    encoder = PictureEncoder(pixels, PACK, EncodeOptions(tile=tile))
    coded, seen = encoder.encode_and_decode(180)
    assert coded.stream() in streams
    assert np.array_equal(seen, decode(coded.stream()))


def test_tiles_go_by_area_and_width() -> None:
    sizes = {(2048, 2048): 0, (2048, 2176): 256, (16384, 8192): 256, (512, 16384): 128}
    for size, cells in sizes.items():
        assert tile_cells(None, size) == cells
        assert tile_cells(0, size) == 0 and tile_cells(2048, size) == 512


def test_tiles_cost_little() -> None:
    pixels = photo(*SIZE)
    whole, tiled = (encode(pixels, tile=tile) for tile in (0, 128))
    # The smallest tiles, a sixteenth of the area of the default ones in 1/64 of it each.
    assert len(whole) < len(tiled) < 1.04 * len(whole)


@pytest.mark.parametrize("region", [(100, 50, 200, 120), (420, 279, 1, 1), (0, 0, 421, 280)])
def test_a_region_is_what_it_is_in_the_whole(
    coded: tuple[bytes, NDArray[np.uint8]], region: tuple[int, int, int, int]
) -> None:
    stream, picture = coded
    left, top, width, height = region
    found = decode(stream, region=region)
    assert np.array_equal(found, picture[top : top + height, left : left + width])


def test_a_region_decodes_the_tiles_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    from pauca.image import symbols

    opened: list[tuple[int, int]] = []
    real = symbols.TiledDecoder.tile

    def tile(self: symbols.TiledDecoder, level: int, number: int, window: Window) -> object:
        opened.append((level, number))
        return real(self, level, number, window)

    stream = encode(photo(*SIZE), tile=128)
    monkeypatch.setattr(symbols.TiledDecoder, "tile", tile)
    decode(stream, region=(10, 10, 20, 20), threads=1)
    assert [number for level, number in opened if level == 1] == [0]
    opened.clear()
    decode(stream, threads=1)
    assert sorted(number for level, number in opened if level == 1) == list(range(12))


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_a_scale_is_a_smaller_picture(coded: tuple[bytes, NDArray[np.uint8]], scale: int) -> None:
    stream, picture = coded
    small = decode(stream, scale=scale)
    height, width = (-(-side // scale) for side in SIZE)
    assert small.shape == (height, width, 3)
    full = picture[: SIZE[0] // scale * scale, : SIZE[1] // scale * scale].astype(float)
    means = full.reshape(SIZE[0] // scale, scale, SIZE[1] // scale, scale, 3).mean((1, 3))
    error = small[: means.shape[0], : means.shape[1]] - means
    # Samples stand at the corner of the squares, and are sharper than their means.
    assert abs(error.mean()) < 1 and np.sqrt((error**2).mean()) < 16
    region = (64, 32, 129, 100)
    part = decode(stream, scale=scale, region=region)
    rows = slice(32 // scale, -(-132 // scale))
    assert np.array_equal(part, small[rows, 64 // scale : -(-193 // scale)])


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_a_scale_keeps_the_colour(scale: int) -> None:
    pixels = np.full((200, 300, 3), (200, 90, 20), np.uint8)
    error = decode(encode(pixels, quality=90), scale=scale).astype(int) - pixels[0, 0]
    assert np.abs(error).max() <= 2  # the gain of the wavelet is taken out


def test_the_beginning_of_a_stream_has_the_small_pictures(
    coded: tuple[bytes, NDArray[np.uint8]],
) -> None:
    stream, _ = coded
    for scale, share in ((2, 0.82), (4, 0.55), (8, 0.33)):
        cut = stream[: int(len(stream) * share)]
        assert np.array_equal(decode(cut, scale=scale), decode(stream, scale=scale))
        with pytest.raises(TruncatedError):
            decode(cut)
    for length in (0, 5, 20, 40, 60):
        with pytest.raises(FormatError):
            decode(stream[:length], scale=8)


def test_scales_of_alpha_and_grey() -> None:
    pixels = np.dstack([photo(130, 90, grey=True), np.zeros((130, 90), np.uint8)])
    pixels[:64, :, 1] = 200
    small = decode(encode(pixels), scale=8)
    assert small.shape == (17, 12, 2)
    assert (small[:8, :, 1] == 200).all() and not small[8:, :, 1].any()
    part = decode(encode(pixels), region=(3, 60, 10, 8))
    assert part[:, 0, 1].tolist() == [200] * 4 + [0] * 4


def test_analysis_by_rows_is_that_of_the_whole() -> None:
    pixels = photo(*SIZE)
    networks = Networks(PACK, "native", 1)
    whole, rows = (Analysis(pixels, PADDED, networks, 200, whole=w) for w in (True, False))
    assert np.array_equal(whole.low_band, rows.low_band)
    for level in range(1, 7):
        side = PADDED[0] >> level, PADDED[1] >> level
        for part in Span(0, side[0]).tiles(64):
            window = Window(part, Span(0, side[1]))
            assert np.array_equal(whole.bands(level, window), rows.bands(level, window))
            window = Window(part, Span(side[1] // 4, side[1] // 2))
            assert np.array_equal(whole.bands(level, window), rows.bands(level, window))


def test_wrong_views_and_tiles_are_refused() -> None:
    stream = encode(photo(40, 50))
    for options in (
        {"scale": 3},
        {"scale": 0},
        {"region": (0, 0, 51, 40)},
        {"region": (50, 0, 1, 1)},
        {"region": (0, 0, 0, 1)},
        {"region": (-1, 0, 5, 5)},
    ):
        with pytest.raises(InputError):
            decode(stream, **options)
    for tile in (64, 200, -1024, 1 << 20):
        with pytest.raises(InputError, match="tile"):
            encode(photo(40, 50), tile=tile)


@pytest.fixture(scope="module")
def twin() -> ModuleType:
    spec = importlib.util.spec_from_file_location("spec_decoder", SPEC / "decoder.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_twin_reads_the_tiles(twin: ModuleType) -> None:
    stream = encode(photo(*SIZE), tile=128)
    payloads = [bytes(c.payload) for c in decode_stream(stream, CODED) if c.type == "P"]
    tiled = decode_tiled(payloads, PADDED)
    assert [bytes(c.payload) for c in encode_tiled(tiled)] == payloads
    assert [len(level) for level in tiled.levels] == [1, 1, 1, 1, 4, 12]
    side, lowest, levels = twin.read_tiles(payloads, SIZE[1], SIZE[0])
    assert (side, lowest) == (tiled.tile_cells, tiled.lowest)
    assert levels == [[bytes(tile) for tile in level] for level in tiled.levels]


def test_damaged_tiles_are_named_errors(twin: ModuleType) -> None:
    header, *rest = decode_stream(encode(photo(200, 140), tile=128), CODED)
    parts = [bytes(chunk.payload) for chunk in rest]

    def stream(payloads: list[bytes]) -> bytes:
        chunks = [Chunk("P", payload) for payload in payloads]
        return encode_stream([Chunk("I", bytes(header.payload)), *chunks])

    assert decode(stream(parts)).shape == (200, 140, 3)
    for bad in (
        [],
        parts[:-1],
        [*parts, parts[-1]],
        [b"", *parts[1:]],
        [b"\x04" + parts[0][1:], *parts[1:]],
        [b"\x10" + parts[0][1:], *parts[1:]],
        [*parts[:-1], b""],
        [*parts[:-1], parts[-1] + b"\0"],
        [*parts[:-1], parts[-1][:-1]],
        [*parts[:-1], b"\xff" * 8 + parts[-1]],
        [*parts[:5], parts[6], parts[5]],
        [parts[0][:-2], *parts[1:]],
    ):
        with pytest.raises(FormatError):
            decode(stream(bad))
    for bad in (parts[:-1], [b"\x10" + parts[0][1:], *parts[1:]], [*parts[:-1], b""]):
        with pytest.raises(twin.Bad):
            twin.read_tiles(bad, 140, 200)
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(60):
        which = int(rng.integers(len(parts)))
        data = bytearray(parts[which])
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            decode(stream([*parts[:which], bytes(data), *parts[which + 1 :]]))
            outcomes.add("picture")
        except PaucaError as error:
            assert isinstance(error, FormatError)
            outcomes.add("error")
    assert "error" in outcomes


PEAK = """
import sys
import numpy as np
import pauca
from pauca.image.codec import encode_image
from pauca.image.coded import EncodeOptions
rng = np.random.default_rng(0)
small = rng.integers(0, 256, (512, 16, 3)).astype(np.uint8)
pixels = np.repeat(np.repeat(small, 16, 0), 16, 1)  # 8192 x 256
stream = pauca.encode(pixels, quality=10, tile=int(sys.argv[1]), threads=1, content="photo")
if sys.argv[2] == "decode":
    assert pauca.decode(stream, threads=1).shape == pixels.shape
status = open("/proc/self/status").read()
print(status.split("VmHWM:")[1].split()[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_does_not_grow_with_the_height() -> None:
    def peak(*args: str) -> int:
        done = subprocess.run([sys.executable, "-c", PEAK, *args], capture_output=True, check=True)
        return int(done.stdout) // 1024

    tiled, whole = peak("128", "decode"), peak("0", "decode")
    assert tiled < whole - 30, (tiled, whole)


@pytest.mark.parametrize(
    "name", sorted(json.loads((SPEC / "vectors/image/expected.json").read_text()))
)
def test_older_streams_give_the_same_pixels(name: str) -> None:
    expected = json.loads((SPEC / "vectors/image/expected.json").read_text())[name]
    if expected["pack_id"] not in {p.pack_id.hex() for p in list_models("img-*")}:
        pytest.skip(f"pack {expected['pack_id']} is not shipped")
    pixels = decode((SPEC / f"vectors/image/{name}.pauca").read_bytes())
    assert list(pixels.shape) == expected["shape"]
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == expected["sha256"]
