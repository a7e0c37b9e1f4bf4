"""What a stream states is what decoders give, and what it states falsely is found."""

from dataclasses import replace

import numpy as np
import pytest
from image.photos import photo

import pauca
from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.container.fidelity import Fidelity, decode_fidelity, encode_fidelity
from pauca.errors import InputError
from pauca.image.fidelity import check_size, fidelity_chunk, untrue
from pauca.metrics.compare import compare


@pytest.mark.parametrize(
    ("size", "grey"), [((200, 300), False), ((200, 300), True), ((5, 70), False), ((1, 1), False)]
)
def test_stated_is_what_decoding_gives(size: tuple[int, int], grey: bool) -> None:
    pixels = photo(*size, grey=grey)
    stream = pauca.encode(pixels, quality=40, fidelity=True)
    found = compare(pixels, pauca.decode(stream))
    stated = pauca.info(stream).fidelity
    assert stated
    assert 0 <= found.psnr - stated.psnr < 0.01
    assert 0 <= found.tile_psnr - stated.tile_psnr < 0.01
    assert 0 <= found.ms_ssim - stated.ms_ssim < 1e-6
    assert stated.tile == found.tile
    assert untrue(stated, found, pixels, pauca.decode(stream)) is None


def test_statement_costs_17_bytes_and_nothing_else() -> None:
    pixels = photo(64, 64)
    plain, stating = pauca.encode(pixels), pauca.encode(pixels, fidelity=True)
    assert len(stating) - len(plain) == 17
    assert [c.type for c in pauca.info(stating).chunks] == ["I", "f", "D"]
    assert np.array_equal(pauca.decode(plain), pauca.decode(stating))


def test_every_false_figure_is_found() -> None:
    pixels = photo(200, 200)
    decoded = pauca.decode(pauca.encode(pixels, quality=40))
    found = compare(pixels, decoded)
    true = Fidelity(found.psnr, found.ms_ssim, found.tile_psnr, found.tile)
    true = decode_fidelity(encode_fidelity(true), 200, 200)
    assert untrue(true, found, pixels, decoded) is None
    elsewhere = (0, 0) if found.tile != (0, 0) else (64, 64)
    for false, word in (
        (replace(true, psnr=true.psnr + 0.03), "PSNR"),
        (replace(true, psnr=true.psnr - 0.03), "PSNR"),
        (replace(true, psnr=np.inf), "PSNR inf"),
        (replace(true, ms_ssim=true.ms_ssim + 2e-5), "MS-SSIM"),
        (replace(true, tile_psnr=true.tile_psnr + 0.03), "worst tile"),
        (replace(true, tile=elsewhere), f"tile at {elsewhere}"),
    ):
        assert word in (untrue(false, found, pixels, decoded) or "")


def test_equal_pictures_are_stated_as_such() -> None:
    pixels = photo(80, 80)
    found = compare(pixels, pixels)
    stated = decode_fidelity(fidelity_chunk(found).payload, 80, 80)
    assert stated == Fidelity(np.inf, 1.0, np.inf, (0, 0))
    assert untrue(stated, found, pixels, pixels) is None
    assert untrue(replace(stated, psnr=60.0, tile_psnr=60.0), found, pixels, pixels)


def test_decoders_do_not_care_what_is_stated() -> None:
    stream = pauca.encode(photo(64, 64))
    header, data = (Chunk(c.type, bytes(c.payload)) for c in decode_stream(stream, ("I", "D")))
    for hostile in (b"", bytes(11), b"\xff" * 11, bytes(10**5)):
        forged = encode_stream([header, Chunk("f", hostile), data, Chunk("f", hostile)])
        assert np.array_equal(pauca.decode(forged), pauca.decode(stream))
        with pytest.raises(pauca.FormatError):
            pauca.info(forged)


def test_sides_beyond_the_tiles_are_refused() -> None:
    check_size(np.broadcast_to(np.uint8(0), (1, 2**22)))
    with pytest.raises(InputError, match="4194304"):
        check_size(np.broadcast_to(np.uint8(0), (2**22 + 1, 1)))
