"""Training learns, resumes, and what is exported computes what was trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
data = pytest.importorskip("skimage.data")

from pauca.errors import InputError  # noqa: E402
from pauca.nets.integer import set_exact  # noqa: E402
from pauca.nets.interpolate import bicubic  # noqa: E402
from pauca.pack.sr import load_sr_pack  # noqa: E402
from pauca.sr.export import export  # noqa: E402
from pauca.sr.model import SIZES, SrConfig, SrModel  # noqa: E402
from pauca.sr.train import SrTrainConfig, distance, load_model, train  # noqa: E402
from pauca.sr.upscale import Upscaler  # noqa: E402


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("coffee", "astronaut"):
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def checkpoint(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    config = SrTrainConfig(
        [photos], out, hours=10 / 3600, batch=4, size=32, threads=1, exact_from=0.5, lr=2e-3,
        ema=0.9, val=photos,
    )  # fmt: skip
    return train(config)


def test_learns_and_resumes(checkpoint: Path, photos: Path) -> None:
    first = torch.load(checkpoint, weights_only=True)
    log = (checkpoint.parent / "log.jsonl").read_text()
    assert first["step"] > 20 and "psnr_y" in log
    longer = SrTrainConfig(
        [photos], checkpoint.parent, hours=12 / 3600, batch=4, size=32, threads=1, val=photos
    )
    assert torch.load(train(longer), weights_only=True)["step"] > first["step"]


def test_exported_network_computes_what_was_trained(checkpoint: Path, tmp_path: Path) -> None:
    info = export(checkpoint, tmp_path / "pack", "mine", "1", "-")
    pack = load_sr_pack(info.path)
    model = load_model(checkpoint)
    set_exact(model, True)
    assert pack.macs == model.config.macs and pack.halo == model.config.halo - 2
    plane = data.camera()[100:164, 200:280].astype(np.int16) * 16
    found = Upscaler(pack).planes([plane])[0]
    with torch.no_grad():
        x = torch.from_numpy(plane.astype(np.float32) / 16)[None, None]
        wanted = model(x)[0, 0].numpy() * 16
        plain = bicubic(x, 2)[0, 0].numpy() * 16
    error = np.abs(found - wanted.clip(0, 4095))
    # The interpolation rounds, and so do biases: here and there an activation is one step off.
    assert error.mean() < 2.5 and error.max() < 32.0
    assert np.abs(found - plain).mean() > 1.0  # and the network has learned something


def test_named_sizes_keep_their_promises() -> None:
    pixels = 640 * 360
    assert SIZES["sr-x2-nano"].macs * pixels <= 1.0e9
    assert SIZES["sr-x2-small"].macs * pixels <= 12e9
    model = SrModel(SIZES["sr-x4-small"])
    assert model(torch.zeros(1, 1, 8, 12)).shape == (1, 1, 32, 48)


def test_untrained_is_bicubic() -> None:
    x = torch.rand(2, 3, 12, 8) * 255
    y = SrModel(SrConfig(fold=4, planes=3))(x)
    assert torch.allclose(y, bicubic(x, 2), atol=1e-4)
    theirs = torch.nn.functional.interpolate(x, scale_factor=2, mode="bicubic", antialias=True)
    assert torch.allclose(y[..., 6:-6, 6:-6], theirs[..., 6:-6, 6:-6], atol=1e-3)


def test_late_loss_counts_smooth_and_busy_crops_alike() -> None:
    errors = torch.ones(2, 1, 8, 8)
    errors[1] *= 40.0
    halved = [errors * torch.tensor([a, b]).view(2, 1, 1, 1) for a, b in ((0.5, 1.0), (1.0, 0.5))]
    early = [float(distance(errors, False) - distance(e, False)) for e in halved]
    late = [float(distance(errors, True) - distance(e, True)) for e in halved]
    assert early[1] > 30 * early[0]
    assert 0 < late[0] < late[1] < 2 * late[0]


SMALLEST = SrConfig(channels=8, blocks=1)


def test_sizes_as_text() -> None:
    from pauca.nets.loop import with_sizes

    assert with_sizes(SrConfig(), '{"channels": 48, "fold": 4}') == SrConfig(channels=48, fold=4)
    for text in (
        "{",
        "[1]",
        '{"chanels": 3}',
        '{"fold": 3}',
        '{"channels": 8.5}',
        '{"fold": true}',
    ):
        with pytest.raises(InputError):
            with_sizes(SrConfig(), text)


def test_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no network"):
        train(SrTrainConfig([photos], tmp_path / "a", model="sr-x3"))
    with pytest.raises(InputError, match="no pictures under"):
        train(SrTrainConfig([tmp_path], tmp_path / "b"))
    (tmp_path / "c.pt").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a checkpoint"):
        load_model(tmp_path / "c.pt")
    with pytest.raises(InputError, match="cannot read"):
        load_model(tmp_path / "missing.pt")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hours": -1.0}, "hours"), ({"hours": float("nan")}, "hours"), ({"batch": 0}, "batch"),
        ({"size": 0}, "size"), ({"threads": -3}, "threads"), ({"device": "foo"}, "device"),
        ({"val": Path("no/such")}, "there is no"), ({"clips": (Path("no"),)}, "clips"),
        ({"init": Path("no.pt")}, "cannot read"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(
    photos: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    config = SrTrainConfig([photos], tmp_path / "a", hours=1e-4, sizes=SMALLEST)
    with pytest.raises(InputError, match=words):
        train(replace(config, **change))


def test_what_does_not_fit_a_run_is_refused(photos: Path, tmp_path: Path) -> None:
    config = SrTrainConfig([photos], tmp_path / "a", hours=1e-4, size=16, batch=1, sizes=SMALLEST)
    path = train(config)
    with pytest.raises(InputError, match="other sizes"):
        train(replace(config, sizes=replace(SMALLEST, channels=9)))
    four = replace(config, out=tmp_path / "b", sizes=replace(SMALLEST, scale=4), teacher=path)
    with pytest.raises(InputError, match="another scale"):
        train(four)


def test_coded_pairs_are_worse_than_clean_ones_and_still_fit(photos: Path) -> None:
    pytest.importorskip("av")
    from pauca.sr.coded import KEPT, coded_pairs
    from pauca.sr.data import make_pairs
    from pauca.streams.coded import through_codec

    clean = make_pairs([photos], 2)[:2]
    pairs = coded_pairs(clean, [], 2)
    assert len(pairs) == KEPT * len(clean)
    for pair in pairs:
        assert pair.large.shape[:2] == tuple(2 * side for side in pair.small.shape[:2])
        halved = pair.large[..., 0].reshape(*pair.small.shape[:1], 2, -1, 2).mean((1, 3))
        error = np.abs(halved - pair.small[..., 0]).mean()
        assert 0.5 < error < 12  # the same place, but coded
    luma, grey = clean[0].small[:64, :64, 0], np.full((32, 32), 128, np.uint8)
    frames = [(luma, grey, grey)] * 3
    errors = [
        np.abs(through_codec(frames, codec, crf, "fast").frames[1][0].astype(int) - luma).mean()
        for codec in ("libx264", "libx265")
        for crf in (18, 36)
    ]
    assert errors[0] < errors[1] and errors[2] < errors[3]


def test_trains_on_coded_input(photos: Path, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    del av
    from .test_video import write_clip

    write_clip(tmp_path / "clip.mp4", (128, 128), audio=False)
    config = SrTrainConfig(
        [photos], tmp_path / "run", hours=2 / 3600, batch=2, size=32, threads=1, coded=True,
        clips=[tmp_path],
    )  # fmt: skip
    assert torch.load(train(config), weights_only=True)["step"] > 1
