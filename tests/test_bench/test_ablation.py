"""An ablation: every cell once, at equal budgets, judged on the same held-out tasks."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_bench.tiny import TINY
from typer.testing import CliRunner

from bench.ablation import ablate, judge_jobs
from bench.checks import load_checked
from bench.cli import app
from bench.errors import InputError
from bench.evolving import evolution_jobs, evolve_job
from bench.experiment import Experiment
from bench.learners import learners_path, load_learners, measure_learners, save_learners
from bench.pool import WorkerPool
from bench.progress import Silent
from bench.runner import Runner
from bench.store import Store, evolutions, judgements

FACTORS = {
    "evolution.settings.coevolution": ["fresh", "persistent"],
    "evolution.loss.start": ["imitation", "random"],
}


def content(factors: dict[str, Any]) -> dict[str, Any]:
    found = deepcopy(TINY)
    del found["benchmark"]
    found["evolution"]["settings"]["fitness"] = {"screen": False}
    found["ablation"] = {"factors": factors, "families": ["spirals", "xor"], "tasks": 4}
    return found


def experiment(factors: dict[str, Any] | None = None) -> Experiment:
    return Experiment.model_validate(content(factors or FACTORS))


class Counting(Silent):
    def __init__(self) -> None:
        self.phases: list[str] = []

    def phase(self, name: str, total: int, done: int = 0) -> None:
        self.phases.append(name)


def test_every_cell_once_at_equal_budgets_and_only_what_is_missing(tmp_path: Path) -> None:
    store, counting = Store(f"sqlite:///{tmp_path}/mln.db"), Counting()
    with WorkerPool(1) as pool:
        # A part of the factors first: its cells are not evolved again.
        part = {**FACTORS, "evolution.loss.start": ["imitation"]}
        runner = Runner(experiment(part), store, tmp_path / "artifacts", pool, counting)
        first = ablate(runner)
        runner = Runner(experiment(), store, tmp_path / "artifacts", pool, counting)
        cells = ablate(runner)
        assert counting.phases == [
            "evolve 4 losses",
            "judge 4 losses",
            "evolve 4 losses",
            "judge 4 losses",
        ]
        assert ablate(runner) == cells
        assert len(counting.phases) == 4
    assert runner.errors == []
    assert [tuple(cell.settings.values()) for cell in cells] == [
        ("fresh", "imitation"),
        ("fresh", "random"),
        ("persistent", "imitation"),
        ("persistent", "random"),
    ]
    assert [first[0], first[1]] == [cells[0], cells[2]]
    assert {cell.member_steps for cell in cells} == {560.0}
    for cell in cells:
        assert cell.runs == len(cell.gains) == 2
        mean, half = np.mean(cell.gains), 12.7062047 * np.std(cell.gains, ddof=1) / 2**0.5
        assert cell.gain == pytest.approx(mean)
        assert cell.half_width == pytest.approx(half)
    # Judged alike whatever a cell evolved with: the settings that judge are the experiment's own.
    rows = {row["key"]: row for row in store.rows(evolutions)}
    jobs = judge_jobs(experiment(), rows).values()
    assert len(jobs) == 8
    assert len(store.rows(judgements)) == 8
    assert {job.settings.coevolution for job in jobs} == {"fresh"}


def test_final_learners_are_kept_and_measured_on_test(tmp_path: Path) -> None:
    base = experiment({"evolution.settings.coevolution": ["persistent"]})
    (_, cell), *_ = base.ablation_cells()
    job = evolution_jobs(cell, tmp_path)[0]
    content = evolve_job(job).learners
    assert content is not None
    save_learners(learners_path(tmp_path, job.key), content)
    learners = load_learners(learners_path(tmp_path, job.key))
    scores = measure_learners(learners, job.section.families, job.section.settings.learner)
    assert len(scores) == 2
    for found in scores:
        assert found.task in ("moons+noise=0.2", "blobs_2")
        assert 0.2 < found.accuracy <= 1
        assert found.nll > 0
        assert (found.accuracy, found.nll) != (found.accuracy_ce, found.nll_ce)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"evolution.settings.mod": ["ga"]}, "'evolution.settings.mod' is no setting"),
        ({"tuning.seeds": [1, 2]}, "'tuning.seeds' is no setting"),
        ({"evolution.settings.mode": ["ga", "annealing"]}, "annealing"),
        ({"evolution.settings.budget": [600, 1200]}, "same budget"),
        ({"evolution.settings.population": [6, 7]}, "population must be even"),
    ],
)
def test_bad_factors_are_named_before_anything_runs(factors, message) -> None:
    with pytest.raises(ValueError, match=message):
        experiment(factors)


def test_an_unknown_family_to_judge_on(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(
        'name = "bad"\n[evolution]\nfamilies = ["moons"]\n[ablation]\nfamilies = ["mons"]\n'
        '[ablation.factors]\n"evolution.loss.start" = ["random"]\n'
    )
    with pytest.raises(InputError, match="moons"):
        load_checked(str(file))


def test_the_shipped_ablation_is_valid_and_an_older_database_can_hold_it(tmp_path: Path) -> None:
    shipped = load_checked("ablation")
    assert len(shipped.ablation_cells()) == 18
    url = f"sqlite:///{tmp_path}/mln.db"
    store = Store(url)
    judgements.drop(store.engine)
    assert Store(url).rows(judgements) == []


def test_the_command_prints_the_table(tmp_path: Path) -> None:
    storage, artifacts = f"sqlite:///{tmp_path}/mln.db", str(tmp_path)
    small = [
        "evolution.runs=1",
        "evolution.settings.budget=1000",
        "evolution.settings.population=4",
        "evolution.settings.genetic.elites=1",
        "evolution.settings.tasks_per_generation=2",
        "evolution.settings.training.steps=10",
        "ablation.tasks=2",
        'ablation.factors={"evolution.settings.mode"=["ga","es"]}',
    ]
    overrides = [part for one in small for part in ("--set", one)]
    command = ["ablate", "ablation", "--storage", storage, "--artifacts", artifacts, "--json"]
    found = CliRunner().invoke(app, [*command, "--jobs", "1", *overrides])
    assert found.exit_code == 0, found.output
    assert '"mode": "es"' in found.stdout
    assert '"half_width": null' in found.stdout
