import ml_dtypes
import numpy as np
import pytest

from pauca.errors import InputError
from pauca.nn.dtypes import BFLOAT16, BY_NAME, from_floats, is_real, normalise, to_float32
from pauca.nn.model import Network

EDGES = np.array(
    [0.0, -0.0, 1.0, -2.5, 3.4e38, 1e-40, np.inf, -np.inf, 1.00390625, 1.01171875, 65504, 65520],
    np.float32,
)


def test_bfloat16_rounds_as_ml_dtypes_does() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 200_000, np.uint32).view(np.float32)
    values = np.concatenate([EDGES, bits[~np.isnan(bits)]])
    expected = values.astype(ml_dtypes.bfloat16).view(np.uint16)
    np.testing.assert_array_equal(
        from_floats(values, BY_NAME["bfloat16"]).view(np.uint16), expected
    )


def test_bfloat16_keeps_nan() -> None:
    nans = np.array([0x7F800001, 0xFFFFFFFF, 0x7FC00000], np.uint32).view(np.float32)
    assert np.isnan(to_float32(from_floats(nans, BY_NAME["bfloat16"]))).all()


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_values_of_a_type_survive_float32(name: str) -> None:
    dtype = BY_NAME[name]
    array = np.arange(2**16, dtype=np.uint16).astype(f"<u{dtype.size}").view(dtype.numpy)
    finite = np.isfinite(to_float32(array))
    back = from_floats(to_float32(array)[finite], dtype)
    assert back.tobytes() == array[finite].tobytes()


def test_ml_dtypes_arrays_become_ours_without_a_change() -> None:
    array = EDGES.astype(ml_dtypes.bfloat16).reshape(3, 4)
    ours = normalise(array)
    assert ours.dtype == BFLOAT16
    assert (ours.shape, ours.tobytes()) == ((3, 4), array.tobytes())
    assert normalise(EDGES[:1].astype(ml_dtypes.float8_e5m2)).dtype.names == ("float8_e5m2",)


def test_layout_and_byte_order_are_normalised() -> None:
    array = np.arange(6, dtype=">f4").reshape(2, 3).T
    ours = normalise(array)
    assert ours.flags.c_contiguous
    np.testing.assert_array_equal(ours, array)
    assert ours.dtype == np.dtype("<f4")


def test_what_streams_cannot_hold_is_named() -> None:
    for array in (np.array(["a"]), np.array([None]), np.zeros(2, "datetime64[s]")):
        with pytest.raises(InputError, match="cannot be coded"):
            Network({"a": array})
    for name in ("a\0b", "\ud800"):
        with pytest.raises(InputError, match="cannot be the name"):
            Network({name: np.zeros(1)})
    with pytest.raises(InputError, match="no real numbers"):
        to_float32(np.zeros(2, np.int8))
    assert not is_real(np.zeros(2, np.complex64))
