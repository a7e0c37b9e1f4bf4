"""Magnitude pruning of torch modules and ONNX graphs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from nn.glyphs import Parent
from torch import nn

from pauca.errors import InputError, UnsupportedError
from pauca.nn.passes.interface import Context, apply_pass
from pauca.nn.passes.masks import masks_of, pattern_mask
from pauca.nn.passes.options import PruneOptions
from pauca.nn.passes.prune_torch import prune


def zeros(module: nn.Module) -> dict[str, float]:
    return {n: float((p == 0).float().mean()) for n, p in module.named_parameters() if p.ndim > 1}


def test_fine_tuning_wins_accuracy_back_and_the_mask_stays(parent: Parent) -> None:
    raw, _ = apply_pass("prune", parent.module, sparsity=0.65)
    context = Context(train=parent.tune(1, 3e-3), evaluate=parent.accuracy)
    tuned, report = apply_pass("prune", parent.module, context, sparsity=0.65)
    assert report.after.nonzero == pytest.approx(0.35, abs=1e-3)
    assert report.after.coded_bytes < 0.6 * report.before.coded_bytes
    before, after = report.before.accuracy, report.after.accuracy
    assert before is not None and after is not None
    assert after > before - 6 and after > parent.accuracy(raw) + 5
    # Only trained weights differ, and those that were cut are still cut.
    for (name, a), (_, b) in zip(raw.named_parameters(), tuned.named_parameters(), strict=True):
        if a.ndim > 1:
            assert torch.equal(a == 0, b == 0), name
            assert not torch.equal(a, b), name
    assert type(tuned) is type(parent.module)
    assert tuned.state_dict().keys() == parent.module.state_dict().keys()
    assert not any(share for share in zeros(parent.module).values())  # the parent is untouched


def test_scopes(parent: Parent) -> None:
    by_layer = zeros(prune(parent.module, PruneOptions(0.5, "layer", skip=("fc2",))))
    assert by_layer.pop("fc2.weight") == 0
    assert all(share == pytest.approx(0.5, abs=0.01) for share in by_layer.values())
    by_all = zeros(prune(parent.module, PruneOptions(0.5)))
    assert max(by_all.values()) - min(by_all.values()) > 0.05


def test_n_of_m_along_the_inputs(parent: Parent) -> None:
    out = prune(parent.module, PruneOptions(pattern="2:4"))
    for layer in (out.get_submodule("conv2"), out.get_submodule("fc1")):
        weight = layer.weight.detach().movedim(1, -1).reshape(-1, 4)  # type: ignore[operator]
        assert torch.equal((weight != 0).sum(1), torch.full((len(weight),), 2))
    assert zeros(out)["conv1.weight"] == 0  # one input has no neighbours
    assert parent.accuracy(out) > 50


def test_masks() -> None:
    mask = pattern_mask(np.array([[5.0, -1, 2, -8, 3, 1, -2]]), 1, 3)
    assert mask.astype(int).tolist() == [[1, 0, 0, 1, 0, 0, 1]]
    # Of layers in different scales, each loses a like share, and ties do not lose more than asked.
    rng = np.random.default_rng(0)
    weights = {"a": rng.normal(size=(40, 50)), "b": 9 * rng.normal(size=(10, 20))}
    kept = masks_of(weights, PruneOptions(0.9))
    assert sum(int(m.sum()) for m in kept.values()) == 220
    assert 0.05 < kept["b"].mean() < 0.2
    ties = masks_of({"a": np.ones((3, 5))}, PruneOptions(0.4))
    assert int(ties["a"].sum()) == 9


def test_onnx_weights_only(parent: Parent, exported: Any) -> None:
    model = exported
    context = Context(example={"x0": parent.example.numpy()}, evaluate=parent.onnx_accuracy)
    out, report = apply_pass("prune", model, context, sparsity=0.4)
    assert report.after.nonzero == pytest.approx(0.6, abs=1e-3)
    assert report.after.macs == report.before.macs == 253_312
    assert report.after.accuracy is not None and report.after.accuracy > 85
    assert [n.op_type for n in out.graph.node] == [n.op_type for n in model.graph.node]
    # The same weights as in torch: 2:4 lies along the inputs whatever the graph's layout.
    ours = prune(parent.module, PruneOptions(pattern="2:4", skip=("conv", "depth", "point")))
    skip = [w.name for w in model.graph.initializer if not w.name.startswith("fc")]
    theirs, _ = apply_pass("prune", model, pattern="2:4", skip=skip)
    with torch.no_grad():
        expected = ours(parent.test[0]).numpy()
    np.testing.assert_allclose(parent.onnx_outputs(theirs), expected, atol=1e-3)


def test_refused(parent: Parent) -> None:
    for options, words in (
        ({"sparsity": 1.5}, "sparsity"),
        ({"pattern": "4:2"}, "n:m"),
        ({"scope": "all"}, "global, layer"),
        ({"amount": 0.5}, "no option 'amount'"),
        ({"sparsity": "half"}, "cannot be 'half'"),
    ):
        with pytest.raises(InputError, match=words):
            apply_pass("prune", parent.module, **options)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="no linear"):
        apply_pass("prune", nn.Sequential(nn.ReLU()))
    with pytest.raises(InputError, match="not dict"):
        apply_pass("prune", {"a": 1})
    assert replace(PruneOptions(), pattern="3:8").n_of_m() == (3, 8)
