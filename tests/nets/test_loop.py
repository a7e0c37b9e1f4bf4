"""What makes training fast where memory is what it waits for."""

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from pauca.nets.integer import U8_MAX, IntBlock, IntConv, round_clamp, set_exact  # noqa: E402

FAULTS = """
import resource, sys, torch
from pauca.nets.loop import keep_heap
if sys.argv[1] == "keep":
    keep_heap()
def faults(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        held = [torch.ones(n << 18) for n in (1, 2, 3)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(3)
print(faults(20))
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_freed_memory_is_used_again() -> None:
    kept, given_back = faults("keep"), faults("plain")
    assert kept < 200
    assert kept <= given_back


def test_exact_networks_keep_channels_last() -> None:
    net = torch.nn.Sequential(IntConv(8, 16), IntBlock(16))
    net.to(memory_format=torch.channels_last)
    set_exact(net, True)
    y = net(torch.rand(2, 8, 6, 6))
    assert y.is_contiguous(memory_format=torch.channels_last) and not y.is_contiguous()


def test_gradients_pass_where_the_clamp_does_not_hold() -> None:
    y = torch.tensor([-1.0, -0.01, 0.2, 3.99, U8_MAX + 0.5, 40.0], requires_grad=True)
    out = round_clamp(y, 0.0, U8_MAX)
    assert out.tolist() == [0.0, 0.0, 0.1875, 4.0, U8_MAX, U8_MAX]
    (grad,) = torch.autograd.grad(out.sum(), y)
    assert grad.tolist() == [0, 0, 1, 1, 0, 0]
