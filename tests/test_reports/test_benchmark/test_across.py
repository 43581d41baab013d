"""Scores, the method and results across tasks."""

import numpy as np
import pytest
from test_reports.simulated import simulated

from reports.benchmark import across as summary
from reports.benchmark import claims
from reports.benchmark.comparisons import compare
from reports.benchmark.findings import findings
from reports.data.load import load

TASKS = ("a", "b", "c", "d", "e", "f")


def loaded(path, **settings):
    store, described = simulated(path, **{"losses": ("ce", "mse"), "seeds": 8, **settings})
    return load(store, described)


def table_of(data):
    return summary.score_table(data, "per_seed", summary.separations(data, "per_seed"))


def test_score_table(small):
    table = summary.score_table(small, "per_seed", {}).set_index(["task", "loss"])
    rows = small.rows[(small.rows["policy"] == "per_seed") & (small.rows["task"] == "moons")]
    ce = rows[rows["loss"] == "ce"]["accuracy"]
    assert table.loc[("moons", "ce"), "mean"] == pytest.approx(ce.mean())
    assert table.loc[("moons", "ce"), "sd"] == pytest.approx(ce.std(ddof=1))
    assert table.loc[("rings", "mse"), "diverged"] == 1


def test_top_marks_all_that_are_not_separated_from_the_best(tmp_path):
    data = loaded(
        tmp_path / "a.db",
        tasks=("a",),
        runs=2,
        seeds=12,
        effects={"mse": -0.1, "mln_1": 0.05, "mln_2": 0.05},
    )
    table = table_of(data)
    assert set(table[table["top"]]["loss"]) == {"mln_1", "mln_2"}


def test_top_marks_nothing_below_six_seeds(tmp_path):
    data = loaded(tmp_path / "a.db", tasks=("a",), runs=1, seeds=5)
    assert not table_of(data)["top"].any()


def test_three_evolution_runs_are_descriptive(tmp_path):
    method, comparisons = claims.method_claims(loaded(tmp_path / "a.db", tasks=("a",), runs=3))
    assert {item.verdict for item in comparisons} == {"refused"}
    assert [claim.baseline for claim in method] == ["ce", "mse"]
    for claim in method:
        assert claim.p is None
        assert claim.p_holm is None
        assert claim.mean == pytest.approx(np.mean(list(claim.gains.values())))


def test_six_evolution_runs_are_tested(tmp_path):
    effects = {f"mln_{run}": 0.05 for run in range(1, 8)}
    data = loaded(tmp_path / "a.db", tasks=("a",), runs=7, effects=effects)
    for claim in claims.method_claims(data)[0]:
        assert claim.p == pytest.approx(2 / 2**7)
        assert claim.p_holm == pytest.approx(4 / 2**7)


def test_runs_that_are_too_few_for_the_family_are_said_at_the_head(tmp_path):
    effects = {f"mln_{run}": 0.05 for run in range(1, 7)}
    data = loaded(tmp_path / "a.db", tasks=("a", "b"), runs=6, seeds=12, effects=effects)
    method, _ = claims.method_claims(data)
    assert {claim.verdict for claim in method} == {"inconclusive"}
    sentences = findings(data, compare(data), method)
    assert sentences[-1].startswith("6 evolution runs are too few for 4 comparisons of the method")
    assert "it takes 8 (evolution.runs)" in sentences[-1]
    assert not any("The method, over" in sentence for sentence in sentences)


def test_no_claim_about_the_method_without_evolution(tmp_path):
    data = loaded(tmp_path / "a.db", tasks=("a",), runs=0)
    assert claims.method_claims(data) == ([], [])


def test_few_tasks_are_descriptive(small):
    across = summary.across_tasks(small)
    assert across.tasks == 2
    assert across.friedman is None
    assert {item.verdict for item in claims.new_tasks(small)} == {"refused"}
    assert all("descriptive" in item.reason for item in claims.new_tasks(small))


def test_six_tasks_are_tested_on_their_means(tmp_path):
    effects = {"mln_1": 0.05, "mse": -0.05}
    data = loaded(tmp_path / "a.db", tasks=TASKS, runs=1, effects=effects, spread=0.002)
    across = summary.across_tasks(data)
    table = across.table.set_index("loss")
    assert list(table["mean_rank"]) == [1, 2, 3]
    against = claims.new_tasks(data)
    assert [(item.baseline, item.n, item.unit) for item in against] == [
        ("ce", 6, "task"),
        ("mse", 6, "task"),
    ]
    assert [item.p_holm for item in against] == pytest.approx([4 / 2**6] * 2)
    assert {item.scope for item in against} == {"new tasks"}
    assert table.loc["mln_1", "difference_ce"] == pytest.approx(0.05, abs=0.01)
    assert table.loc["mln_1", "difference_ce_low"] > 0
    assert table.loc["mln_1", "improvement_ce"] > 0.9
    assert np.isnan(table.loc["ce", "difference_ce"])


def test_ranks_turn_when_lower_is_better(tmp_path):
    settings = {"tasks": TASKS[:2], "runs": 1, "effects": {"mln_1": 0.05}, "spread": 0.002}
    across = summary.across_tasks(
        loaded(tmp_path / "a.db", report={"direction": "minimise"}, **settings)
    )
    last = across.table.iloc[-1]
    assert last["loss"] == "mln_1"
    assert last["difference_ce"] > 0
    assert last["difference_ce_low"] < last["difference_ce"] < last["difference_ce_high"]
    assert last["improvement_ce"] < 0.1


def test_one_task_has_no_summary_across_tasks(tmp_path):
    assert summary.across_tasks(loaded(tmp_path / "a.db", tasks=("a",), runs=1)) is None
