"""Fake quantization in training equals the integer networks that run."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pauca.nets.export import U8, block_steps, integer_layer  # noqa: E402
from pauca.nets.integer import UNIT, BranchedConv, IntBlock, IntConv, set_exact  # noqa: E402
from pauca.nets.lifting import analysis_level, synthesis_level  # noqa: E402
from pauca.pack.intnet import Program, run_plain  # noqa: E402
from pauca.pixels.lifting import BOX26, CDF97  # noqa: E402


@pytest.mark.parametrize("branches", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_exact_block_equals_its_program(seed: int, branches: bool) -> None:
    torch.manual_seed(seed)
    block = IntBlock(12, branches=branches)
    for layer in (block.depth, block.up, block.down):
        for part in set(layer.parameters()) - {layer.bias}:
            torch.nn.init.normal_(part, std=0.4)
        # Biases on the grid of the sums, as they are exported.
        layer.bias.data = torch.randint(-64, 64, layer.bias.shape) / UNIT
    set_exact(block, True)
    x = torch.randint(0, 256, (1, 12, 7, 9))
    with torch.no_grad():
        y = block(x.float() / UNIT)[0] * UNIT
    names = {"depth": (-128, 127), "up": U8, "down": (-32768, 32767)}
    layers = {f"n.{k}": integer_layer(getattr(block, k), clamp) for k, clamp in names.items()}
    program = Program((("x", 12),), ("y",), tuple(block_steps("n", "x", "y")))
    out = run_plain(program, layers, {"x": x[0].permute(1, 2, 0).numpy()})["y"]
    assert np.array_equal(out, y.permute(1, 2, 0).numpy())
    assert 0 < out.min() + out.max() and len(np.unique(out)) > 20


def test_branches_are_convolutions_of_their_own() -> None:
    torch.manual_seed(1)
    conv = BranchedConv(5)
    for part in conv.parameters():
        torch.nn.init.normal_(part)
    x = torch.randn(2, 5, 8, 6)
    pads = ((conv.weight, 1), (conv.across, (0, 1)), (conv.down, (1, 0)), (conv.centre, 0))
    apart = [torch.nn.functional.conv2d(x, w, None, 1, pad, 1, 5) for w, pad in pads]
    assert torch.allclose(conv(x), sum(apart) + conv.bias.view(1, 5, 1, 1), atol=1e-5)


def test_quantized_weights_stay_near() -> None:
    torch.manual_seed(0)
    conv = IntConv(32, 16)
    from pauca.nets.integer import quantized_weight

    error = (quantized_weight(conv.weight) - conv.weight).abs().amax(1)
    assert (error <= conv.weight.abs().amax(1) / 127).all()
    assert conv.weight.grad is None
    quantized_weight(conv.weight).sum().backward()
    assert torch.allclose(conv.weight.grad, torch.ones_like(conv.weight))


@pytest.mark.parametrize(("wavelet", "near"), [(CDF97, 0.15), (BOX26, 0.3)])
def test_lifting_inverts_and_is_almost_orthonormal(wavelet: str, near: float) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 32, 48, dtype=torch.float64)
    low, details = analysis_level(x, wavelet)
    assert low.shape == (2, 3, 16, 24) and details.shape == (2, 3, 3, 16, 24)
    assert torch.allclose(synthesis_level(low, details, wavelet), x)
    from pauca.image.layout import band_gain

    energy = (low / band_gain(1, 3, [wavelet])).square().sum()
    for band in range(3):
        energy = energy + (details[:, :, band] / band_gain(1, band, [wavelet])).square().sum()
    assert energy.item() == pytest.approx(x.square().sum().item(), rel=near)


def test_fused_rounding_is_the_plain_rule_and_passes_gradients_where_it_holds() -> None:
    from pauca.nets.integer import S8_MAX, S8_MIN, UNIT, IntBlock, round_clamp, round_ste

    y = (torch.randn(1000) * 6).requires_grad_()
    z = y.detach().clone().requires_grad_()
    fused = round_clamp(y, S8_MIN, S8_MAX)
    plain = torch.nn.functional.hardtanh(round_ste(z * UNIT) / UNIT, S8_MIN, S8_MAX)
    assert torch.equal(fused, plain)
    weight = torch.randn(1000)
    (fused * weight).sum().backward()
    (plain * weight).sum().backward()
    assert y.grad is not None and z.grad is not None
    differing = (y.grad != z.grad).float().mean()  # within half a unit of the ends
    assert differing < 0.01 and 0.05 < (y.grad == 0).float().mean() < 0.95
    block = IntBlock(8)
    torch.nn.init.normal_(block.down.weight)
    set_exact(block, True)
    x = (torch.randint(256, (1, 8, 5, 5)) / UNIT).requires_grad_()
    out = block(x)
    assert torch.equal(torch.floor(out * UNIT + 0.5) / UNIT, out) and out.max() <= 255 / UNIT
    out.sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all() and (x.grad != 0).any()
