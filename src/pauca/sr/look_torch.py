"""The natural look of super-resolution: the same network, trained to look like a photograph.

An average of all pictures that a small one may come from is smooth; against a discriminator the
network draws one of them (Ledig et al., arXiv:1609.04802). What it adds is invented.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from pauca.nets.look import Critic
from pauca.nets.loop import load_matching
from pauca.sr.model import SrConfig, SrModel


@dataclass(frozen=True)
class LookConfig:
    """Sizes of the network, as a checkpoint holds them, and of the discriminator."""

    network: dict[str, Any]
    width: int = 32  # channels of the discriminator's first layer


class SrLook(nn.Module):
    """The network, what it began as, and the critic, which knows the picture that one gives."""

    def __init__(self, config: LookConfig) -> None:
        super().__init__()
        self.config = config
        sizes = SrConfig(**config.network)
        self.generator = SrModel(sizes)
        self.start = SrModel(sizes).requires_grad_(False)
        self.critic = Critic(config.width, 1)  # of luma

    def forward(self, x: Tensor) -> Tensor:
        """As the network does it, planes to larger planes."""
        y: Tensor = self.generator(x)
        return y


def look_from(start: SrModel) -> SrLook:
    """A look that has learned nothing yet: the network itself."""
    look = SrLook(LookConfig(asdict(start.config)))
    for part in (look.generator, look.start):
        load_matching(part, start.state_dict())
    return look
