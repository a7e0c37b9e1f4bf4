"""One interface for all passes: model and options in, model of the same kind and report out."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pauca.container.files import PathLike
from pauca.errors import InputError, UnsupportedError
from pauca.nn.passes import options as opt

Model = Any  # torch.nn.Module or onnx.ModelProto


@dataclass(frozen=True)
class Context:
    """What the caller can do that a pass cannot: run, train and judge the network.

    `example`: one batch of inputs, a tensor or a tuple; for ONNX a dict of arrays too. `train`
    trains a torch module in place, whatever a pass holds fixed staying fixed. `evaluate` gives the
    accuracy of a model, `latency` its milliseconds. `feeds` are dicts of arrays by input name for
    calibration; `batches` (inputs, labels) and `teacher` serve observation and distillation.
    """

    example: Any = None
    train: Callable[[Any], None] | None = None
    evaluate: Callable[[Model], float] | None = None
    latency: Callable[[Model], float] | None = None
    feeds: Iterable[Mapping[str, Any]] | None = None
    batches: Sequence[tuple[Any, Any]] | None = None
    teacher: Any = None


NO_CONTEXT = Context()


@dataclass(frozen=True)
class Cost:
    """What a model costs. None is what could not be counted, or was not asked for.

    `file_bytes`: ONNX file, or the tensors of a torch module. `coded_bytes`: our stream of it,
    tensors of few values as codebooks and all others lossless. `nonzero`: share of the elements of
    matrices and filters that are not 0. `macs`: multiply-accumulates of one run of the example.
    """

    file_bytes: int
    coded_bytes: int
    parameters: int
    nonzero: float
    macs: int | None = None
    accuracy: float | None = None
    latency_ms: float | None = None


@dataclass(frozen=True)
class PassReport:
    """One pass: its name and options, and the model's cost before and after."""

    name: str
    settings: dict[str, Any]
    before: Cost
    after: Cost

    def to_json(self) -> str:
        """The report as a line of JSON."""
        return json.dumps(asdict(self))

    def lines(self) -> list[str]:
        """Name, and one line a number, before and after."""
        out = [f"{self.name} " + " ".join(f"{k}={v}" for k, v in self.settings.items())]
        for name, old in asdict(self.before).items():
            new = getattr(self.after, name)
            if old is not None or new is not None:
                out.append(f"  {name}: {_text(old)} -> {_text(new)}")
        return out


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


@dataclass(frozen=True)
class Pass:
    """A pass by name: its options, and for each kind of model the function "module:name"."""

    name: str
    options: type
    runs: Mapping[str, str] = field(default_factory=dict)


_HERE = "pauca.nn.passes"
PASSES = {
    entry.name: entry
    for entry in (
        Pass(
            "prune", opt.PruneOptions, {"torch": "prune_torch:prune", "onnx": "onnx_weights:prune"}
        ),
        Pass("channels", opt.ChannelOptions, {"torch": "channels_torch:prune_channels"}),
        Pass(
            "share", opt.ShareOptions, {"torch": "share_torch:share", "onnx": "onnx_weights:share"}
        ),
        Pass(
            "low-rank",
            opt.LowRankOptions,
            {"torch": "low_rank_torch:factorize", "onnx": "low_rank_onnx:factorize"},
        ),
        Pass("binary", opt.BinaryOptions, {"torch": "binary_torch:binarize"}),
        Pass("distill", opt.DistillOptions, {"torch": "distill_torch:distill"}),
        Pass("qat", opt.QatOptions, {"torch": "qat_torch:train_quantized"}),
        Pass("export", opt.ExportOptions, {"torch": "export_torch:export"}),
        Pass("int8", opt.Int8Options, {"onnx": "int8:quantize_static"}),
        Pass("int8-dynamic", opt.DynamicOptions, {"onnx": "int8:quantize_dynamic"}),
    )
}


def kind_of(model: Model) -> str:
    """Return "torch" or "onnx"; `InputError` for anything else."""
    # By name: asking for the class would import torch where nothing of it is used.
    names = {f"{base.__module__}.{base.__qualname__}" for base in type(model).__mro__}
    if "torch.nn.modules.module.Module" in names:
        return "torch"
    if any(name.endswith(".ModelProto") for name in names):
        return "onnx"
    raise InputError(f"a pass takes a torch module or an ONNX model, not {type(model).__name__}")


