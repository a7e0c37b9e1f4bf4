"""Graphs of larger networks, which detectors learn from, give what torch gives."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from pauca.apps.dga.export import onnx_bytes  # noqa: E402
from pauca.apps.dga.model import MODELS, make_model  # noqa: E402


@pytest.mark.filterwarnings("ignore")  # of torch, about what tracing may hold fixed
@pytest.mark.parametrize("name", ["cnn-small", "lstm", "transformer"])
def test_a_graph_takes_any_number_of_names(name: str) -> None:
    torch.manual_seed(0)
    model = make_model(MODELS[name]).eval()
    session = onnxruntime.InferenceSession(onnx_bytes(model))
    rng = np.random.default_rng(1)
    for count, length in ((1, 63), (7, 63), (40, 20)):
        codes = rng.integers(1, 30, (count, length))
        codes[0, length // 2 :] = 0  # names end somewhere
        (found,) = session.run(None, {"codes": codes})
        with torch.no_grad():
            expected = model(torch.from_numpy(codes)).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
