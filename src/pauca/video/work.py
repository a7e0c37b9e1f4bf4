"""Finished scenes of an encode on disk, so that it goes on where it was killed.

A folder beside the output holds the job (what is encoded, and how) and one file a scene. The same
job finds it again; another one starts anew. Whatever is damaged is encoded again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pauca.container.files import atomic_write
from pauca.errors import InputError
from pauca.video.coders import CodedPacket

_JOB = "job.json"
_LOCK = "lock"


@dataclass(frozen=True)
class StoredScene:
    """A coded scene with its message: `start` is the time of its first frame, `delay` as coded."""

    start: int
    end: int  # time at which the next frame would be shown, as far as known
    delay: int
    treatment: str  # for the report: "off", "generic", "updated"
    message_bytes: int
    packets: tuple[CodedPacket, ...]

    @property
    def size(self) -> int:
        """Bytes of all packets."""
        return sum(len(packet.data) for packet in self.packets)


class Work:
    """The folder of one job."""

    def __init__(self, target: Path, job: dict[str, Any]) -> None:
        self._folder = target.with_name(f".{target.name}.pauca-work")
        self._job = json.dumps(job, sort_keys=True).encode()

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Make or find the folder; it stays after an interrupt or a kill, and only then."""
        try:
            self._folder.mkdir(exist_ok=True)
            lock = open(self._folder / _LOCK, "w")
        except OSError as error:
            raise InputError(f"cannot write {self._folder}: {error.strerror}") from error
        keep = True
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(f"another process writes to {self._folder}") from error
            keep = False
            self._adopt()
            try:
                yield
            except (KeyboardInterrupt, SystemExit):
                keep = self.count() > 0
                raise
        finally:
            lock.close()
            if not keep:
                shutil.rmtree(self._folder, ignore_errors=True)

    def count(self) -> int:
        """Return how many scenes, from the first on, are there and whole."""
        index = 0
        while self._read(index) is not None:
            index += 1
        return index

    def load(self, index: int) -> StoredScene:
        """Return a scene that is there."""
        scene = self._read(index)
        if scene is None:
            raise InputError(f"scene {index} in {self._folder} is gone")
        return scene

    def save(self, index: int, scene: StoredScene) -> None:
        """Store a scene, whole or not at all."""
        head = asdict(scene)
        head["packets"] = [
            [len(packet.data), packet.pts, packet.is_key, packet.qp] for packet in scene.packets
        ]
        body = json.dumps(head).encode() + b"\n" + b"".join(p.data for p in scene.packets)
        atomic_write(self._path(index), zlib.crc32(body).to_bytes(4, "little") + body, force=True)

    def _adopt(self) -> None:
        """Empty the folder unless it belongs to this job."""
        job = self._folder / _JOB
        if job.exists() and job.read_bytes() == self._job:
            return
        for path in self._folder.iterdir():
            if path.name != _LOCK:
                path.unlink()
        atomic_write(job, self._job, force=True)

    def _path(self, index: int) -> Path:
        return self._folder / f"{index:06d}.scene"

    def _read(self, index: int) -> StoredScene | None:
        try:
            data = self._path(index).read_bytes()
        except OSError:
            return None
        check, body = data[:4], data[4:]
        if zlib.crc32(body).to_bytes(4, "little") != check:
            return None
        line, _, rest = body.partition(b"\n")
        head = json.loads(line)
        packets, at = [], 0
        for size, pts, is_key, qp in head.pop("packets"):
            packets.append(CodedPacket(rest[at : at + size], pts, is_key, qp))
            at += size
        return StoredScene(**head, packets=tuple(packets))


def identity(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what tells whether a file or folder is still the same: place, size, time."""
    facts = os.stat(path)
    return {"path": os.path.realpath(path), "size": facts.st_size, "time": facts.st_mtime_ns}
