"""The loss is the metric."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
data = pytest.importorskip("skimage.data")

from pauca.metrics import ssim  # noqa: E402
from pauca.nets.msssim import ms_ssim  # noqa: E402


@pytest.mark.parametrize("shape", [(161, 161), (200, 256), (171, 233)])
def test_like_the_metric(shape: tuple[int, int]) -> None:
    a = data.astronaut()[: shape[0], : shape[1]]
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 20, a.shape)
    b = np.stack([(a + noise).clip(0, 255), np.roll(a, 2, 1)]).astype(np.uint8)
    x = torch.from_numpy(np.stack([a, a]).transpose(0, 3, 1, 2).astype(np.float32))
    y = torch.from_numpy(b.transpose(0, 3, 1, 2).astype(np.float32)).requires_grad_()
    found = ms_ssim(x, y)
    wanted = [ssim.ms_ssim(a, b[0]), ssim.ms_ssim(a, b[1])]
    assert found.tolist() == pytest.approx(wanted, abs=2e-5)
    found.sum().backward()
    assert torch.isfinite(y.grad).all() and y.grad.abs().sum() > 0


def test_equal_pictures_and_opposite_ones_have_gradients() -> None:
    x = torch.rand(1, 3, 176, 176) * 255
    y = x.clone().requires_grad_()
    assert ms_ssim(x, y).item() == pytest.approx(1.0, abs=1e-6)
    z = (255 - x).requires_grad_()
    ms_ssim(x, z).sum().backward()
    assert torch.isfinite(z.grad).all()


def test_autocast_does_not_make_it_coarse() -> None:
    a = torch.from_numpy(data.astronaut()[:200, :200].transpose(2, 0, 1).copy())[None].float()
    b = (a + 8 * torch.randn(a.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 255)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = ms_ssim(a, b)
    assert coarse.item() == pytest.approx(ms_ssim(a, b).item(), abs=1e-6)
