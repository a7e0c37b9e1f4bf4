"""The critic leaves the other side alone, takes any size, and energies see texture."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from pauca.image.look_torch import LookConfig, LookModel  # noqa: E402
from pauca.nets.colour import to_ycc  # noqa: E402
from pauca.nets.look import (  # noqa: E402
    LEAST,
    Critic,
    crisp,
    energies,
    texture_distance,
    visual_information,
)
from pauca.nets.loop import load_averaged  # noqa: E402

SHIPPED = Path(__file__).parents[2] / "training/img-psnr-natural-0.2.0.pt"


@pytest.mark.parametrize("planes", [1, 3])
def test_critic_takes_any_size_and_gives_gradients_to_the_picture_alone(planes: int) -> None:
    critic = Critic(4, planes)
    x = torch.rand(1, planes, 40, 56) * 255
    x.requires_grad_()
    scores = critic.judged(x, torch.zeros_like(x))
    assert scores.shape == (1, 1, 5, 7) and torch.equal(scores, critic(x, torch.zeros_like(x)))
    scores.mean().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert all(p.grad is None for p in critic.parameters())


def test_neither_side_of_a_contest_moves_the_other() -> None:
    critic = Critic(4, 1)
    real, plain = (torch.rand(2, 1, 32, 32) * 255 for _ in range(2))
    fake = (real + 20 * torch.randn(real.shape)).requires_grad_()
    fooled, own = critic.contest(real, fake, plain)
    own.backward()
    assert fake.grad is None and all(p.grad is not None for p in critic.parameters())
    critic.zero_grad()
    fooled.backward()
    assert fake.grad is not None and all(p.grad is None for p in critic.parameters())


def test_a_critic_learns_to_tell() -> None:
    torch.manual_seed(0)
    critic = Critic(8, 1)
    optimizer = torch.optim.Adam(critic.parameters(), 2e-3)
    plain = torch.full((4, 1, 32, 32), 120.0)
    losses = []
    for _ in range(60):
        real = plain + 20 * torch.randn(plain.shape)
        _, loss = critic.contest(real, plain, plain)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_energies_see_texture_and_not_where_it_lies() -> None:
    torch.manual_seed(0)
    a, b = (120 + 20 * torch.randn(1, 1, LEAST, LEAST) for _ in range(2))
    flat = torch.full_like(a, 120.0)
    assert texture_distance(a, a) == 0
    assert texture_distance(a, b) < 0.2 * texture_distance(a, flat)
    assert torch.allclose(energies(a), energies(a - 20), atol=1e-2)  # of any brightness


def test_checkpoint_of_the_shipped_look_still_loads() -> None:
    model = load_averaged(SHIPPED, lambda sizes: LookModel(LookConfig(**sizes)))
    assert isinstance(model, LookModel) and model.critic.layers[0].weight.shape[1] == 6


def test_visual_information_falls_with_blur_and_rises_with_contrast() -> None:
    data = pytest.importorskip("skimage.data")
    x = torch.from_numpy(data.camera()[100:228, 180:308].copy())[None, None].float()
    blurred = torch.nn.functional.avg_pool2d(x, 3, 1, 1)
    strong = (x - x.mean()) * 1.1 + x.mean()
    noisy = x + 12 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    assert float(visual_information(x, x)) == pytest.approx(1.0, abs=0.01)
    assert float(visual_information(blurred, x)) < 0.85
    assert float(visual_information(noisy, x)) < 0.85
    assert float(visual_information(strong, x)) > 1.02


def test_crisp_pictures_have_more_contrast_and_the_same_colours() -> None:
    x = 64.0 + 128.0 * torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(5))
    found, plain = to_ycc(crisp(x, 0.2)), to_ycc(x)
    assert float(found[:, 0].std()) > 1.1 * float(plain[:, 0].std())
    assert torch.allclose(found[:, 1:], plain[:, 1:], atol=0.01)
    assert torch.equal(crisp(x, 0.0), x)
    flat = torch.full((1, 3, 48, 48), 77.0)
    assert torch.allclose(crisp(flat, 0.5), flat, atol=1e-3)
