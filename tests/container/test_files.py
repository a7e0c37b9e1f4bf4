import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pauca.container import files
from pauca.container.files import atomic_write, check_target, read_file
from pauca.errors import InputError, LimitError
from pauca.limits import Limits


def test_writes_a_new_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    atomic_write(tmp_path / "out", b"data")
    assert (tmp_path / "out").read_bytes() == b"data"
    assert os.listdir(tmp_path) == ["out"]


def test_existing_file_is_kept_without_force(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    for refuse in (lambda: check_target(target), lambda: atomic_write(target, b"new")):
        with pytest.raises(InputError, match="exists; pass --force"):
            refuse()
    assert target.read_bytes() == b"old"
    check_target(target, force=True)
    atomic_write(target, b"new", force=True)
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]


def test_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    monkeypatch.setattr(files, "check_target", lambda path, force: target.write_bytes(b"theirs"))
    with pytest.raises(InputError, match="exists"):
        atomic_write(target, b"ours")
    assert target.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["out"]


def test_file_system_without_links_still_never_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: object, target: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    atomic_write(tmp_path / "new", b"data")
    assert (tmp_path / "new").read_bytes() == b"data"
    monkeypatch.setattr(files, "check_target", lambda path, force: None)
    with pytest.raises(InputError, match="exists"):
        atomic_write(tmp_path / "new", b"other")
    assert (tmp_path / "new").read_bytes() == b"data"
    assert os.listdir(tmp_path) == ["new"]


def test_failed_write_leaves_old_file_and_no_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "out").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        atomic_write(tmp_path / "out", b"new", force=True)
    assert (tmp_path / "out").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_interrupt_leaves_no_temporary(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from pauca.container.files import atomic_write\n"
        "def hang(descriptor):\n    print('writing', flush=True)\n    time.sleep(60)\n"
        "os.fsync = hang\n"
        "atomic_write(sys.argv[1], b'data')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"writing\n"
        assert len(os.listdir(tmp_path)) == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
    assert os.listdir(tmp_path) == []


def test_replacing_keeps_permissions_and_follows_links(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to("real")
    atomic_write(tmp_path / "link", b"new", force=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o600


def test_device_stays_a_device() -> None:
    atomic_write("/dev/null", b"data")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_pipe_is_written_directly(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    atomic_write(tmp_path / "pipe", b"data")
    reader.join(10)
    assert read == [b"data"]


def test_folder_and_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder"):
        atomic_write(tmp_path, b"data", force=True)
    with pytest.raises(InputError, match="no folder"):
        atomic_write(tmp_path / "none" / "out", b"data")


def test_read_file_is_bounded_and_names_its_errors(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"12345")
    assert read_file(tmp_path / "in", Limits(max_bytes=5)) == b"12345"
    with pytest.raises(LimitError):
        read_file(tmp_path / "in", Limits(max_bytes=4))
    with pytest.raises(LimitError):
        read_file("/dev/zero", Limits(max_bytes=1000))
    with pytest.raises(InputError, match="No such file"):
        read_file(tmp_path / "none")
    with pytest.raises(InputError, match="directory"):
        read_file(tmp_path)
