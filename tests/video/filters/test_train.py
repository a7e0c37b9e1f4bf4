"""Training on real encodes, resuming, export, and the commands for it."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("av")

from pauca.cli.main import main  # noqa: E402
from pauca.errors import InputError  # noqa: E402
from pauca.video.filters import load_filter  # noqa: E402
from pauca.video.filters.data import batches, load_set, make_set  # noqa: E402
from pauca.video.filters.model import SIZES, FilterConfig, FilterModel  # noqa: E402
from pauca.video.filters.train import FilterTrainConfig, evaluate, loss_of, train  # noqa: E402

from .packs import photo_planes  # noqa: E402

SMALL = FilterConfig(channels=8, blocks=1, features=8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
    Image.fromarray(data.coffee()).save(folder / "coffee.png")
    return folder


@pytest.fixture(scope="module")
def pairs(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    assert make_set([], [photos], folder, 1) == 5
    return folder


def test_a_set_is_worse_than_its_originals_and_in_place(pairs: Path) -> None:
    sequences = load_set(pairs, 1)
    assert {s.codec for s in sequences} == {"h264", "hevc", "av1"}
    for s in sequences:
        for a, b in zip(s.decoded, s.original, strict=True):
            assert a.shape == b.shape
            error = np.abs(a.astype(int) - b).mean()
            assert 0.05 < error < 12
    with pytest.raises(InputError, match="scale"):
        load_set(pairs, 2)
    with pytest.raises(InputError, match="no coded"):
        load_set(pairs / "nowhere", 1)


def test_a_set_of_half_size(photos: Path, tmp_path: Path) -> None:
    assert make_set([], [photos / "coffee.png"], tmp_path, 2) == 2
    for s in load_set(tmp_path, 2):
        assert s.original[0].shape[2] == 2 * s.decoded[0].shape[2]
        halved = s.original[0][0].reshape(128, 2, 224, 2).mean((1, 3))
        assert np.abs(halved - s.decoded[0][0]).mean() < 12


def test_a_set_is_completed_not_made_again(photos: Path, pairs: Path) -> None:
    times = {p.name: p.stat().st_mtime_ns for p in pairs.glob("*.npz")}
    gone = sorted(times)[0]
    (pairs / gone).unlink()
    assert make_set([], [photos], pairs, 1) == len(times)
    after = {p.name: p.stat().st_mtime_ns for p in pairs.glob("*.npz")}
    assert {n for n in times if after[n] != times[n]} == {gone}


def test_crops_of_chroma_lie_under_those_of_luma() -> None:
    from pauca.video.filters.data import Sequence420

    ramp = np.add.outer(np.arange(64), 2 * np.arange(96)).astype(np.uint8)[None]
    small = ramp[:, ::2, ::2]
    s = Sequence420((ramp, small, small), (ramp, small, small), "h264", 30)
    batch = next(batches([s], 1, 16, 2, 4, 0))
    # Turned and flipped alike: chroma is every second sample of luma, from whichever corner.
    for n in range(8):
        luma, chroma = batch.decoded[0][n, 0], batch.decoded[1][n, 0]
        corners = [luma[i::2, j::2] for i in (0, 1) for j in (0, 1)]
        assert any(np.array_equal(chroma, c) for c in corners)


def test_macs_stay_under_two_gflops() -> None:
    for config in SIZES.values():
        assert 0.8e9 < config.macs * 640 * 360 < 1e9
    with pytest.raises(InputError):
        FilterConfig(scale=3)


def test_a_head_of_zeros_loses_nothing_and_a_fitted_one_gains(pairs: Path) -> None:
    torch.manual_seed(0)
    model = FilterModel(SMALL)
    batch = next(batches(load_set(pairs, 1), 1, 48, 2, 6, 0))
    assert 0.4 < float(loss_of(model, batch).detach()) < 2.5  # around 1.3: errors as they are
    gains = evaluate(model, load_set(pairs, 1)[:3], 1)
    assert gains["plain_y"] == gains["plain_u"] == 0
    assert gains["fitted_y"] > 0.02


def test_trains_resumes_exports_and_filters(photos: Path, pairs: Path, tmp_path: Path) -> None:
    def config(hours: float) -> FilterTrainConfig:
        return FilterTrainConfig(
            (), tmp_path / "run", hours=hours, sizes=SMALL, groups=2, each=4, size=32, pairs=pairs,
            threads=1, lr=1e-2, exact_from=0.5,
        )  # fmt: skip

    train(config(3 / 3600))
    path = train(config(6 / 3600))
    state = torch.load(path, weights_only=True)
    assert state["seconds"] >= 6 and state["step"] > 3
    arguments = [
        "export", "video-filter", str(path), "-o", str(tmp_path / "pack"), "--name", "mine",
    ]  # fmt: skip
    assert main(arguments) == 0
    filter = load_filter(tmp_path / "pack")
    model = FilterModel(SMALL)
    model.load_state_dict(state["ema"])
    assert float(model.head.weight.detach().abs().max()) > 0
    mended = filter.apply(*photo_planes(40, 40), qp=30)
    assert np.abs(mended[0].astype(int) - photo_planes(40, 40)[0]).mean() < 8
    gains = evaluate(model, load_set(pairs, 1)[:2], 1)
    assert set(gains) == {f"{k}_{p}" for k in ("plain", "fitted") for p in "yuv"}
    assert all(np.isfinite(v) for v in gains.values())


def test_commands_say_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "video-filter", "--help"]) == 0
    assert "--clips" in capsys.readouterr().out
    run = ["train", "video-filter", "--out", str(tmp_path)]
    assert main([*run, "-m", "vf-none"]) == 1
    assert "vf-restore" in capsys.readouterr().err
    assert main([*run, "--sizes", '{"scale": 5}']) == 1
    assert main([*run]) == 1  # nothing to learn from
    assert "no coded sequences" in capsys.readouterr().err
    assert main([*run, "--size", "31"]) == 1
