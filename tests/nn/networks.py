"""Networks for tests: every element type, many shapes, and the look of trained weights."""

import numpy as np

from pauca.nn.dtypes import DTYPES, REAL, Array, DType, from_floats
from pauca.nn.model import Network

SHAPES = [(0,), (3, 0), (), (1,), (7,), (33, 5), (4, 3, 3, 3), (70, 61)]


def tensor(dtype: DType, shape: tuple[int, ...], seed: int = 0) -> Array:
    """Return noise of `dtype`: Gaussian where it holds real numbers, any bits elsewhere."""
    rng = np.random.default_rng(seed)
    count = int(np.prod(shape))
    if dtype.name in REAL:
        return from_floats(rng.normal(size=count).astype(np.float32), dtype).reshape(shape)
    if dtype.name == "bool":
        return (rng.random(count) < 0.3).reshape(shape)
    return np.frombuffer(rng.bytes(count * dtype.size), dtype.numpy).reshape(shape)


def every_type() -> Network:
    """Return a network with a tensor of every type in every shape."""
    return Network(
        {f"{d.name}.{shape}": tensor(d, shape, k) for k, d in enumerate(DTYPES) for shape in SHAPES}
    )


def small() -> Network:
    """Return two layers and their statistics, 13,212 elements in 9 tensors."""
    rng = np.random.default_rng(1)

    def noise(*shape: int) -> Array:
        return rng.normal(0, 0.05, shape).astype(np.float32)

    return Network(
        {
            "fc1.weight": noise(100, 120),
            "fc1.bias": noise(100),
            "bn.weight": 1 + noise(100),
            "bn.bias": noise(100),
            "bn.running_mean": noise(100),
            "bn.running_var": np.exp(30 * noise(100)),
            "bn.num_batches_tracked": np.array(1234, np.int64),
            "fc2.weight": noise(7, 100),
            "fc2.bias": noise(11),
        }
    )


def assert_same(a: Network, b: Network) -> None:
    """Assert that tensors, in their order, are equal to the bit."""
    assert list(a.tensors) == list(b.tensors)
    for name, array in a.tensors.items():
        other = b.tensors[name]
        assert (array.dtype, array.shape) == (other.dtype, other.shape), name
        assert array.tobytes() == other.tobytes(), name
