"""How scores respond to the learning rate, and what tuning spent."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_reports.simulated import level, simulated

from reports.benchmark.comparisons import compare
from reports.benchmark.material import Material
from reports.benchmark.sections.rates import edges, response, tuning
from reports.data.load import load
from reports.data.response import rate_response

RATES = (0.001, 0.003, 0.01, 0.03)
SMALL = {"tasks": ("moons",), "losses": ("ce", "mse"), "runs": 1, "seeds": 8, "rates": RATES}


def loaded(path, **settings):
    store, described = simulated(path, **{**SMALL, **settings})
    return load(store, described)


def material(data):
    return Material(data, compare(data), [], [], [], None)


@pytest.mark.parametrize(("metric", "minimised"), [("accuracy", False), ("nll", True)])
def test_rate_response_as_a_loop_finds_it(metric, minimised):
    """Six seeds, three rates, two parameters; one rate is the common one alone."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        [
            ("t", "mlp", loss, seed, lr, parameter, lr < 1.0, "done")
            for loss in ("a", "b")
            for seed in range(6)
            for lr in (0.01, 0.1, 1.0)
            for parameter in (0.5, 0.7)
        ],
        columns=["task", "learner", "loss", "seed", "lr", "parameter", "is_tuned", "status"],
    )
    frame["inner"], frame["accuracy"] = rng.random((2, len(frame)))
    frame.loc[[0, 1, 4], "inner"] = np.nan  # a seed without any result at the first rate
    frame.loc[7, "accuracy"] = np.nan
    shuffled = frame.sample(frac=1.0, random_state=1)
    found = rate_response(shuffled, "accuracy", minimised).set_index(["loss", "lr"])
    assert set(found.index) == {(loss, lr) for loss in ("a", "b") for lr in (0.01, 0.1)}
    for (loss, lr), row in found.iterrows():
        scores = []
        for seed in range(6):
            own = frame[(frame.loss == loss) & (frame.lr == lr) & (frame.seed == seed)]
            own = own.dropna(subset=["inner"])
            if len(own):
                best = own["inner"].idxmin() if minimised else own["inner"].idxmax()
                scores.append(frame.loc[best, "accuracy"])
        scores = np.array(scores)[np.isfinite(scores)]
        interval = stats.ttest_1samp(scores, 0).confidence_interval()
        assert row["n"] == len(scores)
        assert row[["mean", "low", "high"]].tolist() == pytest.approx(
            [scores.mean(), interval.low, interval.high]
        )


def test_the_response_is_drawn_with_the_choices_of_all_seeds(tmp_path):
    data = loaded(tmp_path / "a.db", response=level)
    section = response(material(data))
    drawn = section.pictures[0].draw.args[0]
    assert drawn.groupby("loss")["chosen"].sum().to_dict() == dict.fromkeys(data.losses, 8)
    chosen = data.rows[(data.rows["policy"] == "per_seed") & (data.rows["loss"] == "mse")]
    for lr, count in chosen["lr"].value_counts().items():
        own = drawn[(drawn["loss"] == "mse") & (drawn["lr"] == lr)]
        assert own["chosen"].tolist() == [count]
    assert section.pictures[0].draw().axes


def test_one_rate_has_no_response(tmp_path):
    data = loaded(tmp_path / "a.db", rates=(0.01,))
    assert response(material(data)) is None


def rising(score, lr, rng):
    return score + lr, score


def test_seeds_at_the_edge_of_the_grid_are_counted_and_warned_of(tmp_path):
    data = loaded(tmp_path / "a.db", response=rising)
    assert set(data.tuning["edge"]) == {1.0}
    [line] = edges(material(data))
    assert "In 3 of 3 pairs of task and loss over 25% of the seeds" in line
    assert "(100%)" in line
    assert "tuning.rates" in line
    assert set(data.rows.loc[data.rows["policy"] == "per_seed", "lr"]) == {RATES[-1]}


def test_seeds_whose_configurations_all_tie_are_not_at_the_edge(tmp_path):
    data = loaded(tmp_path / "a.db", response=lambda score, lr, rng: (0.5, score))
    # Of equal scores the smallest rate is taken, which lies at an edge; the grid is not to blame.
    assert set(data.rows.loc[data.rows["policy"] == "per_seed", "lr"]) == {RATES[0]}
    assert set(data.tuning["edge"]) == {0.0}
    assert edges(material(data)) == []


@pytest.mark.parametrize(("at_edge", "warned"), [(2, False), (3, True)])
def test_the_warning_begins_beyond_a_quarter_of_the_seeds(tmp_path, at_edge, warned):
    failing = {("moons", "mse", seed, lr) for seed in range(at_edge) for lr in RATES[:-1]}
    middle = lambda score, lr, rng: (0.9 if lr == 0.01 else 0.7, score)  # noqa: E731
    data = loaded(tmp_path / "a.db", response=middle, diverged=failing)
    assert data.tuning.set_index("loss")["edge"]["mse"] == at_edge / 8
    assert bool(edges(material(data))) == warned


def test_two_rates_have_no_inside(small):
    assert small.tuning["edge"].isna().all()
    assert edges(material(small)) == []


def test_the_cost_of_tuning_is_counted(tmp_path):
    data = loaded(tmp_path / "a.db", response=rising)
    row = data.tuning.set_index("loss").loc["ce"]
    steps = data.experiment.benchmark.training.steps
    assert (row["configurations"], row["seeds"], row["runs"]) == (4, 8, 32)
    assert row["member_steps"] == 32 * steps
    assert (row["lr_low"], row["lr"], row["lr_high"]) == (RATES[-1],) * 3
    section = tuning(material(data))
    assert f"96 learners ({96 * steps:,} member-steps), 4 for each seed" in section.text[0]


def test_budgets_that_differ_are_said(tmp_path):
    data = loaded(tmp_path / "a.db")
    frame = data.tuning.assign(runs=[32, 32, 40])
    changed = dataclasses.replace(data, tuning=frame)
    caption = tuning(material(changed)).tables[0].caption
    assert "NOT equal" in caption
    assert "budgets of all losses are equal" in tuning(material(data)).tables[0].caption
