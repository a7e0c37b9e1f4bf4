"""The autoencoder family: decoders follow the model, and every option has an answer."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")


from image.photos import photo  # noqa: E402
from image.vae_sizes import SMALL  # noqa: E402

import pauca  # noqa: E402
from pauca.container.chunks import Chunk, decode_stream, encode_stream  # noqa: E402
from pauca.errors import (  # noqa: E402
    EntropyError,
    FormatError,
    LimitError,
    PackError,
    PaucaError,
    TruncatedError,
)
from pauca.image.codec import decode_image, encode_image, encoder_of  # noqa: E402
from pauca.image.coded import EncodeOptions  # noqa: E402
from pauca.image.export import export, load_checkpoint  # noqa: E402
from pauca.image.graphics import reduced_means  # noqa: E402
from pauca.image.parse import CODED  # noqa: E402
from pauca.image.train import evaluate  # noqa: E402
from pauca.image.vae.model import VaeConfig, VaeModel, basis_of  # noqa: E402
from pauca.image.view import View  # noqa: E402
from pauca.limits import Limits  # noqa: E402
from pauca.metrics.psnr import psnr  # noqa: E402
from pauca.nets.integer import IntConv, set_exact  # noqa: E402
from pauca.pack.registry import create_model  # noqa: E402
from pauca.pack.vae import VaePack, vae_of  # noqa: E402

KINDS = {
    "tables": SMALL,
    "mixtures": replace(SMALL, parts=3),
    "checkerboard": replace(SMALL, passes=2),
}


@pytest.fixture(scope="module", params=list(KINDS.values()), ids=list(KINDS))
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    config: VaeConfig = request.param
    model = VaeModel(config, basis_of([photo()], SMALL.latents, 0))
    for layer in model.modules():  # zero branches and heads would hide mistakes
        if isinstance(layer, IntConv):
            torch.nn.init.normal_(layer.weight, std=0.5 / layer.weight[0].numel() ** 0.5)
            torch.nn.init.normal_(layer.bias, std=0.1)
    for head in model.contexts.heads:
        first = config.parts * SMALL.latents
        torch.nn.init.constant_(head.bias[first : 2 * first], 4.0)  # type: ignore[index, arg-type]
    torch.nn.init.normal_(model.log_steps, std=0.3)
    torch.nn.init.constant_(model.hyper_indexes, 3.0)  # wide enough for what h_a makes of noise
    sizes = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(config).items()}
    path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    torch.save({"ema": model.state_dict(), "sizes": sizes}, path)
    return path


@pytest.fixture(scope="module")
def folder(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packs") / "vae-test"
    export(checkpoint, out, "vae-test", "1", "noise")
    return out


@pytest.fixture(scope="module")
def pack(folder: Path) -> VaePack:
    return vae_of(create_model(folder))


@pytest.mark.parametrize("quality", [10.0, 50.0, 90.0])
def test_stream_and_picture_follow_the_model(
    checkpoint: Path, pack: VaePack, quality: float
) -> None:
    pixels = photo(256, 256)
    stream = encode_image(pixels, pack, EncodeOptions(quality, 1))
    out = decode_image(stream, packs=[pack.info.path])
    model = load_checkpoint(checkpoint)
    set_exact(model, True)
    point = evaluate(model, [pixels], [quality])[0]
    assert len(stream) * 8 / 256**2 == pytest.approx(point["bpp"], rel=0.04)
    assert psnr(out, pixels) == pytest.approx(point["psnr"], abs=0.1)


@pytest.mark.parametrize("size", [(1, 1), (17, 130), (128, 128), (200, 333)])
@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
def test_any_size_comes_back_as_the_encoder_saw_it(
    pack: VaePack, size: tuple[int, int], grey: bool
) -> None:
    pixels = photo(280, 400, grey)[: size[0], : size[1]]
    encoder = encoder_of(pixels, pack, EncodeOptions())
    coded, seen = encoder.encode_and_decode(200)
    stream = coded.stream()
    assert stream == encode_image(pixels, pack) == encoder.encode(200).stream()
    out = decode_image(stream, packs=[pack.info.path])
    assert out.shape == pixels.shape
    assert np.array_equal(out, seen)


@pytest.mark.parametrize("runtime", ["plain", "onnxruntime", "torch"])
def test_every_runtime_and_number_of_threads_agree(pack: VaePack, runtime: str) -> None:
    pixels = photo(128, 256)
    streams = {
        encode_image(pixels, pack, EncodeOptions(runtime=kind, threads=threads))
        for kind, threads in ((runtime, 1), ("native", 1), ("native", 2))
    }
    assert len(streams) == 1
    stream = streams.pop()
    packs = [pack.info.path]
    plain = decode_image(stream, packs=packs, runtime=runtime)
    for threads in (1, 2):
        assert np.array_equal(plain, decode_image(stream, packs=packs, threads=threads))


def test_windows_of_the_synthesis_leave_no_seams(pack: VaePack) -> None:
    pixels = np.tile(photo(256, 384), (3, 4, 1))  # more than one window both ways
    stream = encode_image(pixels, pack)
    whole = decode_image(stream, packs=[pack.info.path])
    region = (500, 490, 301, 205)
    part = decode_image(stream, packs=[pack.info.path], view=View(region=region))
    assert np.array_equal(part, whole[490 : 490 + 205, 500 : 500 + 301])


@pytest.mark.parametrize("scale", [2, 8])
def test_a_smaller_picture_is_the_mean_of_the_whole(pack: VaePack, scale: int) -> None:
    pixels = photo(201, 333)
    stream = encode_image(pixels, pack)
    whole = decode_image(stream, packs=[pack.info.path])
    small = decode_image(stream, packs=[pack.info.path], view=View(scale=scale))
    assert np.array_equal(small, reduced_means(whole, scale))


def test_bits_are_weighed_from_effort_2_on(pack: VaePack) -> None:
    pixels = photo()
    dear = replace(pack, lmbda=1000 * pack.lmbda)  # tables of noise are wide: little to be saved
    sizes = [len(encode_image(pixels, dear, EncodeOptions(10, effort))) for effort in (1, 2, 9)]
    if pack.curves is None:
        assert sizes[1] < 0.995 * sizes[0]
    else:  # what a symbol costs under a mixture is not asked yet
        assert sizes[1] == sizes[0]
    assert sizes[2] == sizes[1]


def test_targets_hold(pack: VaePack) -> None:
    pixels = photo()
    few = pauca.encode(pixels, model=pack, bpp=1.0, content="photo")
    assert 0.95 * 1.0 < 8 * len(few) / pixels[..., 0].size <= 1.0
    good = pauca.encode(pixels, model=pack, min_psnr=21.0, content="photo")
    assert psnr(pauca.decode(good, packs=[pack.info.path]), pixels) >= 21.0
    tiles = pauca.encode(pixels, model=pack, min_tile_psnr=17.0, content="photo")
    seen = pauca.decode(tiles, packs=[pack.info.path])
    from pauca.metrics.compare import tile_psnr

    assert tile_psnr(seen, pixels).min() >= 17.0


def test_mixed_pictures_keep_their_graphics(pack: VaePack) -> None:
    pixels = np.full((256, 512, 3), 255, np.uint8)
    pixels[:, :256] = photo(256, 256)
    pixels[40:200:8, 280:500] = (20, 60, 160)
    stream = pauca.encode(pixels, model=pack)
    assert pauca.info(stream).content == "mixed"
    out = pauca.decode(stream, packs=[pack.info.path])
    assert np.array_equal(out[:, 320:], pixels[:, 320:])
    assert psnr(out[:, :256], pixels[:, :256]) > 15


def test_a_folder_is_a_model(folder: Path) -> None:
    pixels = photo(128, 128)
    stream = pauca.encode(pixels, model=folder, content="photo")
    assert stream == pauca.encode(pixels, model=str(folder), content="photo")
    assert pauca.decode(stream, packs=[folder]).shape == pixels.shape


def payload_of(stream: bytes) -> list[Chunk]:
    return decode_stream(stream, CODED, Limits())


def test_other_payloads_are_refused(pack: VaePack) -> None:
    stream = encode_image(photo(128, 128), pack)
    header, data = payload_of(stream)
    packs = [pack.info.path]
    for chunks in (
        [header, Chunk("Q", b"\x00"), data],
        [header, *[Chunk("P", bytes(data.payload))] * 7],
    ):
        with pytest.raises(FormatError, match="one payload"):
            decode_image(encode_stream(chunks), packs=packs)


def test_damaged_streams_raise_our_errors_alone(pack: VaePack) -> None:
    header, data = payload_of(encode_image(photo(128, 128), pack))
    rng = np.random.default_rng(0)
    raised = 0
    for trial in range(60):
        broken = bytearray(data.payload)
        if trial % 3 == 0:
            broken = broken[: int(rng.integers(len(broken)))]
        else:
            broken[int(rng.integers(len(broken)))] ^= 1 << int(rng.integers(8))
        try:
            decode_image(encode_stream([header, Chunk("D", bytes(broken))]), packs=[pack.info.path])
        except (EntropyError, TruncatedError, FormatError):
            raised += 1
    assert raised > 40


def test_memory_is_planned_before_it_is_taken(pack: VaePack) -> None:
    stream = encode_image(photo(128, 128), pack)
    with pytest.raises(LimitError):
        decode_image(stream, Limits(max_memory=1 << 18), packs=[pack.info.path])


def test_there_is_no_natural_look(pack: VaePack) -> None:
    stream = encode_image(photo(128, 128), pack)
    with pytest.raises(PackError, match="no natural look"):
        pauca.decode(stream, packs=[pack.info.path], look="natural")


@pytest.mark.parametrize(
    "key, value",
    [
        ("analysis", lambda a: a[:, :-1]),
        ("synthesis", lambda a: a.T.copy()),
        ("steps", lambda a: a * 0),
        ("hyper_indexes", lambda a: a[1:]),
        ("filter_steps", lambda a: a[:, :0]),
    ],
)
def test_a_wrong_pack_is_refused(folder: Path, tmp_path: Path, key: str, value: object) -> None:
    from safetensors.numpy import load_file, save

    from pauca.pack.store import ARRAYS, read_manifest, write_pack

    arrays = load_file(folder / ARRAYS)
    arrays[key] = np.ascontiguousarray(value(arrays[key]))  # type: ignore[operator]
    manifest = read_manifest(folder)[1]
    write_pack(tmp_path / "bad", manifest, {ARRAYS: save(arrays)})
    with pytest.raises(PackError):
        create_model(tmp_path / "bad")


def test_an_unknown_family_is_refused(folder: Path, tmp_path: Path) -> None:
    manifest = json.loads((folder / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**manifest, "family": "cubism"}))
    (tmp_path / "arrays.safetensors").write_bytes((folder / "arrays.safetensors").read_bytes())
    with pytest.raises(PackError, match="cubism"):
        create_model(tmp_path)


def test_a_missing_pack_is_one_clear_error(pack: VaePack) -> None:
    stream = encode_image(photo(128, 128), pack)
    with pytest.raises(PaucaError, match="not installed"):
        decode_image(stream)
