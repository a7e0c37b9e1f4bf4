"""The natural look: another last filter of the same stream, with a warning where it is far off."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from image.photos import photo
from process import Cli, Result

torch = pytest.importorskip("torch")

from pauca import create_model, decode, encode, list_models  # noqa: E402
from pauca.errors import InputError, PackError  # noqa: E402
from pauca.image.look_torch import LookConfig, LookModel, export_look  # noqa: E402
from pauca.image.look_train_torch import LookTrainConfig, train_look  # noqa: E402
from pauca.image.twin_torch import PackModel  # noqa: E402
from pauca.nets.colour import to_ycc  # noqa: E402
from pauca.nets.look import texture_distance  # noqa: E402
from pauca.nets.loop import load_matching  # noqa: E402
from pauca.pack.look import with_look  # noqa: E402

PACK = create_model("img-psnr")


def write_look(folder: Path, shift: float = 0.0) -> Path:
    """The pack's own last filter as a look, its residuals moved by `shift` of 1/8 steps."""
    model = LookModel(LookConfig())
    load_matching(model.post, PackModel(PACK, 160).post.state_dict())
    with torch.no_grad():
        model.post.head.bias += shift
    folder.mkdir()
    state = {"ema": model.state_dict(), "sizes": asdict(model.config)}
    torch.save(state, folder / "checkpoint.pt")
    return export_look(folder / "checkpoint.pt", folder / "pack", PACK, "mine", "1", "-").path


def test_a_look_with_the_same_filter_is_the_same_picture(tmp_path: Path) -> None:
    stream = encode(photo(200, 150), quality=20)
    faithful = decode(stream)
    look = write_look(tmp_path / "same")
    assert np.array_equal(decode(stream, look="natural", packs=[look]), faithful)
    other = write_look(tmp_path / "other", 2.0)
    moved = decode(stream, look="natural", packs=[other])
    assert np.abs(moved.astype(int) - faithful).mean() > 2
    part = decode(stream, look="natural", packs=[other], region=(30, 40, 50, 60))
    assert np.array_equal(part, moved[40:100, 30:80])
    # Smaller pictures do without the last filter, and the faithful look stays what it is.
    small = decode(stream, look="natural", packs=[other], scale=2)
    assert np.array_equal(small, decode(stream, scale=2))
    assert np.array_equal(decode(stream, packs=[other]), faithful)


def test_grey_and_alpha(tmp_path: Path) -> None:
    other = write_look(tmp_path / "other", 2.0)
    for pixels in (photo(64, 70, grey=True), np.dstack([photo(64, 70), photo(64, 70)[..., 0]])):
        stream = encode(pixels, quality=20, keep_hidden=True)
        natural, faithful = (decode(stream, look=k, packs=[other]) for k in ("natural", "faithful"))
        assert natural.shape == pixels.shape and not np.array_equal(natural, faithful)
        if pixels.ndim == 3:
            assert np.array_equal(natural[..., 3], pixels[..., 3])


def test_refused(tmp_path: Path) -> None:
    stream = encode(photo(64, 64))
    with pytest.raises(InputError, match="look 'best'"):
        decode(stream, look="best")
    look = write_look(tmp_path / "look")
    manifest = json.loads((look / "model.json").read_text())
    for key, value in (("for", "00" * 8), ("for", "no"), ("for", None), ("programs", {})):
        (look / "model.json").write_text(json.dumps(manifest | {key: value}))
        with pytest.raises(PackError):
            with_look(PACK, look)


def test_shipped_look_adds_texture() -> None:
    if not list_models("img-psnr-natural"):
        pytest.skip("no look is shipped")
    pixels = photo(256, 384)
    stream = encode(pixels, quality=16)
    faithful, natural = (decode(stream, look=look) for look in ("faithful", "natural"))
    x, f, n = (torch.from_numpy(p.transpose(2, 0, 1).copy())[None].float()
               for p in (pixels, faithful, natural))  # fmt: skip
    off = [float(texture_distance(to_ycc(y)[:, :1], to_ycc(x)[:, :1])) for y in (f, n)]
    assert off[1] < 0.8 * off[0]
    error = [float((y - x).square().mean()) for y in (f, n)]
    assert error[0] < error[1] < 2 * error[0]


def test_learns_and_is_exported(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(photo(300, 420)).save(tmp_path / "a.png")
    config = LookTrainConfig(
        [tmp_path], tmp_path / "run", hours=5 / 3600, batch=2, size=64, scenes=2, threads=1,
        exact_from=0.5,
    )  # fmt: skip
    checkpoint = train_look(config)
    state = torch.load(checkpoint, weights_only=True)
    assert state["step"] > 3
    plain = PackModel(PACK, 0).post.state_dict()["head.weight"]
    assert not torch.equal(state["ema"]["post.head.weight"], plain)
    info = export_look(checkpoint, tmp_path / "pack", PACK, "mine", "1", "-")
    assert with_look(PACK, info.path).layers["post.head"] is not PACK.layers["post.head"]
    for size in (56, 68):  # too small, and odd at the third level
        with pytest.raises(InputError, match="multiple of 8"):
            train_look(LookTrainConfig([tmp_path], tmp_path / "run", size=size))


def test_command_warns(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.pauca").write_bytes(encode(photo(100, 90), quality=10))
    look = write_look(tmp_path / "look", 2.0)

    def run(*words: str) -> Result:
        return cli("decode", "a.pauca", "-o", "a.png", "-f", *words, "-m", look)

    far = run("--look", "natural", "--look-bound", "60")
    assert far.code == 0 and "dB from the faithful one" in far.err, far.err
    near = run("--look", "natural", "--look-bound", "1")
    assert near.code == 0 and "faithful" not in near.err
    assert "faithful" not in run("--look-bound", "60").err
    assert run("--look", "nice").code == 2
