"""`pauca bench sr` on a real photograph, with a pack, filters and an ONNX file."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from sr.packs import write_random_pack

from pauca.bench.cli import app
from pauca.bench.sr import compare, load_folder
from pauca.bench.sr_look import find_measure
from pauca.bench.sr_methods import make_method
from pauca.errors import InputError, MissingExtraError
from pauca.metrics.ssim import ssim

onnx = pytest.importorskip("onnx")
data = pytest.importorskip("skimage.data")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(data.astronaut()[:201, 100:331]).save(folder / "astronaut.png")
    Image.fromarray(data.camera()[:180, 100:240]).save(folder / "camera.png")
    return folder


def nearest_network(
    path: Path, channels: int, size: tuple[str | int, str | int] = ("h", "w")
) -> Path:
    """A 1x1 convolution to 4 copies of every channel, then depth to space."""
    weight = np.zeros((4 * channels, channels, 1, 1), np.float32)
    for i in range(4 * channels):
        weight[i, i % channels] = 1
    nodes = [
        onnx.helper.make_node("Conv", ["x", "w"], ["c"]),
        onnx.helper.make_node("DepthToSpace", ["c"], ["y"], blocksize=2),
    ]
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes, "nearest",
        [info("x", onnx.TensorProto.FLOAT, ["n", channels, *size])],
        [info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    path.write_bytes(model.SerializeToString())
    return path


def test_bench(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pauca.bench.sr.best_ms", lambda action, seconds: 1.0)
    pack = write_random_pack(tmp_path / "pack")
    nets = [nearest_network(tmp_path / f"net{c}.onnx", c) for c in (1, 3)]
    methods = ",".join(["nearest", "bicubic", "lanczos", str(pack), *map(str, nets)])
    names = ("json", "markdown", "crops")
    targets = [word for name in names for word in (f"--{name}", str(tmp_path / name))]
    arguments = ["sr", "--data", str(photos), "--methods", methods, *targets]
    app(arguments, standalone_mode=False)
    report = json.loads((tmp_path / "json").read_text())
    rows = {row["method"]: row for row in report["rows"]}
    assert list(rows) == ["nearest", "bicubic", "lanczos", "random", "net1", "net3"]
    assert rows["net3"]["psnr_y"] == pytest.approx(rows["nearest"]["psnr_y"], abs=1e-6)
    assert rows["net1"]["psnr_y"] == pytest.approx(rows["nearest"]["psnr_y"], abs=0.2)
    assert rows["lanczos"]["psnr_y"] > rows["bicubic"]["psnr_y"] > rows["nearest"]["psnr_y"] + 0.5
    assert rows["bicubic"]["pictures"] == 2 and 0.5 < rows["bicubic"]["ssim_y"] < 1
    costs = {cost["method"]: cost for cost in report["costs"]}
    assert costs["net3"]["gmacs"] == pytest.approx(12 * 3 * 640 * 360 / 1e9, abs=1e-6)
    assert costs["net3"]["parameters"] == 36
    assert "| bicubic |" in (tmp_path / "markdown").read_text()
    with Image.open(tmp_path / "crops") as sheet:
        assert sheet.format == "PNG" and sheet.width > 7 * 96
    with pytest.raises(InputError, match="exists"):
        app(arguments, standalone_mode=False)


def test_look_measure(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypiqe")
    monkeypatch.setattr("pauca.bench.sr.best_ms", lambda action, seconds: 1.0)
    words = ["sr", "--data", str(photos), "--methods", "nearest,lanczos", "--look-measure", "piqe"]
    targets = ["--json", str(tmp_path / "json"), "--markdown", str(tmp_path / "md")]
    app([*words, *targets], standalone_mode=False)
    report = json.loads((tmp_path / "json").read_text())
    found = {row["method"]: row["value"] for row in report["looks"]}
    assert list(found) == ["original", "nearest", "lanczos"]
    assert {row["measure"] for row in report["looks"]} == {"piqe"}
    assert 0 < found["original"] < found["lanczos"] <= 100  # blurred
    table = (tmp_path / "md").read_text().split("**x2: PIQE, lower is better**")[1]
    assert f"| lanczos | {found['lanczos']:.3f} |" in table
    with pytest.raises(InputError, match="known: piqe"):
        app([*words[:-1], "vmaf"], standalone_mode=False)


def test_piqe_weighs_colours_as_luma_does() -> None:
    pypiqe = pytest.importorskip("pypiqe")
    pixels = data.astronaut()[:96, 200:296] * np.array([1, 1, 0], np.uint8)
    grey = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    assert find_measure("piqe")(pixels) == pytest.approx(pypiqe.piqe(grey)[0], abs=0.5)
    assert abs(pypiqe.piqe(pixels)[0] - pypiqe.piqe(grey)[0]) > 1  # red taken for blue


def test_look_measure_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypiqe", None)
    with pytest.raises(MissingExtraError, match="pip install pypiqe"):
        find_measure("piqe")


def test_protocol(photos: Path) -> None:
    pictures = load_folder(photos, 4)
    assert [(name, rgb.shape) for name, rgb in pictures] == [
        ("astronaut", (200, 228, 3)),
        ("camera", (180, 140, 3)),
    ]
    a = pictures[0][1]
    assert compare(a, a, 2) == (float("inf"), 1.0)
    b = a.copy()
    b[:4] = 0  # the border does not count
    assert compare(a, b, 4)[0] == float("inf")
    white, black = np.full((20, 20, 3), 255, np.uint8), np.zeros((20, 20, 3), np.uint8)
    assert compare(white, black, 2)[0] == pytest.approx(20 * np.log10(255 / 219), abs=1e-3)


def test_ssim_like_the_reference() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    x = data.camera()[:128, :128]
    rng = np.random.default_rng(0)
    y = (x + rng.normal(0, 12, x.shape)).clip(0, 255).astype(np.uint8)
    theirs = metrics.structural_similarity(
        x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert ssim(x, y) == pytest.approx(theirs, abs=2e-3)  # theirs counts the border too
    with pytest.raises(InputError):
        ssim(x, y[1:])


def test_refused(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    for name in ("bad.onnx", "missing.onnx"):
        with pytest.raises(InputError):
            make_method(str(tmp_path / name), 2, 1)
    with pytest.raises(InputError, match="not by 2"):
        make_method(str(write_random_pack(tmp_path / "four", scale=4, fold=4)), 2, 1)
    pack = str(write_random_pack(tmp_path / "pack"))
    once, twice = (make_method(pack, scale, 1) for scale in (2, 4))
    assert twice.macs == 5 * once.macs  # the second time on four times the pixels
    four = make_method(str(nearest_network(tmp_path / "net.onnx", 3)), 4, 1)
    with pytest.raises(InputError, match="not x4"):
        four.picture(np.zeros((8, 8, 3), np.uint8))
    fixed = make_method(str(nearest_network(tmp_path / "fixed.onnx", 1, (20, 30))), 2, 1)
    with pytest.raises(InputError, match="cannot run on an input"):
        fixed.luma(np.zeros((8, 8), np.uint8))
    with pytest.raises(InputError, match="no folder"):
        load_folder(tmp_path / "none", 2)


def test_after_a_video_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    av = pytest.importorskip("av")
    monkeypatch.setattr("pauca.bench.sr.best_ms", lambda action, seconds: 1.0)
    clips = tmp_path / "clips"
    clips.mkdir()
    photo = data.astronaut()
    with av.open(str(clips / "pan.y4m"), "w", format="yuv4mpegpipe") as container:
        stream = container.add_stream("wrapped_avframe", 25)
        stream.width, stream.height, stream.pix_fmt = 162, 130, "yuv420p"
        for i in range(4):
            view = np.ascontiguousarray(photo[40 + i : 170 + i, 100 + 2 * i : 262 + 2 * i])
            frame = av.VideoFrame.from_ndarray(view).reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    pack = write_random_pack(tmp_path / "pack")
    nets = [nearest_network(tmp_path / f"net{c}.onnx", c) for c in (1, 3)]
    methods = ",".join(["nearest", "lanczos", str(pack), *map(str, nets)])
    words = ["sr", "--clips", str(clips), "--crfs", "20,40", "--methods", methods]
    app([*words, "--json", str(tmp_path / "json"), "--markdown", str(tmp_path / "md")],
        standalone_mode=False)  # fmt: skip
    report = json.loads((tmp_path / "json").read_text())
    assert report["rows"] == []
    found = {(row["method"], row["crf"]): row for row in report["coded"]}
    assert len(found) == 10 and {row["clip"] for row in report["coded"]} == {"pan"}
    for crf in (20, 40):
        nearest = found["nearest", crf]["psnr_y"]
        assert found["lanczos", crf]["psnr_y"] > nearest
        for name in ("net1", "net3"):
            assert found[name, crf]["psnr_y"] == pytest.approx(nearest, abs=0.02)
    assert found["lanczos", 20]["psnr_y"] > found["lanczos", 40]["psnr_y"] + 1
    assert found["lanczos", 20]["kbps"] > 2 * found["lanczos", 40]["kbps"]
    assert "| mean | lanczos |" in (tmp_path / "md").read_text()


@pytest.mark.parametrize("words", [
    [], ["--clips", ".", "--crops", "c.png"], ["--clips", ".", "--look-measure", "piqe"],
    ["--crfs", "a,b"], ["--clips", ".", "--crfs", "99"], ["--clips", ".", "--crfs", ""],
    ["--clips", ".", "--methods", ""], ["--clips", ".", "--methods", "bicubic,bicubic"],
])  # fmt: skip
def test_usage_of_clips(words: list[str], tmp_path: Path) -> None:
    words = [*words, "--data", str(tmp_path)] if "--crfs" in words else words
    with pytest.raises(typer.BadParameter):
        app(["sr", *words], standalone_mode=False)
