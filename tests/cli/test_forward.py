"""Verbs whose options are parsed by a module that is imported only when they are called."""

import importlib.util

import pytest
from process import Cli


@pytest.mark.parametrize(
    ("verb", "module"),
    [
        ("bench", "pauca.bench.cli"),
        ("train", "pauca.image.train_cli"),
        ("export", "pauca.image.train_cli"),
    ],
)
def test_forwarded_help_and_usage(cli: Cli, verb: str, module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not part of this build")
    for args in ([verb], [verb, "--help"]):
        result = cli(*args)
        assert result.code == 0, result.err
        assert "image" in result.out.decode()
    assert f"Usage: pauca {verb} image" in cli(verb, "image", "--help").out.decode()
    cli(verb, "nope").fails(2)
    cli(verb, "image", "--nope").fails(2)
