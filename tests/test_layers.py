"""Who may import what, read from the source of the package itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src/pauca"
FILES = sorted(SOURCE.rglob("*.py"))

# A module imports from its own part, from its own layer (unless that holds siblings), or below.
LAYERS = [
    {"errors", "limits", "_core"},
    {"coding", "container"},
    {"pack", "pixels", "metrics", "nets", "streams"},
    {"latent"},
    {"image", "video", "sr", "nn"},
    {"cli", "web", "batch", "bench", "apps"},
]
SIBLINGS = [{"coding", "container"}, {"image", "video", "sr", "nn"}]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

# torch is for training and for the encoder's search alone: in these files of a domain, and in
# those whose name says so (`*_torch.py`), which others import inside functions.
TORCH_FILES = {"model.py", "parts.py", "train.py", "export.py"}
TORCH_SUFFIX = "_torch.py"
HEAVY = {"torch", "onnxruntime", "onnx", "openvino", "ray", "gradio", "matplotlib", "av"}


def part_of(path: Path) -> str:
    """Return the part of the package that holds `path`: its folder, or its name at the top."""
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the full name of every import in `tree`, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node


def top_level(tree: ast.Module) -> Iterator[str]:
    """Yield the imports that run when the module is imported."""
    for node in tree.body:
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not guarded and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from (name for name, _ in imports(node))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def brings_torch(name: str) -> bool:
    """Return whether the import `name` loads a `*_torch.py` that imports torch at once."""
    paths = [SOURCE.parent.joinpath(*name.split(".")[:n]).with_suffix(".py") for n in range(2, 9)]
    return any(
        path.name.endswith(TORCH_SUFFIX)
        and path.exists()
        and any(other.split(".")[0] == "torch" for other in top_level(parsed(path)))
        for path in paths
    )


def test_every_part_has_a_layer() -> None:
    parts = {part_of(path) for path in FILES} - {"__init__", "__main__"}
    assert parts <= set(LEVEL)
    assert {"container", "cli", "errors", "limits"} <= parts


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_downwards_only(path: Path) -> None:
    part = part_of(path)
    if part in ("__init__", "__main__"):  # the face of the package; see the next test
        return
    for name, node in imports(parsed(path)):
        if not name.startswith("pauca."):
            continue
        other = name.split(".")[1]
        if other == "__version__":
            continue
        where = f"{path.name}:{node.lineno} imports {name}"
        assert other in LEVEL, where
        assert LEVEL[other] <= LEVEL[part], where
        if other != part:
            assert not any({part, other} <= group for group in SIBLINGS), where


def test_the_face_imports_only_light_parts_at_once() -> None:
    for name in top_level(parsed(SOURCE / "__init__.py")):
        if name.startswith("pauca."):
            assert LEVEL[name.split(".")[1]] <= LEVEL["container"], name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_torch_only_where_it_may_be(path: Path) -> None:
    domains = LAYERS[4] | {"apps"}
    named = path.name in TORCH_FILES or path.name.endswith(TORCH_SUFFIX)
    if part_of(path) == "nets" or (part_of(path) in domains and named):
        return
    assert not path.name.endswith(TORCH_SUFFIX), "torch by name, but not in a domain"
    for name in top_level(parsed(path)):
        assert name.split(".")[0] != "torch", name
        if name.startswith("pauca."):
            assert not brings_torch(name), name


@pytest.mark.parametrize(
    "part", ["cli", "container", "pixels", "metrics", "pack", "coding", "streams"]
)
def test_heavy_packages_are_imported_inside_functions(part: str) -> None:
    for path in (SOURCE / part).rglob("*.py"):
        for name in top_level(parsed(path)):
            assert name.split(".")[0] not in HEAVY, f"{path.name} imports {name}"


def test_decoder_modules_never_import_torch() -> None:
    script = "import sys, pauca.image.codec\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
