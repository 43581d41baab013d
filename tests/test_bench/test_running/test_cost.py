"""What an experiment costs, counted against what a run stores."""

from pathlib import Path

import pytest
from test_bench.running_here import run_here
from test_bench.tiny import hand_made

from bench.experiment.model import load
from bench.running.cost import costs
from bench.store.schema import cells


def test_the_benchmarks_learners_are_the_cells_that_a_run_stores(tmp_path: Path) -> None:
    experiment = hand_made(seeds=2)
    (part,) = costs(experiment)
    store, _ = run_here(experiment, tmp_path)
    assert part.part == "benchmark"
    assert part.learners == len(list(store.rows(cells)))
    assert experiment.benchmark is not None
    assert part.member_steps == part.learners * experiment.benchmark.training.steps
    assert part.minutes is not None
    assert part.minutes > 0


def test_parts_come_in_the_order_in_which_they_run_and_need_no_timing() -> None:
    demo = load("demo")
    assert demo.evolution is not None
    parts = costs(demo, judged=5, timed=False)
    assert [part.part for part in parts] == ["study", "evolve", "benchmark"]
    assert [part.member_steps for part in parts[:2]] == [
        5,
        demo.evolution.runs * demo.evolution.settings.budget,
    ]
    assert all(part.minutes is None for part in parts)


@pytest.mark.parametrize("seeds", [1, 3])
def test_an_ablation_costs_its_cells_times_its_seeds(seeds: int) -> None:
    from bench.cli.show import _judged

    overrides = [f"study.seeds={seeds}", "study.budget=200000"]
    assert _judged(load("mode-ablation", overrides)) == 7 * seeds * 200_000


def test_the_share_of_augmentation_is_shown_where_there_is_any() -> None:
    training = {"steps": 20, "batch_size": 8}
    for augmentation, shown in (({}, False), ({"crop": 1}, True)):
        own = {"training": {**training, "augmentation": augmentation}, "tasks": ["digits"]}
        (part,) = costs(hand_made(**own))
        assert part.part == "benchmark"
        assert part.augmenting is not None
        assert part.measuring is not None
        assert 0 < part.measuring < 1
        assert (0 < part.augmenting < 1) == shown
