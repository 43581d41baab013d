"""Evolution: reproducible, resumable, paired, and within its budget."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.random import SeedSequence
from test_mln.helpers import linear_task

from mln import Execution, evolve
from mln.config import EvolutionConfig, LearnerSpec, LossSpec, TrainingSpec
from mln.evolution import EvolutionResult, draw_tasks
from mln.files import SavedLoss
from mln.fitness import paired_gain, tuned_gain
from mln.layout import layout
from mln.pieces import FitnessProtocol, Piece, train
from mln.search.config import GeneticConfig, StrategyConfig

SPEC = LossSpec(hidden=4)
TINY = EvolutionConfig(
    budget=9 * 6 * 2 * 4 * 8,
    population=8,
    tasks_per_generation=3,
    training=TrainingSpec(steps=8, batch_size=8),
    learner=LearnerSpec(hidden=(4,)),
    genetic=GeneticConfig(elites=2),
)
SEED = SeedSequence(3)
PROTOCOL = FitnessProtocol(SPEC, TINY.learner, TINY.training)


def mixed_task(seed: SeedSequence):
    """Tasks of two shapes, so that a generation has two groups."""
    return linear_task(seed, classes=2 + int(seed.generate_state(1)[0]) % 2)


def genomes(count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.standard_normal((count, layout(SPEC).size)).astype(np.float32)


def same(a: EvolutionResult, b: EvolutionResult) -> bool:
    return (
        np.array_equal(a.genome, b.genome)
        and a.history == b.history
        and str(a.handover) == str(b.handover)
    )


def test_a_rerun_gives_the_same_bits_and_another_seed_does_not() -> None:
    first = evolve(SPEC, TINY, mixed_task, SEED)
    assert same(first, evolve(SPEC, TINY, mixed_task, SEED))
    assert not np.array_equal(first.genome, evolve(SPEC, TINY, mixed_task, SeedSequence(4)).genome)


def test_a_loss_from_a_file_is_where_evolution_starts() -> None:
    first = evolve(SPEC, TINY, mixed_task, SEED)
    saved = SavedLoss(SPEC, first.genome, {})
    further = evolve(saved, TINY, mixed_task, SEED)
    assert np.array_equal(further.start, first.genome)
    assert np.array_equal(evolve(saved, TINY, mixed_task, SEED).genome, further.genome)
    assert not np.array_equal(further.genome, first.genome)
    # A search that hardly moves delivers what it started from.
    still = replace(TINY, mode="es", strategy=StrategyConfig(sigma=1e-6))
    assert np.allclose(evolve(saved, still, mixed_task, SEED).genome, first.genome, atol=1e-3)


def test_a_checkpoint_of_another_start_is_not_gone_on_from(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint"
    first = evolve(SPEC, TINY, mixed_task, SEED, Execution(checkpoint=file))
    saved = SavedLoss(SPEC, first.genome, {})
    again = evolve(saved, TINY, mixed_task, SEED, Execution(checkpoint=file))
    assert same(again, evolve(saved, TINY, mixed_task, SEED))


def test_budget_phases_and_history() -> None:
    result = evolve(SPEC, TINY, mixed_task, SEED)
    assert result.member_steps == len(result.history) * TINY.generation_cost <= TINY.budget
    assert TINY.budget - result.member_steps < TINY.generation_cost
    phases = [generation.phase for generation in result.history]
    assert phases == sorted(phases, reverse=True)
    assert set(phases) == {"ga", "es"}
    handover = result.handover
    assert handover is not None
    assert handover.generation == phases.index("es")
    assert handover.member_steps == result.history[handover.generation - 1].member_steps
    assert handover.reason == "budget"
    assert handover.member_steps >= TINY.switch_point * TINY.budget
    for generation in result.history:
        assert generation.best >= generation.median
        assert generation.diversity > 0


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("ga", "openai-es"),
        ("random", "openai-es"),
        ("es", "sep-cma-es"),
        *(("hybrid", kind) for kind in ("openai-es", "snes", "sep-cma-es")),
    ],
)
def test_interrupted_anywhere_and_continued_equals_uninterrupted(
    mode, kind, tmp_path: Path
) -> None:
    config = replace(TINY, mode=mode, strategy=StrategyConfig(kind=kind))
    whole = evolve(SPEC, config, mixed_task, SEED)

    def die(generation, _genome) -> None:
        raise Killed

    file = tmp_path / "run.safetensors"
    for _ in whole.history:
        with pytest.raises(Killed):
            evolve(SPEC, config, mixed_task, SEED, Execution(die, file))
    assert same(whole, evolve(SPEC, config, mixed_task, SEED, Execution(checkpoint=file)))


def test_a_checkpoint_of_another_run_or_a_torn_one_is_not_continued(tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    evolve(SPEC, TINY, mixed_task, SeedSequence(99), Execution(checkpoint=file))
    whole = evolve(SPEC, TINY, mixed_task, SEED)
    assert same(whole, evolve(SPEC, TINY, mixed_task, SEED, Execution(checkpoint=file)))
    file.write_bytes(file.read_bytes()[:100])
    assert same(whole, evolve(SPEC, TINY, mixed_task, SEED, Execution(checkpoint=file)))


def test_a_gain_does_not_depend_on_the_other_candidates_or_tasks() -> None:
    draws = draw_tasks(TINY, mixed_task, SEED, 0)
    population = genomes(5)
    together = paired_gain(population, draws, PROTOCOL).gain
    for row in range(5):
        for column, draw in enumerate(draws):
            alone = paired_gain(population[[row]], [draw], PROTOCOL).gain
            assert alone[0, 0] == together[row, column]


def test_tuned_gain_is_the_gain_at_each_losss_own_best_rate() -> None:
    draws = draw_tasks(TINY, mixed_task, SEED, 0)
    population = genomes(3)
    rates = [0.003, 0.03, 0.05, 0.1]
    one_rate = tuned_gain(population, draws, rates[:1], PROTOCOL)
    at_first = paired_gain(population, [draw._replace(lr=0.003) for draw in draws], PROTOCOL)
    assert np.array_equal(one_rate.gain, at_first.gain)
    both = tuned_gain(population, draws, rates, PROTOCOL)
    assert both.member_steps == 4 * one_rate.member_steps
    splits = ("inner_valid", "outer_valid")
    grid = np.tile(np.array(rates), (len(draws), 1))
    inner, outer = (
        train(Piece(list(draws), population, grid, splits, PROTOCOL)).scores[split]
        for split in splits
    )
    own = np.array(
        [
            [
                outer[row, k, max(range(4), key=lambda r: (inner[row, k, r], -r))]
                for k in range(len(draws))
            ]
            for row in range(len(population) + 1)
        ]
    )
    assert np.array_equal(both.gain, own[:-1] - own[-1])
    chosen = inner.argmax(2)
    assert (chosen != chosen[:, :1]).any(), "no draw chose another rate than its neighbour"
