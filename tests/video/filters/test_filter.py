"""Filters on frames of every size; tiles, threads and runtimes change no bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pauca import _core
from pauca.errors import InputError, PackError
from pauca.pack.filters import load_filter_pack
from pauca.pack.intnet import run_plain
from pauca.video.filters import Filter, load_filter
from pauca.video.filters.cells import side_channels

from .packs import photo_planes, random_filter, write_random_pack


@pytest.fixture(scope="module", params=[1, 2])
def filter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Filter:
    return random_filter(tmp_path_factory.mktemp("pack"), request.param)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 5), (64, 50), (33, 48)])
def test_any_size(filter: Filter, size: tuple[int, int]) -> None:
    planes = photo_planes(*size)
    mended = filter.apply(*planes, qp=30)
    h, w = (filter.scale * side for side in size)
    assert [p.shape for p in mended] == [(h, w)] + 2 * [((h + 1) // 2, (w + 1) // 2)]
    assert all(p.dtype == np.uint8 for p in mended)
    blocks = mended[0].reshape(size[0], filter.scale, size[1], filter.scale).mean((1, 3))
    error = np.abs(blocks - planes[0]).mean()
    assert 0 < error < 60  # disturbed, but it is the picture


def test_tiles_threads_and_runtimes_give_the_same_bits(filter: Filter) -> None:
    planes = photo_planes(75, 131)
    whole = replace(filter, tile=0).apply(*planes, qp=33, codec="hevc")
    for threads, tile, runtime in (
        (2, 0, "native"), (1, 16, "native"), (2, 64, "native"), (1, 34, "plain"),
        (1, 0, "onnxruntime"), (1, 0, "torch"),
    ):  # fmt: skip
        other = replace(filter, tile=tile, runtime=runtime, runners={})
        found = other.apply(*planes, qp=33, threads=threads, codec="hevc")
        for a, b in zip(found, whole, strict=True):
            assert np.array_equal(a, b), (threads, tile, runtime)


def test_a_frame_by_the_text_of_the_specification(tmp_path: Path) -> None:
    """Windows, network and rounding in plain numpy, border and all."""
    filter = random_filter(tmp_path)
    y, u, v = photo_planes(9, 12)
    m, cells = filter.pack.margin, (5, 6)
    full = np.pad(y, ((m, m + 1), (m, m)), mode="edge")
    chroma = [np.pad(p, m // 2, mode="edge") for p in (u, v)]
    windows = np.array(
        [
            [
                np.concatenate(
                    [full[2 * r : 2 * r + 2 + 2 * m, 2 * c : 2 * c + 2 + 2 * m].reshape(-1)]
                    + [p[r : r + 1 + m, c : c + 1 + m].reshape(-1) for p in chroma]
                    + [[0, 0, 0, 0, 4 * 40, 64]]
                )
                for c in range(cells[1])
            ]
            for r in range(cells[0])
        ]
    )
    program = filter.pack.program
    head = run_plain(program, filter.pack.layers, {program.inputs[0][0]: windows})["head"]
    residual = head[..., :4].reshape(*cells, 2, 2).transpose(0, 2, 1, 3).reshape(10, 12)[:9]
    expected = ((64 * y.astype(int) + residual + 32) >> 6).clip(0, 255)
    found = filter.apply(y, u, v, qp=40, codec="av1")
    assert np.array_equal(found[0], expected)
    assert np.array_equal(found[2], ((64 * v.astype(int) + head[..., 5] + 32) >> 6).clip(0, 255))


def test_the_model_in_torch_gives_the_same_bits(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from pauca.nets.integer import set_exact
    from pauca.video.filters.train import load_model

    filter = load_filter(write_random_pack(tmp_path, 2))
    model = load_model(tmp_path / "checkpoint.pt")
    set_exact(model, True)
    planes = photo_planes(32, 48)
    tensors = tuple(torch.from_numpy(p).float()[None, None] for p in planes)
    side = torch.from_numpy(side_channels("h264", 27)).float()[None]
    residual = model(tensors, side).detach()[:, 16:20]
    u = torch.nn.functional.pixel_shuffle(residual, 2)[0, 0].numpy()
    base = _core.upscale_interpolate(planes[1].astype(np.int16) * np.int16(16), 2, 1)
    expected = ((4 * base.astype(int) + 64 * u.astype(np.float64) + 32) // 64).clip(0, 255)
    assert np.array_equal(filter.apply(*planes, qp=27)[1], expected)


def test_setting_and_codec_matter(filter: Filter) -> None:
    planes = photo_planes(32, 32)
    found = {
        (c, q): filter.apply(*planes, q, 1, c)[0].tobytes()
        for c in ("h264", "av1")
        for q in (20, 40)
    }
    assert len(set(found.values())) == 4


def test_refused(filter: Filter, tmp_path: Path) -> None:
    y, u, v = photo_planes(16, 16)
    for bad in (
        (y.astype(np.uint16), u, v), (y, u[:-1], v), (y, u, v[:, :-1]), (y[:0], u, v), (y[0], u, v),
    ):  # fmt: skip
        with pytest.raises(InputError):
            filter.apply(*bad, qp=30)
    for qp, codec in ((64, "h264"), (-1, "hevc"), (30, "vp9")):
        with pytest.raises(InputError):
            filter.apply(y, u, v, qp, 1, codec)
    with pytest.raises(InputError, match="multiple of 2"):
        replace(filter, tile=13)
    with pytest.raises(PackError):
        load_filter("no-such-filter")
    with pytest.raises(PackError, match="0102030405060708"):
        load_filter(bytes(range(1, 9)))


def test_views_of_larger_arrays(filter: Filter) -> None:
    """Planes of a decoder have rows longer than the picture."""
    planes = photo_planes(20, 22)
    views = []
    for plane in planes:
        wide = np.full((plane.shape[0], plane.shape[1] + 11), 77, np.uint8)
        wide[:, : plane.shape[1]] = plane
        views.append(wide[:, : plane.shape[1]])
    for a, b in zip(filter.apply(*views, qp=30), filter.apply(*planes, qp=30), strict=True):
        assert np.array_equal(a, b)


def test_a_damaged_pack_is_named(tmp_path: Path) -> None:
    folder = write_random_pack(tmp_path)
    manifest = folder / "model.json"
    text = manifest.read_text()
    for change in (
        ('"filter"', '"sr"'), ('"scale": 1', '"scale": 3'), ('"margin": 2', '"margin": 4'),
        ('"margin": 2', '"margin": true'),
    ):  # fmt: skip
        manifest.write_text(text.replace(*change))
        with pytest.raises(PackError):
            load_filter_pack(folder)
    manifest.write_text(text)
    arrays = folder / "arrays.levels"
    data = bytearray(arrays.read_bytes())
    data[len(data) // 2] ^= 1
    arrays.write_bytes(bytes(data))
    with pytest.raises(PackError, match="damaged"):
        load_filter_pack(folder)


def test_kernels_check_their_arguments() -> None:
    y, u, v = photo_planes(8, 8)
    side = np.zeros(6, np.uint8)
    assert _core.cells_windows(y, u, v, 2, side).shape == (4, 4, 60)
    for bad in (
        (y, u[:3], v, 2, side),
        (y, u, v, 3, side),
        (y, u, v, 10, side),
        (y[:, ::2], u, v, 2, side),
    ):
        with pytest.raises((ValueError, TypeError)):
            _core.cells_windows(*bad)
    residual = np.zeros((4, 4, 6), np.int16)
    assert np.array_equal(_core.cells_mend(y, 2, residual, 0), y)
    for fold, offset in ((3, 0), (2, 3), (1, 0), (2, 7)):
        with pytest.raises(ValueError):
            _core.cells_mend(y, fold, residual, offset)
    with pytest.raises(ValueError):
        _core.cells_mend_large(y.astype(np.int16), 4, residual, 0)
