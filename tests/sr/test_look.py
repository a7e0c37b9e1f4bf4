"""The natural look is learned from a trained network, and leaves its critic at home."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
data = pytest.importorskip("skimage.data")

from pauca.cli.main import main  # noqa: E402
from pauca.errors import InputError  # noqa: E402
from pauca.nets.look import texture_distance  # noqa: E402
from pauca.pack.sr import load_sr_pack, natural_scale  # noqa: E402
from pauca.sr.export import export  # noqa: E402
from pauca.sr.look_torch import SrLook, look_from  # noqa: E402
from pauca.sr.look_train_torch import SrLookConfig, look_loss, train_look  # noqa: E402
from pauca.sr.model import SrConfig, SrModel  # noqa: E402
from pauca.sr.train import load_either, load_model  # noqa: E402

SIZES = SrConfig(4, 2, 1, 16, 1)
OFF = SrLookConfig([], Path(), absolute=0, texture=0, critic=0)


def small_network(sizes: SrConfig = SIZES) -> SrModel:
    """A network that does a little more than interpolate."""
    torch.manual_seed(1)
    model = SrModel(sizes)
    with torch.no_grad():
        model.head.weight.normal_(0, 0.02)
    return model


def batch(planes: int = 1) -> tuple["torch.Tensor", "torch.Tensor"]:
    photo = data.astronaut()[:128, 180:308, :planes].transpose(2, 0, 1).astype(np.float32)
    y = torch.from_numpy(photo.copy())[None]
    return torch.nn.functional.avg_pool2d(y, 4).round(), y


def write_checkpoint(path: Path, model: SrModel) -> Path:
    torch.save({"ema": model.state_dict(), "sizes": asdict(model.config)}, path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
    return folder


@pytest.fixture(scope="module")
def config(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> SrLookConfig:
    folder = tmp_path_factory.mktemp("run")
    start = write_checkpoint(folder / "start.pt", small_network())
    return SrLookConfig(
        [photos], folder / "out", init=start, hours=5 / 3600, batch=2, size=16, threads=1,
        exact_from=0.5, ema=0.9, val=photos,
    )  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(config: SrLookConfig) -> Path:
    return train_look(config)


def gradients(config: SrLookConfig, sizes: SrConfig = SIZES) -> dict[str, "torch.Tensor"]:
    look = look_from(small_network(sizes))
    torch.manual_seed(2)
    for layer in look.critic.layers:
        torch.nn.init.kaiming_normal_(layer.weight)
    look_loss(look, *batch(sizes.planes), config).backward()
    return {name: p.grad for name, p in look.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("term", ["absolute", "texture", "critic"])
def test_every_term_moves_the_network(term: str) -> None:
    without, found = gradients(OFF), gradients(replace(OFF, **{term: 1.0}))
    for name in ("generator.head.weight", "generator.stem.weight"):
        assert without[name].abs().max() == 0 and found[name].abs().max() > 1e-5, name
    # The critic learns in any case, the same, and what it compares with does not.
    for name in ("critic.layers.0.weight", "critic.last.weight"):
        assert without[name].abs().max() > 0 and torch.equal(found[name], without[name])
    assert not any(name.startswith("start") for name in found)


def test_colours_are_left_to_the_absolute_error() -> None:
    sizes = replace(SIZES, planes=3)
    for term, moves in (("texture", False), ("critic", False), ("absolute", True)):
        found = gradients(replace(OFF, **{term: 1.0}), sizes)["generator.head.bias"]
        chroma = found.view(3, -1)[1:]
        assert bool(chroma.abs().max() > 0) == moves, term


def test_texture_comes_back() -> None:
    x, y = batch()
    look = look_from(small_network())
    optimizer = torch.optim.Adam(look.generator.parameters(), 3e-3)
    far = [texture_distance(look(x), y).item()]
    for _ in range(40):
        loss = look_loss(look, x, y, replace(OFF, texture=1.0, critic=0.1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    far.append(texture_distance(look(x), y).item())
    assert far[1] < 0.7 * far[0], far


def test_learns_and_resumes(config: SrLookConfig, checkpoint: Path) -> None:
    first = torch.load(checkpoint, weights_only=True)
    log = (config.out / "log.jsonl").read_text()
    assert first["step"] > 5 and "psnr_y" in log and "texture" in log
    start = load_model(config.init)
    look = load_either(checkpoint)
    assert isinstance(look, SrLook) and load_model(checkpoint).config == SIZES
    for name, kept in start.state_dict().items():
        assert torch.equal(look.start.state_dict()[name], kept)
    assert not torch.equal(look.generator.head.weight, start.head.weight)
    assert not torch.equal(look.critic.last.weight, SrLook(look.config).critic.last.weight)
    longer = replace(config, hours=7 / 3600, init=None)  # the checkpoint knows where it began
    assert torch.load(train_look(longer), weights_only=True)["step"] > first["step"]


def test_goes_on_from_a_look(config: SrLookConfig, checkpoint: Path, tmp_path: Path) -> None:
    again = replace(config, out=tmp_path, init=checkpoint, hours=1e-9, val=None)
    old, new = load_either(checkpoint), load_either(train_look(again))
    assert isinstance(old, SrLook) and isinstance(new, SrLook)
    for name, value in old.state_dict().items():  # the start and the critic, too
        assert torch.allclose(new.state_dict()[name], value, atol=1e-4), name  # after one step


def test_export_strips_the_critic(checkpoint: Path, tmp_path: Path) -> None:
    pack = load_sr_pack(export(checkpoint, tmp_path / "look", "mine", "1", "-").path)
    alone = write_checkpoint(tmp_path / "alone.pt", load_model(checkpoint))
    plain = load_sr_pack(export(alone, tmp_path / "plain", "mine", "1", "-").path)
    assert (pack.look, plain.look) == ("natural", "faithful")
    assert natural_scale(tmp_path / "look") == 4 and natural_scale(tmp_path / "plain") == 0
    assert pack.info.summary.startswith("natural") and pack.macs == SIZES.macs
    files = [(tmp_path / name / "arrays.safetensors").read_bytes() for name in ("look", "plain")]
    assert files[0] == files[1]


def test_commands(config: SrLookConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos, out = str(config.data[0]), str(tmp_path / "run")
    words = ["--init", str(config.init), "--hours", "0.0002", "--batch", "1", "--size", "16"]
    assert main(["train", "sr-look", "--data", photos, "--out", out, *words]) == 0
    pack = str(tmp_path / "pack")
    words = ["export", "sr", f"{out}/checkpoint.pt", "-o", pack, "--name"]
    assert main([*words, "../mine"]) == 1
    assert main([*words, "mine"]) == 0
    assert main([*words, "mine"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("holds a pack; -f replaces it")
    assert main([*words, "mine", "-f"]) == 0
    target = str(tmp_path / "large.png")
    words = ["-m", pack, "-s", "4", "--look", "natural"]
    assert main(["upscale", f"{photos}/astronaut.png", "-o", target, *words]) == 0
    with Image.open(target) as image:
        assert image.size == (2048, 2048)
    assert main(["train", "sr-look", "--data", photos, "--out", pack]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("name its checkpoint with --init")


def test_refused(config: SrLookConfig, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--init"):
        train_look(replace(config, out=tmp_path, init=None))
    with pytest.raises(InputError, match="cannot read"):
        train_look(replace(config, out=tmp_path, init=tmp_path / "none.pt"))
    for size in (14, 17):
        with pytest.raises(InputError, match="multiple of 2, at least 16"):
            train_look(replace(config, out=tmp_path, size=size))
