import json
import subprocess
import sys
from pathlib import Path

from process import Cli

import pauca


def test_version(cli: Cli) -> None:
    result = cli("--version")
    assert (result.code, result.out.decode(), result.err) == (0, f"pauca {pauca.__version__}\n", "")


def test_help_lists_every_verb(cli: Cli) -> None:
    for args in ([], ["--help"], ["-h"]):
        result = cli(*args)
        assert result.code == 0
        for verb in ("encode", "decode", "verify", "info", "models", "bench", "train", "export"):
            assert f"  {verb} " in result.out.decode()


def test_help_of_a_verb_states_ranges_and_defaults(cli: Cli) -> None:
    text = " ".join(cli("encode", "--help").out.decode().split())
    for fact in ("default: 50", "0<=x<=100", "default: 3", "1<=x<=9"):
        assert fact in text


def test_info_as_text(cli: Cli, stream: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.pauca").write_bytes(stream)
    result = cli("info", "in.pauca")
    assert result.code == 0
    assert result.out.decode().splitlines() == [
        "input:     in.pauca",
        "kind:      image",
        "version:   1.0",
        f"bytes:     {len(stream)}",
        "width:     24",
        "height:    16",
        "channels:  3",
        "bit_depth: 8",
        f"bpp:       {round(8 * len(stream) / 384, 6)}",
        "pack_id:   00112233aabbccdd",
        "quality:   40",
        "chunk:     I critical, 12 bytes at 11",
        "chunk:     x ancillary, 7 bytes at 29",
        "chunk:     D critical, 7 bytes at 42",
    ]


def test_info_as_json_from_standard_input(cli: Cli, stream: bytes) -> None:
    result = cli("info", "-", "--json", input=stream)
    assert result.code == 0
    assert result.out.count(b"\n") == 1
    record = json.loads(result.out)
    assert record["pack_id"] == "00112233aabbccdd"
    assert (record["width"], record["height"], record["bytes"]) == (24, 16, len(stream))
    assert record["chunks"][1] == {"type": "x", "critical": False, "offset": 29, "size": 7}


def test_info_of_a_kind_that_cannot_be_decoded(cli: Cli, tmp_path: Path) -> None:
    from pauca.container.chunks import Chunk, encode_stream

    (tmp_path / "w.pauca").write_bytes(encode_stream([Chunk("W", b""), Chunk("D", b"")]))
    assert json.loads(cli("info", "w.pauca", "--json").out)["kind"] == "weights"
    cli("decode", "w.pauca", "-o", "out.png").fails(1, "weights")


def test_models_without_match(cli: Cli) -> None:
    result = cli("models", "nope-*", "--json")
    assert (result.code, result.out) == (0, b"")


def test_models_as_text_and_json(cli: Cli, model: str) -> None:
    record = json.loads(cli("models", model, "--json").out)
    assert record["name"] == model
    assert len(bytes.fromhex(record["pack_id"])) == 8
    line = cli("models", model).out.decode()
    assert line.startswith(model)
    assert record["pack_id"] in line


def test_light_verbs_import_nothing_heavy(stream: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.pauca").write_bytes(stream)
    script = (
        "import sys\nfrom pauca.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "heavy = {'numpy', 'torch', 'onnxruntime', 'PIL', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(code or (f'imported {heavy}' if heavy else 0))\n"
    )
    for args in (["--help"], ["--version"], ["info", "in.pauca"], ["encode", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *args], capture_output=True, cwd=tmp_path, timeout=60
        )
        assert done.returncode == 0, done.stderr
