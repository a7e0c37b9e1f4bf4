"""What a measurement ran on: processor, system, and the versions of the libraries it used."""

import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pauca.pack.runtime import default_threads

_LIBRARIES = (
    "pauca", "numpy", "pillow", "onnxruntime", "torch", "imagecodecs", "pillow-heif",
)  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """Processor name, usable cores, operating system, and library versions by name."""

    cpu: str
    cores: int
    system: str
    versions: dict[str, str]

    def facts(self) -> list[tuple[str, str]]:
        """What a report says of it."""
        return [
            ("machine", f"{self.cpu}, {self.cores} cores, {self.system}"),
            ("versions", ", ".join(f"{k} {v}" for k, v in self.versions.items())),
        ]


def describe_machine() -> Machine:
    """Describe this machine and the installed libraries that can take part in a measurement."""
    versions = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return Machine(
        _cpu_model(), default_threads(), platform.platform(terse=True), versions | _engines()
    )


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: the portable, poorer answer below
    return platform.processor() or platform.machine()


def _engines() -> dict[str, str]:
    """Versions of the C libraries inside Pillow, which do the peers' work."""
    from PIL import features

    names = {"jpg": "libjpeg", "webp": "libwebp", "avif": "libavif"}
    found = {names[f]: features.version(f) for f in names if features.check(f)}
    if features.check_feature("libjpeg_turbo"):
        found["libjpeg"] = f"turbo {features.version_feature('libjpeg_turbo')}"
    return {name: str(version) for name, version in found.items() if version}
