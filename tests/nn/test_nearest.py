import numpy as np
import pytest

from pauca.errors import InputError
from pauca.nn.dtypes import BY_NAME, from_floats, to_float32
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest, round_mantissas

WEIGHTS = {"a": np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32)}


def test_bits_give_the_largest_weight_the_largest_level() -> None:
    for bits in (2, 3, 8, 16):
        tensor = quantize_nearest(WEIGHTS, NearestOptions(bits=bits))["a"]
        assert np.abs(tensor.levels).max() == 2 ** (bits - 1) - 1
        assert np.abs(tensor.values() - WEIGHTS["a"]).max() <= tensor.step * 0.500001


def test_max_error_is_held_and_used() -> None:
    tensor = quantize_nearest(WEIGHTS, NearestOptions(max_error=0.03))["a"]
    error = np.abs(tensor.values() - WEIGHTS["a"]).max()
    assert 0.0295 < error <= 0.03 * 1.000001


def test_step_for_all_or_by_name_is_a_float32() -> None:
    tensor = quantize_nearest(WEIGHTS, NearestOptions(step=0.1))["a"]
    assert tensor.step == float(np.float32(0.1))
    assert quantize_nearest(WEIGHTS, NearestOptions(step={"a": 0.5}))["a"].step == 0.5


def test_types_and_zeros() -> None:
    half = {
        "h": from_floats(WEIGHTS["a"], BY_NAME["bfloat16"]),
        "z": np.zeros((2, 2)),
        "s": np.float32(3),
    }
    found = quantize_nearest({k: np.asarray(v) for k, v in half.items()}, NearestOptions(bits=4))
    assert np.abs(found["h"].values() - to_float32(half["h"])).max() <= found["h"].step * 0.500001
    assert not found["z"].levels.any()
    assert (found["s"].levels.shape, int(found["s"].levels)) == ((), 7)


@pytest.mark.parametrize(
    "options",
    [{}, {"bits": 4, "step": 0.1}, {"bits": 1}, {"bits": 17}],
)
def test_options_that_make_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(InputError):
        NearestOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (np.array([1.0, np.nan]), NearestOptions(bits=8)),
        (np.array([1, 2]), NearestOptions(bits=8)),
        (np.array([1e9]), NearestOptions(step=1e-9)),
        (np.array([1.0]), NearestOptions(step=0.0)),
        (np.array([1.0]), NearestOptions(step=-1.0)),
        (np.array([1.0]), NearestOptions(step=float("inf"))),
        (np.array([1.0]), NearestOptions(step={"b": 1.0})),
        (np.array([1.0]), NearestOptions(max_error=0.0)),
    ],
)
def test_what_cannot_be_quantized_is_named(array: np.ndarray, options: NearestOptions) -> None:
    with pytest.raises(InputError, match="'a'"):
        quantize_nearest({"a": array}, options)


@pytest.mark.parametrize("bits", [0, 1, 7, 10, 23])
def test_rounded_mantissas_bound_the_relative_error(bits: int) -> None:
    values = np.concatenate([WEIGHTS["a"].ravel() * 10.0**k for k in (-30, -3, 0, 30)])
    values = values.astype(np.float32)
    rounded = round_mantissas(values, bits)
    assert (np.abs(rounded - values) <= np.abs(values) * 2.0 ** -(bits + 1)).all()
    assert not (rounded.view(np.uint32) & np.uint32((1 << (23 - bits)) - 1)).any()
    if bits == 23:
        assert rounded.tobytes() == values.tobytes()


def test_rounded_mantissas_keep_what_is_no_number() -> None:
    edges = np.array([0, -0.0, np.inf, -np.inf, np.nan, 3.4028235e38], np.float32)
    assert round_mantissas(edges, 4).tobytes() == edges.tobytes()
    with pytest.raises(InputError):
        round_mantissas(edges, 24)
