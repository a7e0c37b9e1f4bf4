"""Graphics from outside: `encode --content`, `info`, `verify`, `decode`."""

import json
from pathlib import Path

import numpy as np
import pytest
from image.screens import mixed, screen, text_only
from PIL import Image
from process import Cli

from pauca.pixels.files import read_image


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    Image.fromarray(screen()).save(tmp_path / "screen.png")
    return tmp_path


def test_a_screen_goes_round_without_loss(cli: Cli, drawn: Path, model: str) -> None:
    result = cli("encode", "screen.png", "-o", "a.pauca", "--fidelity", "-q", "70")
    assert result.code == 0 and ", graphics" in result.err
    assert cli("decode", "a.pauca", "-o", "out.png").code == 0
    assert np.array_equal(read_image(drawn / "out.png"), screen())
    record = json.loads(cli("info", "a.pauca", "--json").out)
    assert record["content"] == "graphics"
    assert record["graphics"] == sum(c["size"] for c in record["chunks"] if c["type"] == "G") > 0
    verified = cli("verify", "screen.png", "a.pauca", "--json")
    assert verified.code == 0
    assert json.loads(verified.out)["stated_is_true"] is True
    assert json.loads(verified.out)["psnr"] is None  # infinite
    photo = json.loads(
        cli("encode", "screen.png", "-o", "b.pauca", "-q", "70", "--content", "photo", "--json").out
    )
    assert photo["content"] == "photo"
    assert (drawn / "a.pauca").stat().st_size < photo["bytes"]


def test_mixed_pictures_with_alpha_are_verified(cli: Cli, tmp_path: Path, model: str) -> None:
    alpha = np.full((384, 480), 255, np.uint8)
    alpha[:40] = 0
    for name, pixels in (("mixed", mixed()), ("graphics", screen())):
        Image.fromarray(np.dstack([pixels, alpha])).save(tmp_path / "in.png")
        args = ("encode", "in.png", "-o", "a.pauca", "-q", "60", "--fidelity", "--json", "-f")
        assert json.loads(cli(*args).out)["content"] == name
        assert cli("verify", "in.png", "a.pauca").code == 0
        assert cli("decode", "a.pauca", "-o", "out.png", "-f").code == 0
        mask = text_only(pixels) & (alpha > 0)
        mask[:64] = False  # blocks that are partly hidden may be learned
        with Image.open(tmp_path / "out.png") as image:
            decoded = np.asarray(image)[..., :3]
        assert np.array_equal(decoded[mask], pixels[mask])


def test_bad_content_and_damage_are_one_line(cli: Cli, drawn: Path, model: str) -> None:
    cli("encode", "screen.png", "-o", "a.pauca", "--content", "art").fails(2, "--content")
    args = ("encode", "screen.png", "-o", "a.pauca", "--content", "graphics", "--target-size")
    cli(*args, "900").fails(1, "without loss")
    assert cli(*args, "90000").code == 0
    stream = (drawn / "a.pauca").read_bytes()
    (drawn / "cut.pauca").write_bytes(stream[: len(stream) // 2])
    cli("decode", "cut.pauca", "-o", "out.png").fails(1, "truncated")
    cli("decode", "cut.pauca", "-o", "out.png", "--scale", "8").fails(1, "stream")
