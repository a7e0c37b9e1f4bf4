"""Federated averaging of LeNet-300-100 on MNIST: coded updates beside plain float32.

    python benchmarks/nn/federated.py --data data/digits

Every client holds pictures of a few digits only. In a round it trains the common network on them
and sends what changed: as float32, or as a pauca update with error feedback. The server averages
what it has decoded and sends the new network back, coded in the same way.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from digits import Split, load_split
from evaluate import accuracy
from networks import LeNet300
from torch import nn

from pauca.nn.codec import decode_network
from pauca.nn.model import Network, Quantized
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest
from pauca.nn.update import Feedback, Floats, differences_of, encode_update


@dataclass
class Sender:
    """One end of the channel: it knows what the other end has, and what it still owes."""

    feedback: Feedback
    step: float  # in root mean squares of a tensor's difference

    def send(self, network: Network, known: Network) -> tuple[Network, int]:
        """Code what leads from `known` to `network`; return what arrives, and the bytes."""
        levels = self.feedback.quantize(differences_of(network, known), self._quantize)
        target = known.with_tensors(network.tensors)
        data = encode_update(target, known, levels)
        return decode_network(data, base=known), len(data)

    def _quantize(self, differences: Floats) -> dict[str, Quantized]:
        steps = {
            name: self.step * float(np.sqrt(np.square(d).mean())) or 1.0
            for name, d in differences.items()
        }
        return quantize_nearest(differences, NearestOptions(steps))


def shards(split: Split, clients: int, seed: int) -> list[Split]:
    """Divide by digit, two pieces a client: what one client sees is far from the whole."""
    order = torch.argsort(split.labels, stable=True)
    pieces = order.split(-(-len(order) // (2 * clients)))
    draw = np.random.default_rng(seed).permutation(2 * clients)
    chosen = [torch.cat([pieces[a], pieces[b]]) for a, b in draw.reshape(clients, 2)]
    return [Split(split.pictures[i], split.labels[i], split.mean, split.deviation) for i in chosen]


def train_locally(network: Network, shard: Split, steps: int, seed: int) -> Network:
    """Return the network after `steps` of SGD on a client's own pictures."""
    model = to_module(network)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.5)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        pick = torch.randint(len(shard.labels), (64,), generator=draw)
        loss = nn.functional.cross_entropy(
            model(shard.normalized(shard.pictures[pick])), shard.labels[pick]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return to_network(model)


def to_module(network: Network) -> nn.Module:
    model = LeNet300()
    model.load_state_dict({n: torch.from_numpy(np.array(a)) for n, a in network.tensors.items()})
    return model


def to_network(model: nn.Module) -> Network:
    return Network({n: p.detach().numpy().copy() for n, p in model.state_dict().items()})


def average(networks: list[Network]) -> Network:
    names = networks[0].tensors
    return Network(
        {n: np.mean([x.tensors[n] for x in networks], 0, dtype=np.float32) for n in names}
    )


@dataclass(frozen=True)
class Row:
    """A round: accuracy in percent, bytes that one client sends and receives."""

    round: int
    plain_accuracy: float
    coded_accuracy: float
    plain_bytes: int
    up_bytes: float
    down_bytes: float


def run(train: Split, test: Split, options: argparse.Namespace) -> list[Row]:
    torch.manual_seed(options.seed)
    plain = coded = to_network(LeNet300())
    parts = shards(train, options.clients, options.seed)
    senders = [Sender(Feedback(), options.step) for _ in parts]
    server = Sender(Feedback(), options.step)
    rows = []
    for number in range(1, options.rounds + 1):
        seeds = [1000 * number + i for i in range(len(parts))]
        local = [
            train_locally(plain, p, options.steps, s) for p, s in zip(parts, seeds, strict=True)
        ]
        plain = average(local)
        arrived, sizes = [], []
        for part, sender, seed in zip(parts, senders, seeds, strict=True):
            network, size = sender.send(train_locally(coded, part, options.steps, seed), coded)
            arrived.append(network)
            sizes.append(size)
        coded, down = server.send(average(arrived), coded)
        rows.append(
            Row(
                number,
                accuracy(to_module(plain), test),
                accuracy(to_module(coded), test),
                plain.nbytes,
                float(np.mean(sizes)),
                down,
            )
        )
        print(line(rows[-1]), flush=True)
    return rows


def line(row: Row) -> str:
    return (
        f"| {row.round} | {row.plain_accuracy:.2f} | {row.coded_accuracy:.2f} | {row.plain_bytes} "
        f"| {row.up_bytes:.0f} | {row.down_bytes:.0f} | {row.plain_bytes / row.up_bytes:.1f} |"
    )


HEAD = (
    "| round | float32, accuracy | coded, accuracy | float32, bytes | coded up, bytes "
    "| coded down, bytes | up, times smaller |\n|---:|---:|---:|---:|---:|---:|---:|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Federated averaging with coded updates.")
    parser.add_argument("--data", type=Path, default=Path("data/digits"), help="folder of the npz")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=60, help="of every client in a round")
    parser.add_argument("--step", type=float, default=1.5, help="between levels, in deviations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(HEAD)
    train, test = (load_split("lenet300", options.data, part) for part in ("train", "test"))
    run(train, test, copy.copy(options))


if __name__ == "__main__":
    main()
