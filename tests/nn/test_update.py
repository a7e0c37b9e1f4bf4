"""Updates: from one network to the next."""

import numpy as np
import pytest
from nn.networks import assert_same, every_type, small, tensor

from pauca.errors import FormatError, InputError
from pauca.nn.codec import decode_network, encode_network, network_id
from pauca.nn.compress import CompressOptions, compress_network, compress_update
from pauca.nn.dtypes import dtype_of, from_floats, is_real, to_float32
from pauca.nn.model import Network, Quantized
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest
from pauca.nn.update import Feedback, differences_of, encode_update


def moved(network: Network, size: float = 1e-3) -> Network:
    rng = np.random.default_rng(5)
    return network.with_tensors(
        {
            name: from_floats(
                to_float32(a) + size * rng.normal(size=a.shape).astype(np.float32), dtype_of(a)
            )
            for name, a in network.tensors.items()
            if is_real(a)
        }
    )


def test_lossless_update_gives_every_bit_and_pays_for_the_change_alone() -> None:
    base = small()
    new = moved(base, 1e-5)
    data = encode_update(new, base)
    assert_same(decode_network(data, base=base), new)
    assert len(data) < 0.75 * len(encode_network(new))
    unchanged = encode_update(base, base)
    assert len(unchanged) < 60
    assert_same(decode_network(unchanged, base=base), base)


def test_every_type_updates_losslessly() -> None:
    base = every_type()
    new = Network({n: tensor(dtype_of(a), a.shape, 99) for n, a in base.tensors.items()})
    assert_same(decode_network(encode_update(new, base), base=base), new)


def test_tensors_may_come_go_and_change_their_shape() -> None:
    base = small()
    tensors = dict(base.tensors)
    tensors.pop("bn.bias")
    tensors["fc1.bias"] = np.ones(3, np.float16)
    new = Network({"first": np.arange(5), **tensors}, "npz", b"other")
    decoded = decode_network(encode_update(new, base), base=base)
    assert_same(decoded, new)
    assert (decoded.kind, decoded.rest) == ("npz", b"other")


def test_differences_are_added_to_the_base() -> None:
    base = small()
    new = moved(base)
    quantized = quantize_nearest(differences_of(new, base), NearestOptions(bits=6))
    data = encode_update(new, base, quantized)
    decoded = decode_network(data, base=base)
    for name, levels in quantized.items():
        exact = to_float32(base.tensors[name]).astype(float) + levels.values()
        assert decoded.tensors[name].tobytes() == exact.astype(np.float32).tobytes()
    assert len(data) < 0.3 * len(encode_network(new))
    assert decoded.tensors["bn.num_batches_tracked"] == 1234


def test_compressed_update_is_near_and_small() -> None:
    base = decode_network(compress_network(small()))
    new = moved(base)
    data = compress_update(new, base, CompressOptions(NearestOptions(max_error=1e-4)))
    decoded = decode_network(data, base=base)
    for name in ("fc1.weight", "bn.running_var"):
        error = np.abs(decoded.tensors[name].astype(float) - new.tensors[name])
        assert error.max() <= 1e-4 * 1.001 + np.abs(new.tensors[name]).max() * 1e-7
    assert len(data) < 0.65 * len(compress_network(new))


def test_update_names_the_base_it_needs() -> None:
    base, new = small(), moved(small())
    data = encode_update(new, base)
    with pytest.raises(InputError, match=network_id(base).hex()):
        decode_network(data)
    with pytest.raises(InputError, match=network_id(new).hex()):
        decode_network(data, base=new)
    assert_same(decode_network(encode_network(new), base=base), new)  # needs none, minds none


def test_identity_is_that_of_names_types_shapes_values_and_rest() -> None:
    a = np.arange(6, dtype=np.float32)
    networks = [
        Network({"a": a}),
        Network({"b": a}),
        Network({"a": a + 1}),
        Network({"a": a.reshape(2, 3)}),
        Network({"a": a.view(np.int32)}),
        Network({"a": a}, "npz"),
        Network({"a": a}, rest=b"x"),
    ]
    assert len({network_id(network) for network in networks}) == len(networks)


def test_differences_that_fit_nothing_are_named() -> None:
    base = small()
    fits = Quantized(np.zeros((100, 120), np.int32), 1.0)
    with pytest.raises(InputError, match="'nope'"):
        encode_update(base, base, {"nope": fits})
    with pytest.raises(InputError, match="levels of 'fc2.weight'"):
        encode_update(base, base, {"fc2.weight": fits})
    with pytest.raises(InputError, match="no difference"):
        encode_update(base, Network({"a": np.ones(1)}), {"fc1.weight": fits})
    book = Quantized(fits.levels, 1.0, np.ones(1, np.float32))
    with pytest.raises(InputError, match="no difference"):
        encode_update(base, base, {"fc1.weight": book})


def test_feedback_returns_in_later_rounds_what_a_coarse_step_loses() -> None:
    truth = {"w": np.full((4, 5), 0.3, np.float32)}
    options = NearestOptions(step=1.0)
    feedback = Feedback()
    sent = sum(
        feedback.quantize(truth, lambda d: quantize_nearest(d, options))["w"].values()
        for _ in range(10)
    )
    np.testing.assert_allclose(sent, 3.0, atol=0.5)
    assert not quantize_nearest(truth, options)["w"].levels.any()  # without it all is lost


def test_feedback_owes_what_was_not_sent() -> None:
    feedback = Feedback()
    first = {"a": np.ones((2, 2), np.float32), "b": np.full((3,), 2.0, np.float32)}
    assert feedback.quantize(first, lambda d: {}) == {}
    options = NearestOptions(step=1.0)
    sent = feedback.quantize({"a": first["a"]}, lambda d: quantize_nearest(d, options))
    assert (sent["a"].values() == 2).all()
    assert (sent["b"].values() == 2).all()
    with pytest.raises(InputError, match="shape"):
        feedback.quantize({"a": np.ones(3, np.float32)}, lambda d: {})


def test_an_update_of_a_base_that_lacks_its_tensor_is_refused() -> None:
    base, new = small(), moved(small())
    data = bytearray(encode_update(new, base))
    other = Network(dict(list(base.tensors.items())[:3]))
    position = data.index(network_id(base))
    from pauca.container.chunks import Chunk, encode_stream, scan_stream
    from pauca.limits import Limits

    chunks = [Chunk(c.type, bytes(c.payload)) for c in scan_stream(bytes(data), Limits())]
    head = chunks[0].payload[:-8] + network_id(other)
    assert position
    with pytest.raises(FormatError, match="base"):
        decode_network(encode_stream([Chunk("U", head), *chunks[1:]]), base=other)
