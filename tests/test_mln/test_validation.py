"""Strata, weighted losses, and the choice of the delivered genome on other families."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import SeedSequence
from test_mln.helpers import linear_task

from mln import Execution, evolve
from mln.config import EvolutionConfig, FitnessConfig, LearnerSpec, LossSpec, TrainingSpec
from mln.evolution import VALIDATION_KEY, draw_tasks
from mln.fitness import aggregate, groups_of, tuned_gain
from mln.genome import imitation
from mln.pieces import FitnessProtocol
from mln.random import child
from mln.search.config import GeneticConfig, ValidationConfig
from mln.task import Mixture, Task
from mln.validation import CHOOSE_KEY, JUDGE_KEY, drawn, spaced, validate

SPEC = LossSpec(hidden=4)
TINY = EvolutionConfig(
    budget=9 * 4 * 8 * 6 + (3 + 3) * 4 * 2 * 8,
    population=8,
    tasks_per_generation=4,
    switch_point=0.3,
    learning_rates=(0.03, 0.01),
    training=TrainingSpec(steps=8, batch_size=8),
    learner=LearnerSpec(hidden=(4,)),
    genetic=GeneticConfig(elites=2),
    validation=ValidationConfig(candidates=3, tasks=4),
)
SEED = SeedSequence(3)
PROTOCOL = FitnessProtocol(SPEC, TINY.learner, TINY.training, fitness=TINY.fitness)


def source(name: str, regime: str = "", classes: int = 3):
    def draw(seed: SeedSequence) -> Task:
        return replace(linear_task(seed, classes=classes), name=name, regime=regime)

    return draw


ABC = Mixture((source("a", "clean"), source("b", "noise"), source("c", "noise", classes=2)))
OTHER = Mixture((source("d"), source("e", classes=4)))


def names(config: EvolutionConfig, generation: int) -> list[str]:
    return [draw.task.name for draw in draw_tasks(config, ABC, SEED, generation)]


def test_each_generation_goes_on_where_the_last_one_ended() -> None:
    assert [names(TINY, g) for g in range(3)] == [list("abca"), list("bcab"), list("cabc")]
    even = replace(TINY, tasks_per_generation=6)
    assert [names(even, g) for g in range(2)] == [list("abcabc")] * 2
    at_random = replace(TINY, strata=False)
    drawn_names = [name for g in range(12) for name in names(at_random, g)]
    assert set(drawn_names) == set("abc")
    assert drawn_names[:12] != list("abcabcabcabc")


def test_a_slot_that_lives_on_keeps_its_task() -> None:
    config = replace(TINY, coevolution="persistent", budget=10**6)
    first, later = (draw_tasks(config, ABC, SEED, g) for g in (0, 5))
    for a, b in zip(first, later, strict=True):
        np.testing.assert_array_equal(a.task.train.x, b.task.train.x)
    assert [draw.task.name for draw in later] == list("abca")


def test_sources_that_take_turns_need_numbered_seeds() -> None:
    with pytest.raises(ValueError, match="last key"):
        replace(ABC, in_turn=True)(SeedSequence(1))


def test_losses_count_by_group() -> None:
    gain = np.array([[0.2, -0.1, -0.3, 0.4], [0.05, 0.05, 0.05, 0.05]])
    groups = ["x", "y", "y", "z"]  # means .2, -.2, .4
    fitness = aggregate(gain, groups, FitnessConfig(loss_weight=3.0))
    assert fitness == pytest.approx([(0.2 + 2 * 3 * -0.2 + 0.4) / 4, 0.05])
    worst = aggregate(gain, groups, FitnessConfig(aggregate="cvar", cvar_share=0.3, loss_weight=3))
    assert worst == pytest.approx([-0.6, 0.05])
    # A single bad task within a group that gains costs nothing more.
    mixed = np.array([[0.3, -0.1, 0.1, 0.1]])
    assert aggregate(mixed, ["x"] * 4, FitnessConfig(loss_weight=9)) == pytest.approx([0.1])


@given(
    st.lists(st.lists(st.floats(-1, 1), min_size=5, max_size=5), min_size=1, max_size=4),
    st.lists(st.sampled_from("abc"), min_size=5, max_size=5),
    st.floats(1, 10),
)
def test_a_weight_never_helps_and_without_losses_changes_nothing(rows, groups, weight) -> None:
    gain = np.array(rows)
    plain = aggregate(gain, groups, FitnessConfig())
    weighted = aggregate(gain, groups, FitnessConfig(loss_weight=weight))
    assert (weighted <= plain + 1e-12).all()
    assert aggregate(np.abs(gain), groups, FitnessConfig(loss_weight=weight)) == pytest.approx(
        np.abs(gain).mean(1)
    )


def test_groups_are_names_or_regimes() -> None:
    draws = draw_tasks(TINY, ABC, SEED, 0)
    assert groups_of(draws, FitnessConfig()) == ["a", "b", "c", "a"]
    by_regime = FitnessConfig(group_by="regime")
    assert groups_of(draws, by_regime) == ["clean", "noise", "noise", "clean"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss_weight": 0.5}, "loss_weight must be at least 1"),
        ({"loss_weight": float("inf")}, "loss_weight"),
        ({"group_by": "family"}, "group_by must be name or regime"),
    ],
)
def test_bad_fitness_settings(settings, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FitnessConfig(**settings)


@given(st.integers(1, 60), st.integers(1, 12))
def test_candidates_are_spread_over_the_phase_and_end_with_the_last(count: int, most: int) -> None:
    numbers = list(range(100, 100 + count))
    chosen = spaced(numbers, most)
    assert len(chosen) == len(set(chosen)) == min(most, count)
    assert chosen[-1] == numbers[-1]
    assert set(chosen) <= set(numbers)
    if len(chosen) > 1:
        gaps = np.diff(chosen)
        assert gaps.max() - gaps.min() <= 1


def test_each_draw_chooses_its_own_rate() -> None:
    draws = drawn(replace(ABC, in_turn=True), SEED, 5)
    genomes = np.stack([imitation(SPEC), imitation(SPEC) * 3]).astype(np.float32)
    rates = [0.001, 0.1]
    each = tuned_gain(genomes, draws, rates, PROTOCOL)
    for k, draw in enumerate(draws):
        alone = tuned_gain(genomes, [draw], rates, PROTOCOL)
        np.testing.assert_array_equal(each.gain[:, k], alone.gain[:, 0])
    spread = tuned_gain(genomes, draws, rates, PROTOCOL, map=map)
    np.testing.assert_array_equal(spread.gain, each.gain)


def test_the_delivered_genome_is_the_best_of_the_ess_means_on_the_other_families() -> None:
    kept: list[np.ndarray] = []
    execution = Execution(lambda _, genome: kept.append(genome))
    result = evolve(SPEC, TINY, ABC, SEED, execution, OTHER)
    found = result.validation
    assert found is not None
    phases = [row.phase for row in result.history]
    candidates = {row.number: row.validated for row in result.history if row.validated is not None}
    assert candidates == found.gains
    assert all(phases[number] == "es" for number in candidates)
    assert len(candidates) == 3
    assert max(candidates) == len(phases) - 1
    assert found.gains[found.generation] == max(found.gains.values())
    np.testing.assert_array_equal(result.genome, kept[found.generation])
    # From scratch, what the record says of the delivered one.
    turns = replace(OTHER, in_turn=True)
    seed = child(SEED, VALIDATION_KEY)
    for key, expected in ((CHOOSE_KEY, found.gains[found.generation]), (JUDGE_KEY, found.judged)):
        draws = drawn(turns, child(seed, key), 4)
        assert [draw.task.name for draw in draws] == ["d", "e", "d", "e"]
        gain = tuned_gain(result.genome[None], draws, [0.01, 0.03], PROTOCOL).gain[0]
        assert expected == pytest.approx(gain.mean() if key == CHOOSE_KEY else gain.tolist())
    assert found.names == ["d", "e", "d", "e"]
    spent = result.history[-1].member_steps
    assert result.member_steps == spent + TINY.validation_cost <= TINY.budget
    assert TINY.budget - result.member_steps < TINY.generation_cost


def test_equal_gains_go_to_the_later_mean() -> None:
    genome = imitation(SPEC)
    found = validate(TINY, dict.fromkeys((4, 5, 6), genome), OTHER, SEED, PROTOCOL)
    assert found.generation == 6
    assert len(set(found.gains.values())) == 1


class Killed(Exception):
    pass


def test_killed_anywhere_a_validated_run_ends_in_the_same_bits(tmp_path: Path) -> None:
    whole = evolve(SPEC, TINY, ABC, SEED, validation=OTHER)

    def die(generation, _genome) -> None:
        raise Killed

    file = tmp_path / "run.safetensors"
    for _ in whole.history:
        with pytest.raises(Killed):
            evolve(SPEC, TINY, ABC, SEED, Execution(die, file), OTHER)
    again = evolve(SPEC, TINY, ABC, SEED, Execution(checkpoint=file), OTHER)
    np.testing.assert_array_equal(again.genome, whole.genome)
    assert again.history == whole.history
    assert again.validation == whole.validation


def test_a_checkpoint_without_a_validations_candidates_is_not_continued(tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    evolve(SPEC, TINY, ABC, SEED, Execution(checkpoint=file))
    validated = evolve(SPEC, TINY, ABC, SEED, Execution(checkpoint=file), OTHER)
    assert validated.validation == evolve(SPEC, TINY, ABC, SEED, validation=OTHER).validation


def test_what_cannot_be_validated_is_refused() -> None:
    lasting = replace(TINY, coevolution="persistent")
    with pytest.raises(ValueError, match="coevolution fresh"):
        evolve(SPEC, lasting, ABC, SEED, validation=OTHER)
    poor = replace(TINY, budget=TINY.generation_cost + TINY.validation_cost - 1)
    with pytest.raises(ValueError, match="less than one generation"):
        evolve(SPEC, poor, ABC, SEED, validation=OTHER)
    for settings in ({"candidates": 0}, {"tasks": 1}):
        with pytest.raises(ValueError, match="must be at least"):
            ValidationConfig(**settings)


def test_a_gain_in_validation_does_not_depend_on_the_other_candidates() -> None:
    rng = np.random.default_rng(1)
    genomes = [imitation(SPEC) + rng.normal(0, 0.3, imitation(SPEC).shape) for _ in range(3)]
    several = validate(
        TINY, {k: g.astype(np.float32) for k, g in enumerate(genomes)}, OTHER, SEED, PROTOCOL
    )
    alone = validate(TINY, {1: genomes[1].astype(np.float32)}, OTHER, SEED, PROTOCOL)
    assert several.gains[1] == alone.gains[1]
