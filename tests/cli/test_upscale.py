"""`pauca upscale` as a process."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from process import Cli

from pauca.cli.main import main

sys.path.insert(0, str(Path(__file__).parents[1]))
from sr.packs import write_random_pack  # noqa: E402
from sr.test_video import write_clip  # noqa: E402


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_random_pack(tmp_path / "pack")


def save(path: Path, mode: str = "RGB", size: tuple[int, int] = (21, 13)) -> Path:
    rng = np.random.default_rng(0)
    bands = len(mode)
    pixels = rng.integers(0, 256, (size[1], size[0], bands)).astype(np.uint8)
    Image.fromarray(pixels[..., 0] if bands == 1 else pixels, mode).save(path)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_picture(cli: Cli, pack: Path, tmp_path: Path, mode: str) -> None:
    source = save(tmp_path / "in.png", mode)
    result = cli("upscale", source, "-o", "out.png", "-m", pack, "--json")
    assert result.code == 0, result.err
    record = json.loads(result.out)
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == mode and image.size == (42, 26)
    assert (record["width"], record["height"], record["model"]) == (42, 26, "random")
    cli("upscale", source, "-o", "out.png", "-m", pack).fails(1, "exists")
    piped = cli("upscale", "-", "-o", "-", "-m", pack, input=source.read_bytes())
    assert piped.out == (tmp_path / "out.png").read_bytes()


def test_folder(cli: Cli, pack: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.webp", "c.jpg"):
        save(tmp_path / "in" / name)
    (tmp_path / "in" / "note.txt").write_text("no picture")
    assert cli("upscale", "in", "-o", "out", "-m", pack).code == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["a.png", "b.webp", "c.jpg"]
    (tmp_path / "in" / "d.png").write_bytes(b"no picture either")
    result = cli("upscale", "in", "-fo", "out", "-m", pack, "--json")
    assert result.code == 1 and "d.png" in result.err
    assert json.loads(result.out)["pictures"] == 3


def test_folders_that_cannot_be(cli: Cli, pack: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    save(tmp_path / "in" / "a.tga")
    assert cli("upscale", "in", "-o", "-", "-m", pack).code == 2
    cli("upscale", "in", "-o", "no/such", "-m", pack).fails(1, "cannot make the folder")
    cli("upscale", "in", "-o", "in/a.tga", "-m", pack).fails(1, "cannot make the folder")
    assert cli("upscale", "in", "-o", "out", "-m", pack).code == 0
    assert os.listdir(tmp_path / "out") == ["a.tga"]


def test_what_a_picture_carries_goes_along(cli: Cli, pack: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    with Image.open(save(tmp_path / "in.png")) as image:
        image.save(tmp_path / "in.jpg", exif=exif, icc_profile=bytes(200))
    for name, size in (("out.jpg", (42, 26)), ("out.bmp", (26, 42))):
        assert cli("upscale", "in.jpg", "-o", name, "-m", pack).code == 0
        with Image.open(tmp_path / name) as image:
            assert image.size == size  # where EXIF cannot turn it, it is turned
            if name == "out.jpg":
                assert image.info["icc_profile"] == bytes(200)
                assert image.getexif()[0x010F] == "maker" and image.getexif()[0x0112] == 6


def test_deep_pictures_need_leave(cli: Cli, pack: Path, tmp_path: Path) -> None:
    Image.fromarray(np.arange(300, dtype=np.uint16).reshape(15, 20) * 200).save(tmp_path / "in.png")
    cli("upscale", "in.png", "-o", "out.png", "-m", pack).fails(1, "--to-8-bit")
    assert cli("upscale", "in.png", "-o", "out.png", "-m", pack, "--to-8-bit").code == 0


def test_options_that_cannot_be(cli: Cli, pack: Path, tmp_path: Path) -> None:
    source = save(tmp_path / "in.png")
    for options in (["--preset", "nonsense"], ["--scale", "3"]):
        assert cli("upscale", source, "-o", "out.png", "-m", pack, *options).code == 2
    assert cli("upscale", source, "-o", "-", "-m", pack, "--json").code == 2


def test_video(cli: Cli, pack: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    write_clip(tmp_path / "in.mp4", frames=4)
    result = cli("upscale", "in.mp4", "-o", "out.mp4", "-m", pack, "--preset", "ultrafast")
    assert result.code == 0 and "4 frames" in result.err, result.err


def test_four_times_by_a_model_for_two(cli: Cli, pack: Path, tmp_path: Path) -> None:
    source = save(tmp_path / "in.png")
    for more in (["-m", pack], []):  # without a name, the shipped one
        done = cli("upscale", source, "-o", "out.png", "-s", "4", "-f", *more)
        assert done.code == 0, done.err
        with Image.open(tmp_path / "out.png") as image:
            assert image.size == (84, 52)


def test_looks_of_named_packs(cli: Cli, pack: Path, tmp_path: Path) -> None:
    source = save(tmp_path / "in.png")
    natural = write_random_pack(tmp_path / "natural", "mine", look="natural")
    for words in (["-m", natural], ["-m", natural, "--look", "natural"], ["-m", pack]):
        done = cli("upscale", source, "-o", "out.png", "-f", "--json", *words)
        assert done.code == 0, done.err
        assert json.loads(done.out)["look"] == ("faithful" if pack in words else "natural")
    cli("upscale", source, "-o", "no.png", "-m", pack, "--look", "natural").fails(1, "faithful")
    cli("upscale", source, "-o", "no.png", "-m", natural, "--look", "faithful").fails(1, "natural")
    cli("upscale", source, "-o", "no.png", "--look", "nice").fails(2, "nice")
    odd = write_random_pack(tmp_path / "odd", look="odd")
    cli("upscale", source, "-o", "no.png", "-m", odd).fails(1, "a look")
    assert not (tmp_path / "no.png").exists()


def test_shipped_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = str(save(tmp_path / "in.png")), str(tmp_path / "out.png")
    shipped = tmp_path / "packs"
    monkeypatch.setattr("pauca.pack.registry.SHIPPED", shipped)
    write_random_pack(shipped / "a", "sr-x2-nano")
    write_random_pack(shipped / "b", "sr-x2-natural", look="natural")

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["upscale", source, "-o", target, "-f", "--json", *words])
        return code, *capsys.readouterr()

    for words, name in (([], "sr-x2-nano"), (["--look", "natural"], "sr-x2-natural")):
        code, out, err = run(*words)
        assert code == 0 and json.loads(out)["model"] == name, err
    (tmp_path / "out.png").unlink()
    code, _, err = run("--look", "natural", "-s", "4")  # one for 2 is not used twice
    assert code == 1 and not (tmp_path / "out.png").exists()
    assert len(err.splitlines()) == 1 and "no natural look for scale 4" in err
    assert "pauca train sr-look" in err


def test_refused(cli: Cli, pack: Path, tmp_path: Path) -> None:
    source = save(tmp_path / "in.png")
    deep = tmp_path / "deep.png"
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(deep)
    cli("upscale", deep, "-o", "out.png", "-m", pack).fails(1, "8 bits")
    cli("upscale", source, "-o", "out.png", "-s", "3", "-m", pack).fails(2, "2 or 4")
    four = write_random_pack(tmp_path / "four", scale=4, fold=4)
    cli("upscale", source, "-o", "out.png", "-m", four).fails(1, "by 4, not by 2")
    cli("upscale", source, "-o", "out.xyz", "-m", pack).fails(1, ".xyz")
    cli("upscale", source, "-o", "out.png", "-m", "nothing").fails(1, "no model")
    cli("upscale", source, "-o", "out.png", "-m", "img-psnr").fails(1, "for image")
    cli("upscale", "missing.png", "-o", "out.png", "-m", pack).fails(1, "missing.png")
    assert not (tmp_path / "out.png").exists()
