"""Searches, the two quantizers of the DeepCABAC paper, and the estimators behind them."""

import sys

import numpy as np
import pytest
import torch
from nn.trained import dense

from pauca.errors import InputError
from pauca.nn.model import Network
from pauca.nn.quantize.deepcabac import (
    Dc1Options,
    Dc2Options,
    dc1_step,
    quantize_dc1,
    search_dc2,
)
from pauca.nn.quantize.nearest import NearestOptions, quantize_nearest
from pauca.nn.quantize.rates import entropy_bits
from pauca.nn.quantize.train import PosteriorOptions, posterior_deviations
from pauca.nn.quantize.weighted import WeightedOptions, quantize_weighted
from pauca.nn.search import (
    CommandEvaluation,
    Experiment,
    SearchOptions,
    reconstruct,
    relative_error,
    search_bits,
    search_max_drop,
    search_max_error,
    search_target_size,
)
from pauca.nn.sensitivity import (
    deviations_from_fisher,
    importance_from_deviations,
    normalised,
)
from pauca.nn.train import SensitivityOptions, fisher_diagonal

OPTIONS = SearchOptions(low=0.01, high=1.0, others=(0.0, 0.1), rounds=7)


def size_of(levels) -> int:
    return int(sum(entropy_bits(tensor.levels) for tensor in levels.values()) / 8)


def experiment(evaluated: bool = True) -> Experiment:
    trained = dense()
    weights = trained.weights()
    return Experiment(
        Network(weights),
        lambda step, lmbda: quantize_weighted(weights, WeightedOptions(step, lmbda)),
        (lambda network: trained.accuracy(network.tensors)) if evaluated else None,
        size_of,
    )


def test_max_drop_finds_the_smallest_file_that_is_good_enough() -> None:
    trials = experiment()
    found = search_max_drop(trials, 1.0, OPTIONS)
    floor = dense().accuracy() - 1.0
    good = [t for t in found.trials if t.accuracy >= floor]
    assert found.best in good and found.best.size == min(t.size for t in good)
    assert {t.lmbda for t in found.trials} == {0.0, 0.1}
    assert found.trials == tuple(trials.trials) and len(found.trials) <= 14
    assert size_of(found.quantized) == found.best.size
    values = {name: tensor.values() for name, tensor in found.quantized.items()}
    assert dense().accuracy(values) == pytest.approx(found.best.accuracy)
    assert found.best.size < size_of(experiment().quantize(0.05, 0.0))


def test_target_size_is_kept_and_used() -> None:
    found = search_target_size(experiment(evaluated=False), 5000, OPTIONS)
    assert 4500 < found.best.size <= 5000
    assert found.best.accuracy is None
    fitting = [t for t in found.trials if t.size <= 5000]
    assert found.best.error == min(t.error for t in fitting)


def test_bits_are_a_target_size() -> None:
    network = experiment().network
    found = search_bits(experiment(evaluated=False), 4.0, OPTIONS)
    assert found.best.size <= network.elements / 2 < 1.15 * found.best.size


def test_max_error_is_kept_and_used() -> None:
    found = search_max_error(experiment(evaluated=False), 0.1, OPTIONS)
    assert 0.08 < found.best.error <= 0.1
    levels = found.quantized
    assert relative_error(experiment().network, levels) == pytest.approx(found.best.error)


def test_the_other_dial_can_be_turned() -> None:
    trials = experiment(evaluated=False)
    options = SearchOptions(1e-4, 1.0, dial="lmbda", others=(0.1, 0.2))
    found = search_target_size(trials, 2500, options)
    assert {t.step for t in found.trials} == {0.1, 0.2}
    assert len({t.lmbda for t in found.trials}) > 4
    assert found.best.size <= 2500


def test_every_trial_is_reported_at_once() -> None:
    trials = experiment(evaluated=False)
    heard: list[float] = []
    trials.report = lambda trial: heard.append(trial.step)
    search_target_size(trials, 5000, OPTIONS)
    assert heard == [trial.step for trial in trials.trials]