def apply_pass(
    name: str, model: Model, context: Context = NO_CONTEXT, **options: Any
) -> tuple[Model, PassReport]:
    """Run one pass by name and measure the model before and after; the model is not changed.

    Raises `InputError` (unknown pass, option or value, something missing from the context) and
    `UnsupportedError` (a kind of model, or a structure, that the pass cannot take).
    """
    _chosen(name, model)
    return _apply(name, model, context, options, cost_of(model, context))


def apply_recipe(
    steps: Sequence[Mapping[str, Any]], model: Model, context: Context = NO_CONTEXT
) -> tuple[Model, list[PassReport]]:
    """Run passes one after the other; a step is {"pass": NAME, option: value, ...}."""
    parsed = [_step(step) for step in steps]
    for name, options in parsed:  # the last step's mistake is found before the first step trains
        opt.parse_options(PASSES[name].options, options, name)
    cost = cost_of(model, context)
    reports = []
    for name, options in parsed:
        model, report = _apply(name, model, context, options, cost)
        cost = report.after
        reports.append(report)
    return model, reports


def read_recipe(path: PathLike) -> list[dict[str, Any]]:
    """Return the steps of a JSON file {"passes": [...]}, or of YAML where PyYAML is installed.

    `InputError` where it is no recipe, or names an unknown pass.
    """
    steps = load_steps(path)
    for step in steps:
        _step(step)
    return steps


def load_steps(path: PathLike) -> list[dict[str, Any]]:
    """Return the steps of a recipe file as they stand in it; `InputError` where it is none."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the recipe {path}: {error}") from error
    loads, wrong = _parser(Path(path).suffix)
    try:
        value = loads(text)
    except wrong as error:
        raise InputError(f"{path} is no recipe: {error}") from error
    steps = value.get("passes") if isinstance(value, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise InputError(f'{path} is no recipe: it must be {{"passes": [{{"pass": NAME}}, ...]}}')
    return steps


def _parser(suffix: str) -> tuple[Callable[[str], Any], type[Exception]]:
    if suffix.lower() not in (".yaml", ".yml"):
        return json.loads, ValueError
    try:
        yaml = importlib.import_module("yaml")
    except ImportError as error:
        raise InputError("YAML recipes need PyYAML; JSON needs nothing") from error
    return yaml.safe_load, yaml.YAMLError


def _step(step: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    name = step.get("pass")
    if name not in PASSES:
        raise InputError(f"no pass {name!r}; known: {', '.join(PASSES)}")
    return str(name), {key: value for key, value in step.items() if key != "pass"}


def _chosen(name: str, model: Model) -> Pass:
    found = PASSES[_step({"pass": name})[0]]
    if kind_of(model) not in found.runs:
        known = " or ".join(found.runs)
        raise UnsupportedError(f"pass {name!r} takes {known} models, not {kind_of(model)}")
    return found


def run_pass(
    name: str, model: Model, context: Context = NO_CONTEXT, **options: Any
) -> tuple[Model, Any]:
    """Run one pass by name without measuring anything; return the model and the options in full.

    Raises what `apply_pass` raises.
    """
    found = _chosen(name, model)
    parsed = opt.parse_options(found.options, options, name)
    module, _, function = found.runs[kind_of(model)].partition(":")
    run = getattr(importlib.import_module(f"{_HERE}.{module}"), function)
    return run(model, parsed, context), parsed


def _apply(
    name: str, model: Model, context: Context, options: Mapping[str, Any], before: Cost
) -> tuple[Model, PassReport]:
    result, parsed = run_pass(name, model, context, **options)
    return result, PassReport(name, asdict(parsed), before, cost_of(result, context))


def cost_of(model: Model, context: Context = NO_CONTEXT) -> Cost:
    """Measure a model; MACs need an example, accuracy and latency what the context has for them."""
    kind = kind_of(model)
    module = importlib.import_module(f"{_HERE}.{'cost_torch' if kind == 'torch' else 'onnx_graph'}")
    cost: Cost = module.cost(model, context.example)
    return replace(
        cost,
        accuracy=None if context.evaluate is None else float(context.evaluate(model)),
        latency_ms=None if context.latency is None else float(context.latency(model)),
    )
