"""Failures as a user meets them: an exit code, one line, and no file left behind."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from process import Cli


@pytest.mark.parametrize(
    "args",
    [
        ["nope"],
        ["--nope"],
        ["encode"],
        ["encode", "in.png"],
        ["encode", "in.png", "-o", "out.pauca", "-q", "101"],
        ["encode", "in.png", "-o", "out.pauca", "-q", "-1"],
        ["encode", "in.png", "-o", "out.pauca", "-q", "many"],
        ["encode", "in.png", "-o", "out.pauca", "-e", "0"],
        ["encode", "in.png", "-o", "out.pauca", "-e", "10"],
        ["encode", "in.png", "-o", "out.pauca", "--tune", "nope"],
        ["encode", "in.png", "-o", "out.pauca", "--tune", "psnr", "-m", "img-psnr"],
        ["encode", "in.png", "-o", "-", "--json"],
        ["decode", "a.pauca"],
        ["decode", "a.pauca", "-o", "-", "--json"],
        ["info"],
    ],
)
def test_usage_errors_exit_2(cli: Cli, args: list[str], picture: Path) -> None:
    cli(*args).fails(2)
    assert os.listdir(picture.parent) == ["in.png"]


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_missing_input_exits_1(cli: Cli, verb: str, tmp_path: Path) -> None:
    cli(verb, "none.png", "-o", "out.png").fails(1, "none.png", "No such file")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("verb", ["encode", "decode", "info"])
def test_foreign_input_exits_1(cli: Cli, verb: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"neither a picture nor a stream")
    output = [] if verb == "info" else ["-o", "out.png"]
    cli(verb, "in", *output).fails(1, "not a")
    assert os.listdir(tmp_path) == ["in"]


def test_unsupported_picture_says_what_to_do(cli: Cli, tmp_path: Path) -> None:
    Image.new("I;16", (4, 4), 1000).save(tmp_path / "in.png")
    cli("encode", "in.png", "-o", "out.pauca").fails(1, "more than 8 bits", "--to-8-bit")
    assert os.listdir(tmp_path) == ["in.png"]


def test_stream_is_recognized_by_content_not_name(
    cli: Cli, stream: bytes, picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "stream.png").write_bytes(stream)
    cli("encode", "stream.png", "-o", "out.pauca").fails(1, "already")
    picture.rename(tmp_path / "picture.pauca")
    cli("decode", "picture.pauca", "-o", "out.png").fails(1, "not a pauca stream")
    assert sorted(os.listdir(tmp_path)) == ["picture.pauca", "stream.png"]


def test_existing_output_is_refused_before_any_work(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"precious")
    # The input does not exist either: the output is what is complained about.
    for verb in ("encode", "decode"):
        cli(verb, "none", "-o", "out.png").fails(1, "out.png exists", "--force")
    assert (tmp_path / "out.png").read_bytes() == b"precious"


def test_output_folder_must_exist(cli: Cli, picture: Path) -> None:
    cli("encode", picture, "-o", "none/out.pauca").fails(1, "no folder")


def test_unknown_output_format_is_refused(cli: Cli, stream: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.pauca").write_bytes(stream)
    cli("decode", "in.pauca", "-o", "out.xyz").fails(1, "'.xyz'", "use .png")
    assert os.listdir(tmp_path) == ["in.pauca"]


def test_unknown_pack_is_named(cli: Cli, stream: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.pauca").write_bytes(stream)
    cli("decode", "in.pauca", "-o", "out.png").fails(1, "00112233aabbccdd")
    assert os.listdir(tmp_path) == ["in.pauca"]


def test_unknown_model_is_named(cli: Cli, picture: Path) -> None:
    cli("encode", picture, "-o", "out.pauca", "-m", "img-nope").fails(1, "img-nope")
    assert os.listdir(picture.parent) == ["in.png"]


def test_damaged_stream_is_refused(cli: Cli, stream: bytes, tmp_path: Path) -> None:
    for name, data, word in [
        ("cut", stream[:-3], "truncated"),
        ("flip", stream[:44] + bytes([stream[44] ^ 1]) + stream[45:], "checksum"),
        ("more", stream + b"!", "after the end"),
    ]:
        (tmp_path / name).write_bytes(data)
        cli("info", name).fails(1, word)
        cli("decode", name, "-o", "out.png").fails(1, word)
    assert not (tmp_path / "out.png").exists()


def test_debug_shows_the_traceback_before_or_after_the_verb(cli: Cli) -> None:
    for args in (["--debug", "info", "none"], ["info", "none", "--debug"]):
        result = cli(*args)
        assert result.code == 1
        assert "Traceback" in result.err
        assert result.err.splitlines()[-1].startswith("pauca: error: ")


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_binary_never_goes_to_a_terminal(verb: str, tmp_path: Path) -> None:
    leader, terminal = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pauca", verb, "none", "-o", "-"],
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            timeout=60,
        )
    finally:
        os.close(terminal)
        os.close(leader)
    assert done.returncode == 1
    assert b"terminal" in done.stderr


def test_reader_that_leaves_is_no_news(stream: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.pauca").write_bytes(stream)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pauca", "info", "in.pauca"],
            stdout=writer,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            timeout=60,
        )
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_the_command_without_a_traceback(
    number: int, code: int, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "in")
    with subprocess.Popen(
        [sys.executable, "-m", "pauca", "decode", "in", "-o", "out.png"],
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        # Opening the pipe waits until the command has opened it: then it is at work.
        with open(tmp_path / "in", "wb"):
            process.send_signal(number)
            assert process.wait(60) == code
        assert process.stderr
        assert process.stderr.read() == b""
    assert os.listdir(tmp_path) == ["in"]
