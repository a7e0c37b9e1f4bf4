"""The post-filter's integers: tiles join without seams, colours come back."""

import numpy as np
import pytest
from image.photos import photo

from pauca import create_model
from pauca.errors import InputError
from pauca.image import filters, layout
from pauca.image.networks import Networks
from pauca.image.post import rgb_from_planes
from pauca.image.window import Span, Window
from pauca.pixels.colour import grey_from_rgb, ycc_from_rgb

PACK = create_model("img-psnr")


def test_pieces_join_without_seams() -> None:
    rng = np.random.default_rng(1)
    planes = rng.integers(-2000, 2000, (3, 256, 384), dtype=np.int32)
    channels = dict(PACK.programs["post"].inputs)["features"]
    features = rng.integers(0, 256, (64, 96, channels), dtype=np.uint8)
    networks = Networks(PACK, "native", 2)
    whole = filters.heads(networks, "post", planes, features, 160)
    for own in (Window(Span(10, 40), Span(0, 50)), Window(Span(20, 64), Span(33, 96))):
        seen = own.grow(networks.reach("post"), (64, 96))
        rows, columns = (slice(4 * side.start, 4 * side.stop) for side in seen)
        cells = features[seen.rows.start : seen.rows.stop, seen.columns.start : seen.columns.stop]
        part = filters.heads(networks, "post", planes[:, rows, columns], cells, 160)
        own_rows, own_columns = (slice(*side) for side in own)
        assert np.array_equal(part[own.within(seen)], whole[own_rows, own_columns])


@pytest.mark.parametrize("size", [(1, 5), (128, 129), (700, 300)])
def test_pieces_cover_a_window(size: tuple[int, int]) -> None:
    window = Window(Span(3, 3 + size[0]), Span(8, 8 + size[1]))
    covered = np.zeros((720, 320), int)
    for rows, columns in filters.pieces(window):
        assert max(rows.stop - rows.start, columns.stop - columns.start) <= filters.TILE
        covered[rows.start : rows.stop, columns.start : columns.stop] += 1
    assert (covered[3 : 3 + size[0], 8 : 8 + size[1]] == 1).all()
    assert covered.sum() == size[0] * size[1]


@pytest.mark.parametrize("reach", [3000, np.iinfo(np.int32).max])
def test_kernels_equal_numpy(reach: int) -> None:
    rng = np.random.default_rng(3)
    large = rng.integers(-reach, reach, (3, 40, 52), dtype=np.int32, endpoint=True)
    planes = large[:, 4:-8, 8:-4]  # part of a larger array
    table = layout.compand_table()
    for reciprocal in (0, 900, (1 << 18) - 3):
        plain = filters.cell_inputs_plain(planes, reciprocal, table)
        assert np.array_equal(filters.cell_inputs(planes, reciprocal, table), plain)
    heads = rng.integers(-32768, 32767, (9, 14, 48), endpoint=True).astype(np.int16)
    head = heads[1:8, 2:12]
    for step in (1, 4000, 1 << 20):
        mended = planes + filters.from_head(head, step)
        low = np.zeros((3, 30, 44), np.int32)
        filters.mend(planes, head, step, low[:, 1:29, 3:43])
        assert np.array_equal(low[:, 1:29, 3:43], mended.clip(-(1 << 20), 1 << 20))
        rgb = np.zeros((30, 44, 3), np.uint8)
        filters.mend_to_rgb(planes, head, step, rgb[1:29, 3:43])
        assert np.array_equal(rgb[1:29, 3:43], rgb_from_planes(mended))
        assert not rgb[:, :3].any() and not rgb[29].any() and not low[:, 0].any()


def test_wrong_arrays_are_refused() -> None:
    planes, table = np.zeros((3, 8, 8), np.int32), layout.compand_table()
    head, rgb = np.zeros((2, 2, 48), np.int16), np.zeros((8, 8, 3), np.uint8)
    for call in (
        lambda: filters.cell_inputs(planes[:2], 9, table),
        lambda: filters.cell_inputs(planes[:, :6], 9, table),
        lambda: filters.cell_inputs(planes[:, :, ::2], 9, table),
        lambda: filters.cell_inputs(planes, -1, table),
        lambda: filters.cell_inputs(planes, 9, -table),
        lambda: filters.mend(planes, head[:1], 9, planes.copy()),
        lambda: filters.mend(planes, head, 9, planes[:, :4].copy()),
        lambda: filters.mend_to_rgb(planes, head[..., ::-1], 9, rgb),
        lambda: filters.mend_to_rgb(planes, head, 9, rgb[::-1][:4]),
        lambda: filters.mend_to_rgb(planes, head, 9, rgb[..., ::-1]),
    ):
        with pytest.raises(InputError):
            call()


def test_zero_residual_returns_the_picture() -> None:
    pixels = photo(64, 96)
    planes = np.rint(ycc_from_rgb(pixels) * 16).astype(np.int32)
    out = rgb_from_planes(planes + filters.from_head(np.zeros((16, 24, 48), np.int16), 256))
    assert np.abs(out.astype(int) - pixels).max() <= 1


def test_residual_counts_1_256_of_a_step() -> None:
    planes = np.zeros((3, 4, 4), np.int32)
    head = np.zeros((1, 1, 48), np.int16)
    head[0, 0, 5] = 256  # luma, row 1, column 1
    out = rgb_from_planes(planes + filters.from_head(head, 10 * 256))
    assert out[1, 1].tolist() == [138, 138, 138]
    assert np.delete(out.reshape(16, 3), 5, 0).tolist() == [[128, 128, 128]] * 15


def test_inputs_are_pixels_and_differences() -> None:
    planes = np.zeros((3, 4, 8), np.int32)
    planes[1, 2, 7] = 160
    table = np.arange(2048).clip(0, 127).astype(np.int8)
    out = filters.cell_inputs(planes, 1 << 15, table)
    assert out.shape == (1, 2, 96)
    assert out[0, 1, 16 + 4 * 2 + 3] == 10
    mean = (160 + 8) >> 4
    assert out[0, 1, 48 + 16 + 11] == min(160 - mean, 127)
    assert out[0, 1, 48 + 16] == -mean and not out[0, 0].any()


def test_grey_is_luma() -> None:
    rgb = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], np.uint8)
    assert grey_from_rgb(rgb).tolist() == [[255, 0, 76]]
