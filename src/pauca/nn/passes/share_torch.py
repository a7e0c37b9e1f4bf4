"""Shared weights in torch modules: k-means, then the shared values themselves are trained.

The gradient of a shared value is the sum over the weights that share it (Deep Compression,
arXiv:1510.00149, section 3.2): that is what the gradient of indexing is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from pauca.nn.model import Quantized
from pauca.nn.passes.cost_torch import copied, tuned, weights_of
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.options import ShareOptions
from pauca.nn.quantize.kmeans import KMeansOptions, quantize_kmeans


class SharedValues(nn.Module):
    """A weight as indexes into a codebook, which is what is trained; a value of 0 stays 0."""

    labels: Tensor
    nonzero: Tensor

    def __init__(self, shared: Quantized, like: Tensor) -> None:
        super().__init__()
        assert shared.codebook is not None  # as k-means gives it
        self.register_buffer("labels", torch.from_numpy(shared.levels.astype("int64")))
        self.start = torch.from_numpy(shared.codebook).to(like)
        self.register_buffer("nonzero", self.start != 0)
        self.to(like.device)

    def forward(self, codebook: Tensor) -> Tensor:
        """(clusters,) to the weight in its shape."""
        values: Tensor = (codebook * self.nonzero)[self.labels]
        return values

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The codebook that training starts from."""
        return self.start


def share(module: nn.Module, options: ShareOptions, context: Context = NO_CONTEXT) -> nn.Module:
    """Return a copy with shared weights, the shared values fine-tuned by `context.train`."""
    out = copied(module)
    found = {(name, key): value for name, key, value in weights_of(out, options.skip)}
    arrays = {f"{n}.{k}": v.detach().cpu().numpy() for (n, k), v in found.items()}
    shared = quantize_kmeans(arrays, KMeansOptions(options.clusters, options.rounds))
    if context.train is None:
        with torch.no_grad():
            for (name, key), value in found.items():
                value.copy_(torch.from_numpy(shared[f"{name}.{key}"].values()))
        return out
    for (name, key), value in found.items():
        values = SharedValues(shared[f"{name}.{key}"], value.detach())
        # unsafe: what is trained has another shape than the weight.
        parametrize.register_parametrization(out.get_submodule(name), key, values, unsafe=True)
    tuned(out, context.train)
    for name, key in found:
        layer = out.get_submodule(name)
        weight = getattr(layer, key).detach().clone()
        parametrize.remove_parametrizations(layer, key, leave_parametrized=False)
        setattr(layer, key, nn.Parameter(weight))
    return out
