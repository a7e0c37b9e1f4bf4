"""Shared weights, low rank and distillation."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from nn.gemms import model_of
from nn.glyphs import GlyphNet, Parent
from onnx import helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from pauca.bench.nn_huffman import decode_huffman, encode_huffman
from pauca.errors import InputError, UnsupportedError
from pauca.nn.passes.coded import codebooks_of
from pauca.nn.passes.cost_torch import network_of
from pauca.nn.passes.distill_torch import distillation_loss
from pauca.nn.passes.interface import Context, apply_pass
from pauca.nn.passes.low_rank_onnx import factorize as factorize_onnx
from pauca.nn.passes.low_rank_torch import factorize
from pauca.nn.passes.options import DistillOptions, LowRankOptions


def test_prune_then_share_then_code(parent: Parent) -> None:
    """Deep Compression, with both coders behind it."""
    context = Context(train=parent.tune(1, 2e-3), evaluate=parent.accuracy)
    pruned, first = apply_pass("prune", parent.module, context, sparsity=0.6)
    raw, _ = apply_pass("share", pruned, clusters=6)
    shared, report = apply_pass("share", pruned, context, clusters=6)
    for name, p in shared.named_parameters():
        if p.ndim > 1:
            assert len(p.unique()) <= 6, name
            cut = pruned.get_parameter(name) == 0
            assert bool((p[cut] == 0).all()), name  # what was pruned stays pruned
    assert report.after.accuracy is not None and report.before.accuracy is not None
    assert report.after.accuracy > report.before.accuracy - 6
    assert report.after.accuracy >= parent.accuracy(raw)
    assert report.after.coded_bytes < first.before.coded_bytes / 8
    codebooks = codebooks_of(network_of(shared).tensors)
    assert codebooks.keys() >= {"conv2.weight", "point.weight", "fc1.weight", "fc2.weight"}
    coded = {name: encode_huffman(q.levels) for name, q in codebooks.items()}
    for name, q in codebooks.items():
        np.testing.assert_array_equal(decode_huffman(coded[name]), q.levels.reshape(-1))
        np.testing.assert_array_equal(q.values(), network_of(shared).tensors[name])
    books = sum(q.codebook.nbytes for q in codebooks.values() if q.codebook is not None)
    huffman = sum(len(data) for data in coded.values()) + books
    floats = sum(4 * q.levels.size for q in codebooks.values())
    assert huffman < floats / 10
    assert shared.state_dict().keys() == parent.module.state_dict().keys()


def test_gradients_are_summed_over_what_is_shared() -> None:
    from pauca.nn.model import Quantized
    from pauca.nn.passes.share_torch import SharedValues

    levels = np.array([[0, 1, 1], [2, 1, 0]], np.int32)
    book = np.array([0.0, 0.5, -1.0], np.float32)
    values = SharedValues(Quantized(levels, 1.0, book), torch.zeros(1))
    codebook = torch.tensor(book, requires_grad=True)
    (values(codebook) * torch.tensor([[1.0, 2, 3], [4, 5, 6]])).sum().backward()
    assert codebook.grad is not None
    assert codebook.grad.tolist() == [0, 10, 4]  # zero is kept at zero


def test_onnx_sharing(parent: Parent, exported: object) -> None:
    _, report = apply_pass("share", exported, Context(evaluate=parent.onnx_accuracy), clusters=16)
    assert report.after.coded_bytes < report.before.coded_bytes / 4
    assert report.after.accuracy is not None and report.after.accuracy > 90


def test_low_rank_has_fewer_multiplications(parent: Parent) -> None:
    context = Context(example=parent.example, train=parent.tune(1, 2e-3), evaluate=parent.accuracy)
    out, report = apply_pass("low-rank", parent.module, context, energy=0.8)
    assert report.before.macs is not None and report.after.macs is not None
    assert report.after.macs < 0.75 * report.before.macs
    assert report.after.parameters < 0.65 * report.before.parameters
    assert report.after.accuracy is not None and report.before.accuracy is not None
    assert report.after.accuracy > report.before.accuracy - 6
    assert isinstance(out.fc1, nn.Sequential)


@pytest.mark.parametrize("split", ["channel", "spatial"])
def test_full_rank_is_the_same_layer(split: str) -> None:
    """A kernel of low rank is found exactly, with strides, padding and bias."""
    torch.manual_seed(0)
    conv = nn.Conv2d(24, 32, (3, 5), stride=2, padding=(1, 2)).eval()
    with torch.no_grad():
        if split == "channel":
            weight = torch.randn(32, 3) @ torch.randn(3, 24 * 15)
            conv.weight.copy_(weight.reshape(32, 24, 3, 5))
        else:
            down, across = torch.randn(3, 24, 3), torch.randn(32, 3, 5)
            conv.weight.copy_(torch.einsum("rih,orw->oihw", down, across))
    module, x = nn.Sequential(conv), torch.randn(2, 24, 9, 11)
    out = factorize(module, LowRankOptions(0.9999999, split=split))
    assert out[0][0].out_channels == 3
    torch.testing.assert_close(out(x), module(x), rtol=1e-3, atol=1e-3)
    half = factorize(module, LowRankOptions(ratio=0.25, split=split))
    assert 3 <= half[0][0].out_channels < 32


def test_low_rank_of_a_graph(parent: Parent, exported: Any) -> None:
    context = Context(example=parent.example, evaluate=parent.onnx_accuracy)
    out, report = apply_pass("low-rank", exported, context, energy=0.93)
    assert report.before.macs is not None and report.after.macs is not None
    assert report.after.macs < report.before.macs
    assert report.after.parameters < 0.95 * report.before.parameters
    assert report.after.accuracy is not None and report.after.accuracy > 85
    onnx.checker.check_model(out)
    assert [v.name for v in out.graph.input] == [v.name for v in exported.graph.input]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", ["MatMul", "Gemm"])
def test_full_rank_is_the_same_node(kind: str, turned: bool) -> None:
    if kind == "MatMul" and turned:
        pytest.skip("MatMul turns nothing")
    rng = np.random.default_rng(1)
    weight = (rng.normal(size=(20, 2)) @ rng.normal(size=(2, 30))).astype(np.float32)
    bias = rng.normal(size=30).astype(np.float32)
    arrays = {"w": np.ascontiguousarray(weight.T) if turned else weight, "b": bias}
    names = ["x", "w", "b"] if kind == "Gemm" else ["x", "w"]
    extra = {"transB": int(turned), "alpha": 0.5} if kind == "Gemm" else {}
    nodes = [helper.make_node(kind, names, ["y"], **extra)]
    model = model_of(nodes, arrays, ["n", 20], ["n", 30])
    out = factorize_onnx(model, LowRankOptions(0.9999999))
    assert [list(t.dims) for t in out.graph.initializer if "/" in t.name] == [[20, 2], [2, 30]]
    assert "w" not in [t.name for t in out.graph.initializer]
    x = rng.normal(size=(4, 20)).astype(np.float32)
    before, after = (ReferenceEvaluator(m).run(None, {"x": x})[0] for m in (model, out))
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def test_a_weight_of_two_nodes_stays() -> None:
    weight = np.outer(np.arange(1.0, 21), np.arange(1.0, 21)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("MatMul", ["h", "w"], ["y"]),
    ]
    with pytest.raises(UnsupportedError, match="no layer gets cheaper"):
        factorize_onnx(model_of(nodes, {"w": weight}, ["n", 20], ["n", 20]), LowRankOptions())


def test_low_rank_refuses_what_gains_nothing(parent: Parent) -> None:
    with pytest.raises(UnsupportedError, match="no layer gets cheaper"):
        factorize(parent.module, LowRankOptions(1.0, split="channel", skip=("fc1",)))


def test_a_teacher_helps_a_student(parent: Parent) -> None:
    torch.manual_seed(0)
    student = GlyphNet(6)
    few = [(x, None) for x, _ in parent.batches]  # no labels at all
    context = Context(batches=few, teacher=parent.module, evaluate=parent.accuracy)
    out, report = apply_pass("distill", student, context, rate=6e-3)
    assert report.after.accuracy is not None and report.before.accuracy is not None
    assert report.after.accuracy > report.before.accuracy + 30
    assert out.training and not parent.module.training
    with pytest.raises(InputError, match="needs a teacher"):
        apply_pass("distill", student)


def test_distillation_loss() -> None:
    teacher, labels = torch.tensor([[2.0, -1.0, 0.5]]), torch.tensor([0])
    options = DistillOptions(temperature=3, weight=1.0)
    assert float(distillation_loss(teacher, teacher, labels, options)) == pytest.approx(0, abs=1e-6)
    student = torch.zeros(1, 3)
    p = (teacher / 3).softmax(1)
    expected = 9 * float((p * (p.log() - np.log(1 / 3))).sum())
    assert float(distillation_loss(student, teacher, None, options)) == pytest.approx(expected)
    hard = DistillOptions(weight=0.0)
    assert float(distillation_loss(student, teacher, labels, hard)) == pytest.approx(np.log(3))
