"""Long encodes: they go on after a kill or an interrupt, and memory stays flat."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pauca.video.encode import encode_video

from .clips import write_clip
from .test_encode import QUICK

pytest.importorskip("av")


def test_the_same_bytes_after_a_kill(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 120, cuts=(40, 80), audio=True, codec="libx264")
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    encode_video(str(source), whole, QUICK)
    script = (
        "import os, signal, sys\n"
        "from pauca.video.coders import Coding\n"
        "from pauca.video.encode import VideoOptions, encode_video\n"
        "def stop(done, total):\n"
        "    if done == 100: os.kill(os.getpid(), signal.SIGKILL)\n"
        "options = VideoOptions(Coding('h264', 30, None, 'veryfast'))\n"
        "encode_video(sys.argv[1], sys.argv[2], options, report=stop)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, source, cut], timeout=100)
    assert killed.returncode == -9
    assert sorted(os.listdir(tmp_path)) == [".cut.mp4.pauca-work", "in.mkv", "whole.mp4"]
    scene = tmp_path / ".cut.mp4.pauca-work" / "000001.scene"
    scene.write_bytes(scene.read_bytes()[:-1])  # damaged on the way: coded again
    done = encode_video(str(source), cut, QUICK)
    assert done.resumed == 40 and done.frames == 120
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["cut.mp4", "in.mkv", "whole.mp4"]


def test_an_interrupt_keeps_finished_scenes_for_the_same_job_alone(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 60, cuts=(30,))

    def stop_at(frame: int) -> Any:
        def report(done: int, total: int) -> None:
            if done == frame:
                raise KeyboardInterrupt

        return report

    with pytest.raises(KeyboardInterrupt):
        encode_video(str(source), tmp_path / "out.mp4", QUICK, report=stop_at(10))
    assert os.listdir(tmp_path) == ["in.mkv"]  # nothing was finished
    with pytest.raises(KeyboardInterrupt):
        encode_video(str(source), tmp_path / "out.mp4", QUICK, report=stop_at(50))
    assert sorted(os.listdir(tmp_path)) == [".out.mp4.pauca-work", "in.mkv"]
    other = replace(QUICK, coding=replace(QUICK.coding, crf=40.0))
    assert encode_video(str(source), tmp_path / "out.mp4", other).resumed == 0
    assert sorted(os.listdir(tmp_path)) == ["in.mkv", "out.mp4"]


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    script = (
        "import resource, sys\n"
        "from pauca.video.coders import Coding\n"
        "from pauca.video.encode import VideoOptions, encode_video\n"
        "options = VideoOptions(Coding('h264', 30, None, 'ultrafast'), longest=60)\n"
        "encode_video(sys.argv[1], sys.argv[2], options)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for frames in (120, 600):
        source = write_clip(tmp_path / f"{frames}.mkv", frames, (320, 240), even=True)
        target = tmp_path / f"{frames}.mp4"
        done = subprocess.run(
            [sys.executable, "-c", script, source, target], capture_output=True, timeout=100
        )
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 20_000  # kB; the 480 frames more have 55,000
