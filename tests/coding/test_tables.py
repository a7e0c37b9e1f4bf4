import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pauca.coding import Tables, encode_latents, gaussian_tables, tables_from_pmfs, validate
from pauca.errors import PackError


def loss(pmf: np.ndarray, freq: np.ndarray) -> float:
    """Bits per symbol lost by coding `pmf` with `freq` / 65536."""
    p = pmf[pmf > 0] / pmf.sum()
    return float(np.sum(p * np.log2(p * 65536 / freq[pmf > 0])))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300).filter(lambda p: sum(p) > 1e-9))
def test_every_interval_is_positive_and_rows_sum_exactly(weights: list[float]) -> None:
    tables = tables_from_pmfs([np.array(weights)], [-3])
    freq = np.diff(tables.cdf[0].astype(int))
    assert freq.min() >= 1
    assert freq.sum() == 65536
    assert tables.size[0] == len(weights)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=5).filter(any), st.integers(0, 10**6))
def test_no_single_move_improves_the_quantization(weights: list[int], seed: int) -> None:
    pmf = np.array(weights, float) * np.random.default_rng(seed).uniform(0.1, 1, len(weights))
    freq = np.diff(tables_from_pmfs([pmf], [0], escape=0.01).cdf[0].astype(int))
    full = np.append(pmf, 0.01)
    best = loss(full, freq)
    for taken in range(len(full)):
        for given_to in range(len(full)):
            moved = freq.copy()
            moved[taken] -= 1
            moved[given_to] += 1
            if moved.min() >= 1:
                assert loss(full, moved) >= best - 1e-12


def test_gaussian_tables_follow_the_density() -> None:
    tables = gaussian_tables([0.06, 1.0, 64.0])
    assert tables.size[0] == 1  # nothing but 0 has any mass
    freq = np.diff(tables.cdf[1].astype(int))[: tables.size[1]]
    assert np.array_equal(freq, freq[::-1])
    assert abs(freq[tables.size[1] // 2] / 65536 - 0.382925) < 1e-4  # P(|x| < 0.5)
    assert tables.offset[1] == -(tables.size[1] // 2)
    wide = np.arange(tables.size[2]) + tables.offset[2]
    freq = np.diff(tables.cdf[2].astype(int))[: tables.size[2]]
    assert abs(np.sqrt(np.sum(freq * wide**2.0) / freq.sum()) - 64) < 0.3


def good() -> Tables:
    return gaussian_tables([0.5, 2.0])


def test_well_formed_tables_pass() -> None:
    validate(good())
    validate(tables_from_pmfs([np.ones(65535)], [-32768]))


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("cdf", lambda a: a.astype(np.int64)),
        ("cdf", lambda a: a[0]),
        ("cdf", lambda a: a[:1]),
        ("cdf", lambda a: a + 1),
        ("cdf", lambda a: np.where(a == 65536, 65535, a).astype(np.uint32)),
        ("cdf", lambda a: a[:, :-1]),
        ("cdf", lambda a: np.sort(a, axis=1)[:, ::-1]),
        ("size", lambda a: a * 0),
        ("size", lambda a: a + 1),
        ("size", lambda a: a[:1]),
        ("offset", lambda a: a + 32767),
        ("offset", lambda a: a - 32768),
        ("offset", lambda a: a.astype(np.int64)),
    ],
)
def test_malformed_tables_are_refused(field: str, change) -> None:  # type: ignore[no-untyped-def]
    parts = {name: getattr(good(), name) for name in ("cdf", "size", "offset")}
    parts[field] = change(parts[field])
    with pytest.raises(PackError):
        validate(Tables(**parts))


def test_the_core_checks_tables_itself() -> None:
    tables = good()
    bad = Tables(tables.cdf[:, ::-1].copy(), tables.size, tables.offset)
    with pytest.raises(PackError):
        encode_latents(np.zeros(1, np.int16), np.zeros(1, np.uint8), bad)


@pytest.mark.parametrize(
    "pmf",
    [np.array([]), np.array([np.nan]), np.array([-1.0, 2.0]), np.zeros(3), np.array([np.inf])],
)
def test_impossible_probabilities_are_refused(pmf: np.ndarray) -> None:
    with pytest.raises(PackError):
        tables_from_pmfs([pmf], [0])


def test_limits_on_sets() -> None:
    with pytest.raises(PackError):
        tables_from_pmfs([np.ones(2)] * 257, [0] * 257)
    with pytest.raises(PackError):
        tables_from_pmfs([np.ones(40000)] * 2, [0, 0])
    with pytest.raises(PackError):
        tables_from_pmfs([], [])
    with pytest.raises(PackError):
        tables_from_pmfs([np.ones(2)], [0, 1])
    with pytest.raises(PackError):
        gaussian_tables([0.0])
    with pytest.raises(PackError):
        gaussian_tables([1.0], tail_mass=0)


def test_bits_are_those_of_the_intervals() -> None:
    tables = tables_from_pmfs([np.array([1.0, 2.0, 1.0]), np.ones(7)], [-1, -3], escape=0.01)
    bits = tables.bits()
    freq = np.diff(tables.cdf.astype(int), axis=1)
    assert bits.shape == freq.shape == (2, 8)
    assert np.allclose(bits[freq > 0], 16 - np.log2(freq[freq > 0]))
    assert (bits[freq == 0] == 16).all()