def test_wishes_that_cannot_be_met_say_so() -> None:
    with pytest.raises(InputError, match="10 bytes"):
        search_target_size(experiment(evaluated=False), 10, SearchOptions(0.01, 0.2))
    with pytest.raises(InputError, match="accuracy"):
        search_max_drop(experiment(), -10.0, OPTIONS)
    with pytest.raises(InputError, match="evaluation"):
        search_max_drop(experiment(evaluated=False), 1.0, OPTIONS)
    with pytest.raises(InputError):
        SearchOptions(0.0, 1.0)


def test_an_evaluation_by_command_reads_the_last_number(tmp_path) -> None:
    script = tmp_path / "evaluate.py"
    script.write_text(
        "import sys\n"
        "from safetensors.numpy import load_file\n"
        "tensors = load_file(sys.argv[1])\n"
        "print('of', 12, 'right:', float(tensors['w'].sum()), '%')\n"
    )
    evaluate = CommandEvaluation(f"{sys.executable} {script} {{model}}")
    assert evaluate(Network({"w": np.array([90.0, 1.5], np.float32)})) == 91.5


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('none')", "no number"),
        ("import sys; sys.exit('broken')", "broken"),
        ("while 1: 0", "longer"),
    ],
)
def test_evaluations_that_fail_are_named(code, words) -> None:
    evaluate = CommandEvaluation(f'{sys.executable} -c "{code}" {{model}}', timeout=2.0)
    with pytest.raises(InputError, match=words):
        evaluate(Network({"w": np.ones(1, np.float32)}))


def test_commands_without_a_place_or_a_program_are_refused() -> None:
    network = Network({"w": np.ones(1, np.float32)})
    with pytest.raises(InputError, match="{model}"):
        CommandEvaluation("true")(network)
    with pytest.raises(InputError, match="cannot run"):
        CommandEvaluation("no-such-program-here {model}")(network)


def test_reconstruction_keeps_types() -> None:
    network = Network({"h": np.array([0.1, 0.2], np.float16), "i": np.array([3])})
    levels = quantize_nearest({"h": network.tensors["h"]}, NearestOptions(step=0.25))
    built = reconstruct(network, levels)
    assert built.tensors["h"].dtype == np.float16
    assert built.tensors["h"].tolist() == [0.0, 0.25]
    assert built.tensors["i"].tolist() == [3]


def test_the_step_of_dc_v1() -> None:
    assert dc1_step(1.0, 0.1, 0.0) == pytest.approx(0.1)  # S = 0: the least deviation itself
    assert dc1_step(1.0, 0.1, 20.0) == pytest.approx(0.05)
    assert dc1_step(0.0, 0.1, 64.0) == 0.1


def test_dc_v1_lets_uncertain_weights_move_further() -> None:
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(50, 40))}
    deviations = {"w": np.full((50, 40), 0.1)}
    deviations["w"][:, 20:] = 1.0
    found = quantize_dc1(weights, deviations, Dc1Options(0.0, 2.0))["w"]
    assert found.step == pytest.approx(0.1)
    error = (found.values() - weights["w"]) ** 2
    assert error[:, :20].mean() < 0.1 * error[:, 20:].mean()
    with pytest.raises(InputError, match="deviations"):
        quantize_dc1(weights, {})


