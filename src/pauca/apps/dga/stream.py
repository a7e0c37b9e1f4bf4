"""Scoring of names as they come: batches in, one line out for each name, in order."""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pauca.apps.dga.detector import Detector
from pauca.apps.dga.names import scored_parts

CACHE = 1 << 16  # verdicts that are remembered, about 20 MB
SHOWN = 256  # bytes of an unscored name in the output
GENERATED, OTHER, UNSCORED = "dga", "ok", "unscored"

_SAFE = re.compile(rb"[ !#-\[\]-~]*")  # needs no escape in JSON
_ESCAPED = re.compile(r"[\x00-\x1f\x7f-\xa0\\]")


@dataclass
class Tally:
    """What was seen so far."""

    names: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {GENERATED: 0, OTHER: 0, UNSCORED: 0})
    began: float = field(default_factory=time.perf_counter)

    def __str__(self) -> str:
        seconds = max(time.perf_counter() - self.began, 1e-9)
        return (
            f"{self.names} names, {self.counts[GENERATED]} generated, "
            f"{self.counts[UNSCORED]} unscored, {seconds:.2f} s, {self.names / seconds:.0f} names/s"
        )


Line = tuple[bytes, str]  # a line of output with its end, and the verdict
Form = Callable[[bytes, "float | None", str, str], bytes]  # name, score, verdict, reason


def score_stream(
    batches: Iterable[Sequence[bytes]],
    detector: Detector,
    threshold: float,
    form: Form,
    write: Callable[[list[bytes]], None],
    tally: Tally,
) -> None:
    """Write one line for each name of `batches`; memory is bounded by a batch and the cache."""
    cache: OrderedDict[bytes, Line] = OrderedDict()
    for batch in batches:
        fresh = dict.fromkeys(name for name in batch if name not in cache)
        judged = dict(zip(fresh, judge(list(fresh), detector, threshold, form), strict=True))
        found = []
        for name in batch:
            line = judged.get(name)
            if line is None:
                line = cache[name]
                cache.move_to_end(name)
            found.append(line)
        write([line for line, _ in found])
        tally.names += len(found)
        for verdict in tally.counts:
            tally.counts[verdict] += sum(kind is verdict for _, kind in found)
        cache.update(judged)
        while len(cache) > CACHE:
            cache.popitem(last=False)


def judge(names: Sequence[bytes], detector: Detector, threshold: float, form: Form) -> list[Line]:
    """Return the line and verdict of each name."""
    found: list[Line] = [(b"", UNSCORED)] * len(names)
    parts, where, reasons = scored_parts(names)
    for i, reason in reasons.items():
        found[i] = (form(names[i][:SHOWN], None, UNSCORED, reason), UNSCORED)
    for i, score in zip(where, detector.score_parts(parts).tolist(), strict=True):
        verdict = GENERATED if score >= threshold else OTHER
        found[i] = (form(names[i].strip(), score, verdict, ""), verdict)
    return found


def json_line(name: bytes, score: float | None, verdict: str, reason: str) -> bytes:
    """Return a verdict as one line of JSON."""
    if score is None:
        record = {"name": _text(name), "verdict": verdict, "reason": reason}
        return json.dumps(record).encode() + b"\n"
    shown = b'"%b"' % name if _SAFE.fullmatch(name) else json.dumps(_text(name)).encode()
    return b'{"name": %b, "score": %.6f, "verdict": "%b"}\n' % (shown, score, verdict.encode())


def tsv_line(name: bytes, score: float | None, verdict: str, reason: str) -> bytes:
    """Return a verdict as name, score and verdict, or name, `-` and the reason, between tabs."""
    shown = name
    if not _SAFE.fullmatch(name):
        text = _ESCAPED.sub(lambda found: f"\\x{ord(found[0]):02x}", _text(name))
        shown = text.encode()
    if score is None:
        return b"%b\t-\t%b\n" % (shown, reason.encode())
    return b"%b\t%.6f\t%b\n" % (shown, score, verdict.encode())


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
