"""Structured pruning: fewer channels, fewer multiplications, sums and concatenations intact."""

import pytest
import torch
from nn.glyphs import GlyphNet, Parent
from torch import Tensor, nn

from pauca.errors import UnsupportedError
from pauca.nn.passes.channels_torch import prune_channels
from pauca.nn.passes.cost_torch import count_macs
from pauca.nn.passes.groups_torch import trace_groups
from pauca.nn.passes.interface import Context, apply_pass
from pauca.nn.passes.options import ChannelOptions


def test_the_network_shrinks_and_learns_again(parent: Parent) -> None:
    context = Context(example=parent.example, train=parent.tune(1, 3e-3), evaluate=parent.accuracy)
    out, report = apply_pass("channels", parent.module, context, ratio=0.5)
    assert report.before.macs == 253_312 and report.after.macs == 71_360
    assert report.after.parameters < 0.3 * report.before.parameters
    assert report.before.accuracy is not None and report.after.accuracy is not None
    assert report.after.accuracy > report.before.accuracy - 12
    assert isinstance(out, GlyphNet)
    # conv2 and point are summed: one group; the depthwise layer between them follows.
    assert out.conv1.out_channels == 8 and out.conv2.in_channels == 8
    assert out.conv2.out_channels == out.depth.groups == out.point.out_channels == 16
    assert out.norm3.num_features == 16 and out.fc1.in_features == 16 * 9
    assert out.fc1.out_features == out.fc2.in_features == 32 and out.fc2.out_features == 16
    assert count_macs(parent.module, parent.example) == 253_312


def test_channels_of_zero_are_those_that_go_and_nothing_changes(parent: Parent) -> None:
    """What a cut channel fed into is gone with it, wherever it lay."""
    module = GlyphNet().eval()
    with torch.no_grad():
        first, summed = torch.randperm(16)[:8], torch.randperm(32)[:16]
        for conv, norm, dead in (
            (module.conv1, module.norm1, first),
            (module.conv2, module.norm2, summed),
            (module.point, module.norm3, summed),
        ):
            norm.weight[dead] = norm.bias[dead] = 0
            conv.weight[dead] *= 1e-3
        module.fc1.weight[::2] = 0
        module.fc1.bias[::2] = 0
    expected = module(parent.test[0])
    for options in (ChannelOptions(0.5), ChannelOptions(0.5, skip=("fc",), criterion="gamma")):
        out = prune_channels(module, options, Context(example=parent.example))
        assert count_macs(out, parent.example) < 0.5 * count_macs(module, parent.example)
        torch.testing.assert_close(out(parent.test[0]), expected, rtol=1e-4, atol=1e-5)


def test_global_scope_and_multiples(parent: Parent) -> None:
    context = Context(example=parent.example)
    out = prune_channels(parent.module, ChannelOptions(0.6, "global"), context)
    shares = [out.conv1.out_channels / 16, out.conv2.out_channels / 32, out.fc1.out_features / 64]
    assert max(shares) - min(shares) > 0.05
    even = prune_channels(parent.module, ChannelOptions(0.7, multiple=8), context)
    assert (even.conv1.out_channels, even.conv2.out_channels, even.fc1.out_features) == (8, 16, 24)


class Branches(nn.Module):
    """Concatenation, broadcast products, a mean, a layer called twice, a grouped convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(3, 12, 3, padding=1)
        self.twice = nn.Conv2d(20, 20, 1)
        self.gate = nn.Conv2d(20, 1, 1)
        self.group = nn.Conv2d(20, 20, 3, padding=1, groups=4)
        self.head = nn.Linear(20, 6)
        self.last = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.a(x).relu(), self.b(x)], 1)
        x = self.twice(self.twice(x))
        x = x * torch.sigmoid(self.gate(x))
        x = self.group(x).mean((2, 3))
        return self.last(self.head(x))


def test_what_is_not_understood_keeps_its_channels() -> None:
    module, x = Branches().eval(), torch.randn(2, 3, 8, 8)
    out = prune_channels(module, ChannelOptions(0.5), Context(example=x))
    assert out(x).shape == (2, 2)
    assert out.head.out_features == 3 and out.gate.out_channels == 1
    # The layer that is called twice ties its outputs to its inputs, and those end in the group.
    assert out.group.in_channels == 20 == out.twice.out_channels
    groups = trace_groups(module, x)
    assert {use.layer for use in groups.uses} == {"a", "b", "twice", "gate", "head", "last"}


class Fire(nn.Module):
    """SqueezeNet's module."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(3, 8, 1)
        self.one, self.three = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, padding=1)
        self.out = nn.Conv2d(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x).relu()
        return self.out(torch.cat([self.one(x), self.three(x)], dim=1).relu())


def test_concatenated_channels_are_cut_at_their_places() -> None:
    torch.manual_seed(0)
    module, x = Fire().eval(), torch.randn(1, 3, 6, 6)
    with torch.no_grad():
        for layer, dead in ((module.one, [1, 2, 5, 7]), (module.three, [0, 3, 4, 6])):
            layer.weight[dead] = layer.bias[dead] = 0
    out = prune_channels(module, ChannelOptions(0.5, skip=("squeeze",)), Context(example=x))
    assert out.out.in_channels == 8
    torch.testing.assert_close(out(x), module(x))


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class WrittenOut(nn.Module):
    """A size in the code that pruning would make wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 4, 1), nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).view(-1, 16))


def test_refused_in_one_line(parent: Parent) -> None:
    x = torch.randn(1, 1, 2, 2)
    for module, words in (
        (Branching(), "cannot trace this module"),
        (WrittenOut(), "no channels can be cut"),
        (nn.Conv2d(1, 4, 1), "no channels can be cut"),
    ):
        with pytest.raises(UnsupportedError, match=words) as caught:
            prune_channels(module, ChannelOptions(), Context(example=x))
        assert "\n" not in str(caught.value)
    with pytest.raises(UnsupportedError, match="takes torch models, not onnx"):
        onnx = pytest.importorskip("onnx")
        apply_pass("channels", onnx.ModelProto())
