"""The caller's own Python: a module to put weights in, and what trains it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pauca.errors import InputError
from pauca.nn.model import Network


def load_function(text: str, option: str) -> Callable[..., Any]:
    """Return the function or class NAME of FILE.py; `text` is FILE.py:NAME.

    The file runs as its user runs it: modules beside it can be imported.
    """
    file, colon, name = text.rpartition(":")
    path = Path(file)
    if not colon or path.suffix != ".py" or not name.isidentifier():
        raise InputError(f"{option} is FILE.py:NAME, not {text!r}")
    if not path.is_file():
        raise InputError(f"{option}: no file {path}")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # as it ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # foreign code
        raise InputError(f"{option}: {path} fails: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise InputError(f"{option}: {path} has no function {name!r}")
    return found  # type: ignore[no-any-return]


def module_of(network: Network, text: str) -> nn.Module:
    """Return the module that the factory FILE.py:NAME makes, with the tensors of `network`."""
    try:
        module = load_function(text, "--module")()
    except InputError:
        raise
    except Exception as error:  # foreign code
        raise InputError(f"--module: {text} fails: {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise InputError(f"--module: {text} gives {type(module).__name__}, not a torch module")
    state = {name: torch.from_numpy(a.copy()) for name, a in network.tensors.items()}
    # A counter of training steps, which no output depends on, may be missing.
    needed = {n for n in module.state_dict() if not n.endswith("num_batches_tracked")}
    if missing := needed - state.keys():
        raise InputError(f"the model file has no tensor {min(missing)!r} of the module")
    try:
        module.load_state_dict({n: t for n, t in state.items() if n in module.state_dict()}, False)
    except RuntimeError as error:
        line = " ".join(str(error).split())
        raise InputError(f"the model file does not fit the module: {line}") from error
    return module.eval()


def trainer_of(text: str) -> Callable[[nn.Module], None]:
    """Return the function FILE.py:NAME that trains a module in place."""
    run = load_function(text, "--train")

    def train(module: nn.Module) -> None:
        try:
            run(module)
        except Exception as error:  # foreign code
            raise InputError(f"--train: {type(error).__name__}: {error}") from error

    return train
