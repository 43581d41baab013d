"""What an experiment is too small for is said before it runs."""

import tomllib
from importlib import resources
from pathlib import Path

import pytest
from places import REPORTS
from scipy import stats

from bench.experiment.model import load, shipped
from reports.verdicts.prospects import enough, lowest_p, prospects


@pytest.mark.parametrize("family", [1, 8, 120])
@pytest.mark.parametrize("n", [2, 6, 10, 20])
def test_the_lowest_p_is_that_of_differences_of_one_sign(n: int, family: int) -> None:
    assert lowest_p(n, family) == pytest.approx(min(1, family * stats.binomtest(n, n).pvalue))


@pytest.mark.parametrize("family", [1, 14, 84, 400])
def test_enough_is_the_first_that_is(family: int) -> None:
    n = enough(family, 0.05)
    assert lowest_p(n, family) < 0.05 <= lowest_p(n - 1, family)


def scales() -> list[tuple[str, str]]:
    names = []
    for name in shipped():
        text = (resources.files("bench.experiment.shipped") / f"{name}.toml").read_text(
            encoding="utf-8"
        )
        names += [(name, scale) for scale in ("full", *tomllib.loads(text).get("scales", {}))]
    return names


@pytest.mark.parametrize(("name", "scale"), scales())
def test_what_is_shipped_can_show_what_it_asks(name: str, scale: str) -> None:
    assert prospects(load(name, [f"scale={scale}"])) == []


@pytest.mark.parametrize("path", sorted(REPORTS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_can_show_what_they_ask(path: Path) -> None:
    assert prospects(load(str(path))) == []


def test_six_runs_are_too_few_for_the_method_on_seven_tasks() -> None:
    [sentence] = prospects(load("adaptability", ["evolution.runs=6"]))
    assert sentence.startswith("6 evolution runs are too few for 14 comparisons of the method")
    assert "below 0.44" in sentence
    assert sentence.endswith("10 (evolution.runs)")
    # With fewer the report describes the losses alone.
    assert prospects(load("adaptability", ["evolution.runs=5"])) == []


def test_too_few_seeds() -> None:
    [sentence] = prospects(load("synthetic", ["benchmark.seeds=10"]))
    assert sentence.startswith("10 paired seeds are too few for 200 primary comparisons")
    assert sentence.endswith(f"{enough(200, 0.05)} (benchmark.seeds)")
