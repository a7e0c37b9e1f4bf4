"""Plans, journals and the search itself; trials are made on real trained networks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from nn import gemms, trained  # noqa: E402
from torch import nn  # noqa: E402

from pauca.errors import InputError  # noqa: E402
from pauca.nn import shrink  # noqa: E402
from pauca.nn.codec import decode_network  # noqa: E402
from pauca.nn.shrinking.journal import Journal  # noqa: E402
from pauca.nn.shrinking.plan import read_plan  # noqa: E402
from pauca.nn.shrinking.trial import Aim, Trial, best_of, pareto_of  # noqa: E402

ONE = Trial(0, (), 100, 90.0, 2.0, 1.0)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_what_is_best_and_what_is_beaten() -> None:
    trials = [
        ONE,
        replace(ONE, number=1, bytes=50, accuracy=89.5, latency_ms=2.5),
        replace(ONE, number=2, bytes=60, accuracy=89.4, latency_ms=1.0),
        replace(ONE, number=3, bytes=10, accuracy=70.0, latency_ms=0.1),
        replace(ONE, number=4, bytes=0, accuracy=float("-inf"), error="no"),
    ]
    chosen = {}
    for aim in ("size", "speed", "both"):
        best = best_of(trials, Aim(89.0, aim))
        assert best is not None
        chosen[aim] = best.number
    assert chosen == {"size": 1, "speed": 2, "both": 2}
    assert [trial.number for trial in pareto_of(trials)] == [3, 1, 0]
    assert best_of(trials, Aim(95.0)) is None


def test_a_journal_drops_half_a_line_and_refuses_another_search(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", {"model": "a"})
    journal.add(ONE)
    journal.add(replace(ONE, number=1, steps=({"pass": "prune", "sparsity": 0.5},)))
    with pytest.raises(InputError, match="at work"):
        Journal(tmp_path / "j", {"model": "a"})
    journal.close()
    path = tmp_path / "j" / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="another model"):
        Journal(tmp_path / "j", {"model": "b"})
    again = Journal(tmp_path / "j", {"model": "a"})
    assert list(again.trials.values()) == [ONE]
    again.add(replace(ONE, number=1, steps=({"pass": "x"},)))
    again.close()
    assert [json.loads(line) for line in path.read_bytes().splitlines()][2]["number"] == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="no journal"):
        Journal(tmp_path / "mine", {"model": "a"}, again=True)
    assert (tmp_path / "mine" / "letter.txt").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "is no recipe"),
        ('{"passes": [{"pass": "magic"}]}', "no pass 'magic'"),
        ('{"passes": [{"pass": "prune", "sparse": 1}]}', "no option 'sparse'"),
        ('{"passes": [{"pass": "prune", "sparsity": {"from": 0.5}}]}', "open number"),
        ('{"passes": [{"pass": "prune", "sparsity": {"from": 2, "to": 3}}]}', "0 to 1"),
        ('{"passes": [{"pass": "code", "step": 1}]}', "code has no option"),
        ('{"passes": [{"pass": "code", "quantizer": "best", "setting": 1}]}', "no quantizer"),
        ('{"passes": [{"pass": "code"}, {"pass": "code"}]}', "codes once"),
        (
            '{"passes": [{"pass": "code"}, {"pass": "int8", "batch": {"from": 1, "to": 4}}]}',
            "before the coding",
        ),
    ],
)
def test_wrong_recipes_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_plan(path)


def test_a_graph_is_coded_as_coarsely_as_holds_and_nothing_is_done_twice(tmp_path: Path) -> None:
    net = trained.dense()
    graph = gemms.graph_of(net)
    x, y = (t.numpy() for t in net.test)
    calls = 0

    def evaluate(model: object) -> float:
        nonlocal calls
        calls += 1
        return gemms.accuracy(model, x, y)

    data = {"x": net.batches[0][0].numpy()}
    result = shrink(graph, evaluate, max_drop=1.0, data=data, folder=tmp_path / "j")
    assert calls == len(result.trials) == 8
    assert result.finished and result.resumed == 0
    assert result.ratio > 15 and result.ratio == result.original_bytes / len(result.stream)
    assert result.best.accuracy >= result.reference.accuracy - 1.0 == result.floor
    decoded = result.model.graph.initializer
    assert {t.name for t in decoded} == decode_network(result.stream).tensors.keys()
    assert gemms.accuracy(result.model, x, y) == result.best.accuracy
    assert {t.accuracy >= result.floor for t in result.trials} == {True, False}
    again = shrink(graph, evaluate, max_drop=1.0, data=data, folder=tmp_path / "j")
    assert calls == 8 and again.resumed == 8
    assert again.stream == result.stream and again.trials == result.trials
    with pytest.raises(InputError, match="another model"):
        other = gemms.graph_of(replace(net, module=nn.Sequential(*net.module, nn.ReLU())))
        other.graph.initializer[0].CopyFrom(other.graph.initializer[2])
        shrink(other, evaluate, data=data, folder=tmp_path / "j")


def test_a_budget_ends_a_search_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    net = trained.dense()
    graph = gemms.graph_of(net)
    x, y = (t.numpy() for t in net.test)

    def evaluate(model: object) -> float:
        return gemms.accuracy(model, x, y)

    cut = shrink(graph, evaluate, max_drop=1.0, trials=4, folder=tmp_path / "j")
    assert len(cut.trials) == 4 and not cut.finished
    whole = shrink(graph, evaluate, max_drop=1.0, trials=20, folder=tmp_path / "j")
    assert whole.finished and whole.resumed == 4 and len(whole.trials) > 4
    assert whole.trials[:4] == cut.trials and len(whole.stream) <= len(cut.stream)
    with pytest.raises(InputError, match="2 trials"):
        shrink(graph, evaluate, trials=1)
    with pytest.raises(InputError, match="aim"):
        shrink(graph, evaluate, aim="beauty")
    with pytest.raises(InputError, match="to be timed"):
        shrink(graph, evaluate, aim="speed")


def test_a_module_is_pruned_trained_and_coded(tmp_path: Path) -> None:
    net = trained.dense()
    x, y = (torch.cat(parts).numpy() for parts in zip(*net.batches, strict=True))
    recipe = tmp_path / "r.json"
    step = {"pass": "prune", "sparsity": {"from": 0.3, "to": 0.9, "rounds": 2}}
    recipe.write_text(json.dumps({"passes": [step]}))

    def evaluate(module: nn.Module) -> float:
        return replace(net, module=module).accuracy()

    def run(folder: Path) -> object:
        return shrink(
            net.module, evaluate, max_drop=1.5, data={"x": x, "y": y}, recipe=recipe, folder=folder
        )

    result = run(tmp_path / "j")
    pruned = [t for t in result.trials if [s["pass"] for s in t.steps] == ["prune"]]
    assert [t.steps[0]["sparsity"] for t in pruned][0] == pytest.approx(0.6)
    assert len(pruned) == 2
    weight = result.model.get_parameter("1.weight")
    chosen = result.best.steps[0]["sparsity"]
    assert float((weight == 0).float().mean()) > chosen - 0.15
    assert result.best.steps[-1]["pass"] == "code" and result.ratio > 20
    assert evaluate(result.model) == pytest.approx(result.best.accuracy)
    # What was trained is on disk: the same call finds it, and comes to the same stream.
    files = sorted(p.name for p in (tmp_path / "j").glob("*.safetensors"))
    assert len(files) == 2
    again = run(tmp_path / "j")
    assert again.stream == result.stream and again.resumed == len(result.trials)


def test_the_setting_of_the_coding_may_be_open(tmp_path: Path) -> None:
    net = trained.dense()
    x, y = (t.numpy() for t in net.test)
    recipe = tmp_path / "r.json"
    step = {"pass": "code", "quantizer": "nearest", "setting": {"from": 0.4, "to": 2, "rounds": 2}}
    recipe.write_text(json.dumps({"passes": [{"pass": "prune", "sparsity": 0.2}, step]}))
    result = shrink(
        gemms.graph_of(net), lambda m: gemms.accuracy(m, x, y), max_drop=90, recipe=recipe
    )
    settings = [t.steps[-1]["setting"] for t in result.trials[1:]]
    assert settings == [1.2, 1.6]  # both hold: the middle, then that of the upper half
    assert result.best.steps == ({"pass": "prune", "sparsity": 0.2}, result.best.steps[1])


def test_channels_are_cut_only_where_shapes_may_change() -> None:
    net = trained.convolutional()
    x, y = (torch.cat(parts).numpy() for parts in zip(*net.batches, strict=True))

    def evaluate(module: nn.Module) -> float:
        return replace(net, module=module).accuracy()

    for structure in (True, False):
        result = shrink(net.module, evaluate, data={"x": x, "y": y}, structure=structure, trials=10)
        used = {step["pass"] for trial in result.trials for step in trial.steps}
        assert ("channels" in used) == structure and "code" in used
    assert np.isfinite(result.best.accuracy)


def test_where_the_first_rung_is_too_much_a_milder_one_is_tried() -> None:
    net = trained.dense()
    x, y = (torch.cat(parts).numpy() for parts in zip(*net.batches, strict=True))

    def evaluate(module: nn.Module) -> float:
        zeros = float((module.get_parameter("1.weight") == 0).float().mean())
        return 90.0 if zeros > 0.4 else 100.0

    result = shrink(net.module, evaluate, data={"x": x, "y": y}, structure=False, trials=16)
    tried = [
        tuple(step["sparsity"] for step in trial.steps if step["pass"] == "prune")
        for trial in result.trials
    ]
    assert tried.index((0.25,)) > tried.index((0.5, 0.5)) > tried.index((0.5,)) > 0
    assert result.trials[tried.index((0.25,))].accuracy == 100.0