def test_dc_v1_from_a_variational_fit() -> None:
    trained = dense()
    before = torch.random.get_rng_state()
    deviations = posterior_deviations(
        trained.module, trained.batches, options=PosteriorOptions(epochs=2)
    )
    assert torch.equal(before, torch.random.get_rng_state())
    weights = trained.weights()
    assert {n: d.shape for n, d in deviations.items()} == {n: w.shape for n, w in weights.items()}
    # Weights that carry much information are held tighter: compare with the Fisher diagonal.
    fisher = fisher_diagonal(trained.module, trained.batches[:5], SensitivityOptions(temperature=1))
    order = np.argsort(fisher["3.weight"].ravel())
    sorted_deviations = deviations["3.weight"].ravel()[order]
    third = len(order) // 3
    assert np.median(sorted_deviations[-third:]) < 0.9 * np.median(sorted_deviations[:third])
    found = quantize_dc1(weights, deviations, Dc1Options(16.0, 0.02))
    values = {name: tensor.values() for name, tensor in found.items()}
    assert trained.accuracy(values) > trained.accuracy() - 2.0


def test_dc_v2_prices_bits_only_on_steps_that_nearest_survives() -> None:
    trials = experiment()
    weights = trials.network.tensors
    steps = (0.02, 0.05, 0.1, 0.2, 0.4, 3.0)
    options = Dc2Options(steps, lmbdas=(0.05, 0.2), max_drop=1.0, keep=2)
    found = search_dc2(trials, weights, options)
    nearest = [t for t in found.trials if t.lmbda == 0]
    assert [t.step for t in nearest] == sorted(steps, reverse=True)
    floor = dense().accuracy() - 1.0
    survivors = [t.step for t in nearest if t.accuracy >= floor]
    assert 3.0 not in survivors
    assert {t.step for t in found.trials if t.lmbda > 0} == set(survivors[:2])
    good = [t for t in found.trials if t.accuracy >= floor]
    assert found.best.size == min(t.size for t in good)
    with pytest.raises(InputError, match="no step"):
        search_dc2(experiment(), weights, Dc2Options((5.0,), max_drop=0.1))


def test_fisher_is_the_mean_of_squared_gradients_of_single_samples() -> None:
    trained = dense()
    x = trained.batches[0][0][:6]
    options = SensitivityOptions(classes=False, seed=4)
    fisher = fisher_diagonal(trained.module, [x], options)
    signs = torch.randint(0, 2, (6, 8), generator=torch.Generator().manual_seed(4)) * 2.0 - 1
    parameters = dict(trained.module.named_parameters())
    total = {name: np.zeros(p.shape) for name, p in parameters.items()}
    for one, sign in zip(x, signs, strict=True):
        gradients = torch.autograd.grad(
            (trained.module(one[None]) * sign).sum(), list(parameters.values())
        )
        for name, g in zip(parameters, gradients, strict=True):
            total[name] += g.double().numpy() ** 2 / 6
    for name in total:
        assert np.allclose(fisher[name], total[name], rtol=1e-4, atol=1e-9), name


def test_deviations_and_importances() -> None:
    deviations = deviations_from_fisher({"w": np.array([0.0, 1.0])}, samples=99, prior=1.0)
    assert deviations["w"].tolist() == pytest.approx([1.0, 0.1])
    assert importance_from_deviations(deviations)["w"].tolist() == pytest.approx([1.0, 100.0])
    with pytest.raises(InputError):
        importance_from_deviations({"w": np.zeros(2)})
    with pytest.raises(InputError):
        deviations_from_fisher({"w": -np.ones(2)}, 10)
    scaled = normalised({"a": np.array([1.0, 9.0]), "b": np.zeros(2)}, power=0.5)
    assert scaled["a"].tolist() == pytest.approx([1.0, 3.0])
    assert scaled["b"].tolist() == [1e-3, 1e-3]


def test_without_a_size_of_its_own_a_trial_counts_the_bytes_of_the_stream() -> None:
    from pauca.nn.codec import encode_network
    from pauca.nn.quantize.trellis import TrellisOptions, quantize_trellis

    weights = dense().weights()
    trials = Experiment(
        Network(weights), lambda step, lmbda: quantize_trellis(weights, TrellisOptions(step, lmbda))
    )
    trial, levels = trials.run(0.1, 0.05)
    assert trial.size == len(encode_network(trials.network, levels))
    assert 0.01 < trial.error < 0.5
