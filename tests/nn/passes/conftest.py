"""One trained network for all passes."""

from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch")

from nn import glyphs  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for each other's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def parent() -> glyphs.Parent:
    return glyphs.parent()


@pytest.fixture(scope="session")
def exported(parent: glyphs.Parent) -> object:
    """The trained network as an ONNX model."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    from pauca.nn.passes.interface import Context, apply_pass

    return apply_pass("export", parent.module, Context(example=parent.example))[0]
