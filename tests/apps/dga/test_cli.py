"""`pauca-dga` as people run it: a process between pipes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pauca.apps.dga.cli import main

Run = Callable[..., subprocess.CompletedProcess[bytes]]
COMMAND = [sys.executable, "-m", "pauca.apps.dga.cli"]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def drawn(count: int, seed: int = 1) -> list[bytes]:
    """Different names, as an algorithm would draw them."""
    rng = random.Random(seed)
    return [
        f"{''.join(rng.choices(LETTERS, k=rng.randint(4, 20)))}{i}.com".encode()
        for i in range(count)
    ]


def fails(done: subprocess.CompletedProcess[bytes], code: int, *words: str) -> None:
    text = done.stderr.decode()
    assert done.returncode == code, text
    assert text.startswith("pauca-dga: error: ") and text.count("\n") == 1, text
    assert all(word in text for word in words), text


def test_one_line_for_each_name_in_order(dga: Run) -> None:
    hostile = [b"google.com", b"qkqgeouiskiqacwo.org", b"", b"a\0b.com", b"\xff.com", b"192.0.2.1"]
    hostile += [b"x" * 300, "bücher.de".encode(), b"GOOGLE.com.\r", b'"\\.com', b"google.com"]
    done = dga("score", input=b"\n".join(hostile))
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(hostile)
    verdicts = [row["verdict"] for row in rows]
    unscored = "unscored"
    assert verdicts == [
        "ok", "dga", unscored, unscored, unscored, unscored, unscored, "ok", "ok", unscored, "ok",
    ]  # fmt: skip
    assert rows[0]["name"] == "google.com" and rows[0] == rows[-1]
    assert rows[0]["score"] == rows[8]["score"] < 0.1
    assert rows[1]["score"] > 0.99
    assert (rows[3]["name"], rows[3]["reason"]) == ("a\0b.com", "control character or space")
    assert rows[7]["name"] == "bücher.de"
    assert b"11 names, 1 generated, 6 unscored" in done.stderr


def test_tsv_threshold_and_quiet(dga: Run) -> None:
    done = dga("score", "--tsv", "-t", "0", "-q", "-", input=b"google.com\na\tb.com\n\xff\n")
    lines = [line.split(b"\t") for line in done.stdout.splitlines()]
    assert [line[2] for line in lines] == [b"dga", b"control character or space", b"not a name"]
    assert lines[1][:2] == [b"a\\x09b.com", b"-"]
    assert lines[2][0] == b"\\x5cxff"
    assert done.stderr == b""


def test_logs_and_captures(dga: Run, tmp_path: Path) -> None:
    log = b"Nov 24 20:00:00 dnsmasq[77]: query[A] google.com from 192.0.2.1\n"
    (tmp_path / "dns.log").write_bytes(log * 2)
    done = dga("score", "dns.log", "--tsv", "--pcap", "none.pcap")
    assert done.returncode == 1 and done.stdout.count(b"google.com\t") == 2
    assert b"error: cannot read none.pcap" in done.stderr
    done = dga("score", "--pcap", "dns.log")
    fails(done, 1, "damaged capture")
    done = dga("score", "--format", "names", "-q", "dns.log")
    assert done.stdout.count(b"unscored") == 2


def test_output_to_a_file_is_whole_or_not_there(dga: Run, tmp_path: Path) -> None:
    names = b"google.com\nqkqgeouiskiqacwo.org\n"
    assert dga("score", "-o", "out", input=names).returncode == 0
    assert (tmp_path / "out").read_bytes().count(b"\n") == 2
    fails(dga("score", "-o", "out", input=names), 1, "exists")
    assert dga("score", "-f", "-o", "out", "-", input=b"a.com").returncode == 0
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8b" + bytes(30))
    assert dga("score", "-o", "new", "bad.gz").returncode == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.gz", "out"]


def test_bad_usage_is_one_line(dga: Run) -> None:
    fails(dga("score", "-t", "2"), 2, "threshold")
    fails(dga("score", "-m", "img-psnr"), 1, "img-psnr")


@pytest.mark.parametrize(
    ("args", "code", "word"),
    [
        (["score", "--format", "csv"], 1, "zeek"),
        (["score", "none"], 1, "none"),
        (["score", "-m", "nope"], 1, "nope"),
        (["eval", "none.csv"], 1, "none.csv"),
        (["wrong"], 2, "wrong"),
    ],
)
def test_what_cannot_be_done_is_named(
    args: list[str], code: int, word: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(args) == code
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and word in err


def test_a_detector_is_measured(dga: Run, tmp_path: Path) -> None:
    rows = b"domain,label,family\nwikipedia.org,0,benign\ngithub.com,0,benign\n,0,benign\n"
    rows += b"".join(name + b",1,drawn\n" for name in drawn(20))
    (tmp_path / "names.csv").write_bytes(rows)
    done = dga("eval", "names.csv", "--bootstrap", "20", "--json", "r.json", "--markdown", "r.md")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["names"], report["generated"], report["rejected"]) == (22, 20, {"empty": 1})
    assert report["figures"]["auc"] > 0.9
    assert report["low"]["auc"] <= report["figures"]["auc"] <= report["high"]["auc"]
    assert [f["family"] for f in report["families"]] == ["drawn", "benign"]
    assert (tmp_path / "r.md").read_bytes() == done.stdout
    fails(dga("eval", "names.csv", "--only", "nope"), 1, "nope")


def test_a_pipe_of_many_names_keeps_all_in_order_in_bounded_memory() -> None:
    names = drawn(200_000)
    # Not getrusage, whose peak begins with that of the process that forked.
    code = (
        "import sys\nfrom pauca.apps.dga.cli import main\ncode = main()\n"
        "status = open('/proc/self/status').read()\n"
        "print(status.split('VmHWM:')[1].split()[0], file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "score", "--tsv"],
        input=b"\n".join(names),
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0
    assert [line.split(b"\t", 1)[0] for line in done.stdout.splitlines()] == names
    assert b"200000 names" in done.stderr
    assert int(done.stderr.split()[-1]) < 200_000  # KiB


def test_lines_come_as_soon_as_names_do() -> None:
    with subprocess.Popen(
        [*COMMAND, "score"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdin and run.stdout
        for name in (b"google.com", b"wikipedia.org"):
            run.stdin.write(name + b"\n")
            run.stdin.flush()
            assert json.loads(run.stdout.readline())["name"] == name.decode()
        run.stdin.close()
    assert run.returncode == 0


def test_killed_in_the_middle_a_pipe_holds_no_half_line(tmp_path: Path) -> None:
    (tmp_path / "names").write_bytes(b"\n".join(drawn(100_000)) * 8)
    for delay in (0.0, 0.03):
        run = subprocess.Popen([*COMMAND, "score", "names"], stdout=subprocess.PIPE, cwd=tmp_path)
        assert run.stdout
        found = os.read(run.stdout.fileno(), 65536)
        time.sleep(delay)
        run.kill()
        found += run.stdout.read()
        run.stdout.close()
        assert run.wait() == -signal.SIGKILL
        assert found.endswith(b"\n")
        assert all(json.loads(line)["name"] for line in found.splitlines())


def test_killed_in_the_middle_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "names").write_bytes(b"\n".join(drawn(100_000)) * 8)
    run = subprocess.Popen([*COMMAND, "score", "-o", "out", "names"], cwd=tmp_path)
    while not any(path.stat().st_size for path in tmp_path.glob(".pauca-*")):
        assert run.poll() is None
        time.sleep(0.001)
    run.kill()
    assert run.wait() == -signal.SIGKILL
    assert not (tmp_path / "out").exists()


def test_killed_in_the_middle_a_redirection_is_cut_by_the_system_alone(tmp_path: Path) -> None:
    # A kill stops a write to a file where a page of memory ends, and nowhere else.
    (tmp_path / "names").write_bytes(b"\n".join(drawn(100_000)) * 8)
    with (tmp_path / "out").open("wb") as file:
        run = subprocess.Popen([*COMMAND, "score", "names"], stdout=file, cwd=tmp_path)
        while not (tmp_path / "out").stat().st_size:
            assert run.poll() is None
            time.sleep(0.001)
        run.kill()
        assert run.wait() == -signal.SIGKILL
    found = (tmp_path / "out").read_bytes()
    assert found.endswith(b"\n") or len(found) % 4096 == 0
    assert all(json.loads(line)["name"] for line in found.split(b"\n")[:-1])


def test_a_reader_that_leaves_and_an_interrupt_are_quiet(tmp_path: Path) -> None:
    (tmp_path / "names").write_bytes(b"\n".join(drawn(50_000)))
    run = subprocess.Popen(
        [*COMMAND, "score", "-q", "names"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert run.stdout and run.stderr
    run.stdout.read(100)
    run.stdout.close()
    assert run.wait(60) == 1
    assert run.stderr.read() == b""
    run.stderr.close()
    run = subprocess.Popen(
        [*COMMAND, "score", "-q"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdin and run.stdout
    run.stdin.write(b"google.com\n")
    run.stdin.flush()
    run.stdout.readline()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out, err) == (130, b"", b"")


def test_scoring_needs_neither_torch_nor_onnx() -> None:
    code = (
        "import sys\nfrom pauca.apps.dga.detector import load_detector\n"
        "load_detector().score(['google.com'])\n"
        "sys.exit(bool({'torch', 'onnx', 'onnxruntime', 'PIL', 'dpkt'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
