"""PNG written row by row is the picture, and carries what Pillow would."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pauca.container.metadata import Metadata
from pauca.pixels.files import encode_picture, read_picture
from pauca.pixels.png import ancillary_chunks, filtered, write_png
from pauca.pixels.rows import ImageRows


def picture(height: int, width: int, grey: bool) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(0).integers(0, 9, (height, width))
    planes = [(3 * x + y + noise) % 256, (x * y // 7) % 256, (y + noise) % 256]
    return np.stack(planes[:1] if grey else planes, 2).astype(np.uint8).squeeze(2 if grey else ())


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (200, 31), (65, 300)])
def test_any_cut_of_rows_gives_the_picture(size: tuple[int, int], grey: bool) -> None:
    pixels = picture(*size, grey)
    files = []
    for step in (1, 7, 64, 500):
        file = io.BytesIO()
        rows = (pixels[top : top + step] for top in range(0, size[0], step))
        write_png(file, rows, (*size, 1 if grey else 3))
        assert np.array_equal(np.asarray(Image.open(file)), pixels)
        files.append(len(file.getvalue()))
    usual = len(encode_picture(pixels, ".png"))
    assert max(files) < 1.1 * usual + 100


def test_filters_are_undone_by_their_definition() -> None:
    rows = picture(20, 11, False).reshape(20, -1)
    above = np.full((1, rows.shape[1]), 77, np.uint8)
    out = filtered(rows, above, 3)
    assert set(out[:, 0]) <= {1, 2, 4}
    (up, *_) = np.flatnonzero(out[:, 0] == 2)
    before = rows[up - 1] if up else above[0]
    assert np.array_equal(out[up, 1:], rows[up] - before)


def test_metadata_goes_along() -> None:
    metadata = Metadata(b"profile" * 30, b"II*\0\x08\0\0\0\0\0\0\0\0\0", b"<x:xmpmeta/>")
    donor = encode_picture(np.zeros((1, 1), np.uint8), ".png", metadata=metadata)
    pixels, file = picture(9, 8, False), io.BytesIO()
    write_png(file, [pixels], (9, 8, 3), ancillary_chunks(donor))
    read = read_picture(io.BytesIO(file.getvalue()))
    assert np.array_equal(read.pixels, pixels)
    assert read.metadata == metadata


@pytest.mark.parametrize("grey", [False, True])
def test_rows_of_an_image_are_those_of_its_array(grey: bool) -> None:
    pixels = picture(30, 20, grey)
    rows = ImageRows(Image.fromarray(pixels))
    assert rows.shape == pixels.shape and rows.ndim == pixels.ndim
    for part in (slice(0, 30), slice(7, 9), slice(29, None)):
        assert np.array_equal(rows[part], pixels[part])
    assert np.array_equal(rows[3:9, 4:11], pixels[3:9, 4:11])
    assert np.array_equal(np.asarray(rows), pixels)


def test_large_files_are_read_as_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    from pauca.pixels import rows

    monkeypatch.setattr(rows, "LARGE", 100)
    pixels = picture(30, 20, False)
    file = encode_picture(pixels, ".png")
    assert isinstance(read_picture(io.BytesIO(file)).pixels, np.ndarray)
    read = read_picture(io.BytesIO(file), as_rows=True).pixels
    assert isinstance(read, ImageRows) and np.array_equal(read[3:30], pixels[3:30])
