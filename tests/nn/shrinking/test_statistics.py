"""What is known of layers: moments against torch, worth against the truth, second order over it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from nn import gemms, trained  # noqa: E402
from onnx import helper  # noqa: E402

from pauca.nn.moments_torch import moments_of  # noqa: E402
from pauca.nn.search import relative_error  # noqa: E402
from pauca.nn.shrinking.coding import CodeOptions, code_network, stream_of  # noqa: E402
from pauca.nn.shrinking.onnx_side import OnnxSide  # noqa: E402
from pauca.nn.shrinking.onnx_statistics import known_of  # noqa: E402
from pauca.nn.shrinking.samples import samples_of  # noqa: E402


def test_moments_of_a_dense_network_are_torchs() -> None:
    net = trained.dense()
    x = torch.cat([b[0] for b in net.batches[:4]])
    found = known_of(gemms.graph_of(net), [{"x": x.numpy()}])
    assert [k.layer.weight for k in found] == ["w1", "w2", "w3"]
    assert [k.turned for k in found] == [True, False, True]
    for known, name in zip(found, ("1", "3", "5"), strict=True):
        moments, _ = moments_of(net.module, name, [x])
        np.testing.assert_allclose(known.statistics.moments, moments[:, :-1, :-1], rtol=1e-4)
        assert len(known.statistics.output) == len(net.weights()[f"{name}.bias"])
        assert known.statistics.output[0] > 0


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 2)])
def test_moments_of_a_convolution_are_torchs(stride: int, groups: int) -> None:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(4, 6, 3, stride, 1, groups=groups, bias=False)
    x = torch.randn(5, 4, 9, 7)
    places = conv(x)[0, 0].numel()
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"], strides=[stride] * 2, pads=[1] * 4, group=groups
    )
    weight = conv.weight.detach().numpy()
    graph = gemms.model_of([node], {"w": weight}, ["n", 4, 9, 7], ["n", 6, "h", "w"])
    (known,) = known_of(graph, [{"x": x[:3].numpy()}, {"x": x[3:].numpy()}])
    moments, _ = moments_of(torch.nn.Sequential(conv), "0", [x])
    # Of a whole sample here, of a position there.
    np.testing.assert_allclose(known.statistics.moments, moments * places, rtol=1e-4, atol=1e-4)
    # All of the layer's error reaches the output: its worth is one over the power.
    y = conv(x).detach().numpy().reshape(5, -1)
    power = np.square(y - y.mean(0)).sum(1).mean()
    assert known.statistics.output[0] * power == pytest.approx(1, rel=1e-2)


def test_a_recurrent_layer_and_a_table_are_known() -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "table": rng.normal(size=(9, 5)),
        "w": rng.normal(size=(1, 16, 5)) / 3,
        "r": rng.normal(size=(1, 16, 4)) / 3,
    }
    arrays = {name: a.astype(np.float32) for name, a in arrays.items()}
    nodes = [
        helper.make_node("Cast", ["x"], ["codes"], to=7),
        helper.make_node("Gather", ["table", "codes"], ["rows"]),
        helper.make_node("LSTM", ["rows", "w", "r"], ["y"], hidden_size=4),
    ]
    graph = gemms.model_of(nodes, arrays, ["t", "n"], ["t", 1, "n", 4])
    codes = rng.integers(0, 9, (6, 8)).astype(np.float32)
    known = {k.layer.weight: k for k in known_of(graph, [{"x": codes}])}
    assert known.keys() == {"table", "w", "r"}
    counts = np.bincount(codes.astype(int).ravel(), minlength=9)
    np.testing.assert_allclose(np.diag(known["table"].statistics.moments[0]) * 6, counts)
    rows = arrays["table"][codes.astype(int)].reshape(-1, 5).astype(np.float64)
    np.testing.assert_allclose(known["w"].statistics.moments[0] * 8, rows.T @ rows, rtol=1e-5)
    assert known["r"].statistics.moments.shape == (1, 4, 4)
    assert len(known["r"].statistics.output) == 16
    network = OnnxSide(None).network(graph)
    options = CodeOptions("second-order", 1e-6)
    coded, levels = code_network(network, list(known.values()), None, options)
    assert {name: q.levels.shape for name, q in levels.items()} == {
        name: a.shape for name, a in arrays.items()
    }
    for name, array in arrays.items():
        assert 0 < np.abs(coded.tensors[name] - array).max() < 0.1 * np.abs(array).max()


def test_second_order_loses_less_at_the_same_size() -> None:
    net = trained.dense()
    graph = gemms.graph_of(net)
    x, y = (t.numpy() for t in net.test)
    side = OnnxSide(samples_of({"x": torch.cat([b[0] for b in net.batches]).numpy()}))
    network, allowed = side.network(graph), side.allowed(graph)
    assert allowed == {"w1", "w2", "w3", "b1", "b2", "b3"}
    found = {}
    for name, setting in (("second-order", 1e-6), ("nearest", 2.0)):
        known = side.known(graph)
        coded, levels = code_network(network, known, allowed, CodeOptions(name, setting))
        size = len(stream_of(coded, levels))
        found[name] = size, gemms.accuracy(side.filled(graph, coded), x, y)
        assert relative_error(network, levels) > 0.05
    assert found["second-order"][0] < 0.9 * found["nearest"][0]
    assert found["second-order"][1] > found["nearest"][1] + 1
