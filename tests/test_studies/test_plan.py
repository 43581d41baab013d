"""The plan of a study: what is tried first, cells, points, instances; refusal before a run."""

import dataclasses
import subprocess
import sys

import pytest
from places import REPORTS
from test_studies import tiny

from bench.errors import InputError
from bench.experiment.model import load
from bench.experiment.study import BUDGET, MIN_EVOLUTION_SEEDS, REFERENCE, VARIANT
from studies import space
from studies.plan import evolved_on, instances, most_member_steps, plan, points
from studies.space import (
    LOSS_PREFIX,
    MODE,
    POPULATION,
    SETTINGS_PREFIX,
    SWITCH_POINT,
)

SIGMA, STRATEGY = space.MUTATION_SIGMA, space.STRATEGY


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ({"tune": [SETTINGS_PREFIX + "mod"]}, "study.tune.*did you mean 'evolution.settings.mode'"),
        ({"tune": [MODE, MODE]}, "named twice"),
        ({"space": {MODE: ["ga", "gaa"]}}, "a trial would be invalid.*mode"),
        ({"space": {MODE: ["ga", "ga"]}}, "each once"),
        ({"space": {MODE: []}}, "at least one choice"),
        ({"space": {SETTINGS_PREFIX + "modd": ["ga"]}}, "no setting of the evolution"),
        ({"space": {POPULATION: [7]}}, "must be even"),
        ({"space": {POPULATION: 7}}, "must be even"),
        ({"space": {SIGMA: {"low": 0.5, "high": 0.1}}}, "must rise"),
        ({"space": {SIGMA: {"low": 0.0, "high": 0.1, "log": True}}}, "begins above 0"),
        ({"space": {SIGMA: {"low": 0.0, "high": 0.1}}}, "must be positive"),
        ({"space": {SWITCH_POINT: {"low": 0.5, "high": 1.5}}}, "switch_point must lie"),
        ({"space": {SWITCH_POINT: {"low": 0.5}}}, "a range is"),
        ({"space": {SETTINGS_PREFIX + "budget": [10, 20]}}, "equal for all trials"),
        ({"budget": 1000}, "the first point .250 member-steps."),
        ({"families": ["moons", "moons"]}, "named twice"),
        ({"enqueue": [{MODE: "ga"}], "tune": [MODE, POPULATION]}, "no value for .*population"),
        ({"enqueue": [{SETTINGS_PREFIX + "mod": "ga"}], "tune": [MODE]}, "not tuned by this study"),
        ({"enqueue": [{MODE: "gaa"}], "tune": [MODE]}, "outside of"),
        ({"sampler": "gp"}, "needs a fixed mode: give 'evolution.settings.mode'"),
        ({"sampler": "cmaes", "space": {MODE: "ga", STRATEGY: "snes"}}, "numbers alone"),
        ({"sampler": "brute", "tune": [SIGMA]}, "has no end of values"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(study, message):
    with pytest.raises(InputError, match=message):
        plan(tiny.untuned(**study))


def test_what_is_enqueued_comes_first_and_loses_what_has_no_effect():
    first = {MODE: "ga", SWITCH_POINT: 0.5}
    todo = plan(
        tiny.untuned(tune=[MODE, SWITCH_POINT], enqueue=[first, {MODE: "ga"}, {MODE: "es"}])
    )
    assert [(slot.origin, slot.params) for slot in todo.known] == [
        ("enqueued", {MODE: "ga"}),
        ("enqueued", {MODE: "es"}),
    ]


def test_a_confirmation_begins_with_the_incumbent_and_the_defaults():
    tuned = {"tune": [MODE, POPULATION], "paper_defaults": True}
    todo = plan(tiny.untuned("confirm", **tuned), {MODE: "es", POPULATION: 8, SIGMA: 0.1})
    assert [(slot.origin, slot.params) for slot in todo.known] == [
        ("incumbent", {MODE: "es", POPULATION: 8}),
        ("paper", {MODE: "hybrid", POPULATION: 16}),
    ]
    assert len(plan(tiny.untuned("confirm", **tuned)).known) == 1  # the experiment has the defaults
    with pytest.raises(InputError, match=r"study.paper_defaults.*outside of.*widen study.space"):
        plan(
            tiny.untuned("confirm", **tuned, space={POPULATION: [8, 24]}),
            {MODE: "es", POPULATION: 8},
        )


def test_brute_force_tries_every_distinct_cell_once():
    study = {"tune": [MODE], "space": {SWITCH_POINT: {"low": 0.2, "high": 0.8, "step": 0.3}}}
    todo = plan(tiny.untuned(sampler="brute", trials=None, **study))
    cells = [tuple(slot.params.values()) for slot in todo.known]
    assert sorted(cells, key=str) == [
        ("es",), ("ga",), ("hybrid", 0.2), ("hybrid", 0.5), ("hybrid", 0.8),
    ]  # fmt: skip
    assert todo.total == 5


def ablation(**study):
    return plan(tiny.untuned("ablate", **study))


def test_a_factorial_has_every_distinct_cell():
    factors = {
        MODE: ["ga", "hybrid"],
        SWITCH_POINT: [0.3, 0.7],
        LOSS_PREFIX + "state": [[], ["progress"]],
    }
    todo = ablation(factors=factors)
    assert todo.total == len(todo.known) == 2 * (1 + 2)
    applied = [todo.space.apply(slot.params) for slot in todo.known]
    assert {evolution.loss.state for evolution in applied} == {(), ("progress",)}


def test_leave_one_out_changes_one_factor_of_the_base():
    factors = {MODE: ["ga", "hybrid"], SWITCH_POINT: [0.3], LOSS_PREFIX + "start": ["random"]}
    todo = ablation(factors=factors, design="leave_one_out")
    base = {MODE: "hybrid", SWITCH_POINT: 0.7, LOSS_PREFIX + "start": "imitation"}
    assert [slot.params for slot in todo.known] == [
        base,
        {MODE: "ga", LOSS_PREFIX + "start": "imitation"},
        base | {SWITCH_POINT: 0.3},
        base | {LOSS_PREFIX + "start": "random"},
    ]


VARIANTS = {
    "state": {LOSS_PREFIX + "state": ["progress", "drop"]},
    "on moons, by a GA": {"evolution.families": ["moons"], MODE: "ga"},
}


def variants(**changed):
    return ablation(factors={}, variants={**VARIANTS, **changed})


def test_variants_are_compared_with_the_experiment_as_it_is():
    todo = variants(**{"q": {LOSS_PREFIX + "state": ["progress"]}})
    assert [slot.params for slot in todo.known] == [
        {"variant": name} for name in ("reference", *VARIANTS, "q")
    ]
    reference, state, ga, progress = (todo.space.apply(slot.params) for slot in todo.known)
    assert reference == todo.space.base
    assert state == reference.model_copy(
        update={"loss": dataclasses.replace(reference.loss, state=("progress", "drop"))}
    )
    assert (ga.families, ga.settings.mode, ga.loss) == (("moons",), "ga", reference.loss)
    assert progress.loss.state == ("progress",)


def test_the_families_of_every_variant_belong_to_the_study():
    drawn = {"evolution.families": ["xor"], "evolution.validation": ["circles"]}
    study = {"families": ["spirals"], "factors": {}}
    one, other = (
        tiny.untuned("ablate", variants=VARIANTS | {"b": {**drawn, **more}}, **study)
        for more in ({}, {"evolution.families": ["xor", "blobs_10"]})
    )
    assert evolved_on(one) == ["circles", "moons", "xor"]
    assert evolved_on(other) == ["blobs_10", "circles", "moons", "xor"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"b": {SETTINGS_PREFIX + "mod": "ga"}}, r"study.variants: 'b': .*no setting.*'.*mode'"),
        ({"b": {POPULATION: 7}}, "'b': .*population must be even"),
        ({"b": {SETTINGS_PREFIX + "budget": 600}}, "'b' sets .*equal for all"),
        ({"b": VARIANTS["state"]}, "'b' is the same as 'state'"),
        ({"b": {MODE: "hybrid"}}, "'b' is the same as 'reference'"),
        ({"b": {"evolution.families": ["moonz"]}}, "moons"),
        ({"b": {}}, "'b' changes nothing"),
        ({"reference": {MODE: "ga"}}, "cannot be the name"),
        ({"b": {"evolution.validation": ["moons"]}}, "which evolution draws from"),
        ({"b": {"evolution.validation": ["circles"]}}, "which the study judges on"),
    ],
)
def test_bad_variants_are_named_before_anything_runs(changed, message):
    with pytest.raises((InputError, ValueError), match=message):
        variants(**changed)


def test_the_shipped_ablation_of_the_law_is_one_reference_and_twelve_variants():
    todo = plan(load("mechanism"))
    assert todo.total == 13
    names = [slot.params["variant"] for slot in todo.known]
    assert names[0] == "reference"
    assert {"without drop", "no state: constants", "GA alone"} < set(names)
    states = [len(todo.space.apply(slot.params).loss.state) for slot in todo.known]
    assert states == [5, 4, 4, 4, 4, 4, 1, 0, 5, 5, 5, 5, 5]


def test_factors_and_variants_exclude_each_other():
    with pytest.raises(ValueError, match="either factors or variants"):
        ablation(variants=VARIANTS)
    with pytest.raises(ValueError, match="either factors or variants"):
        ablation(factors={})
    with pytest.raises(ValueError, match="design 'factorial' does not go"):
        ablation(factors={}, variants=VARIANTS, design="factorial")


def test_the_first_point_of_a_screen_has_room_for_the_validation():
    settings = {"learning_rates": [0.1], "validation": {"candidates": 3, "tasks": 2}}
    tight = {"settings": settings, "validation": ["xor"], "reduction": 2, "rungs": 3}
    plan(tiny.experiment(budget=800, **tight))
    with pytest.raises(InputError, match=r"the first point \(75 member-steps\): .*validation"):
        plan(tiny.experiment(budget=300, **tight))


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ({"factors": {SETTINGS_PREFIX + "mod": ["ga"]}}, "no setting"),
        ({"factors": {"tuning.seeds": [1, 2]}}, "no setting"),
        ({"factors": {MODE: ["ga", "annealing"]}}, "annealing"),
        ({"factors": {SETTINGS_PREFIX + "budget": [600, 1200]}}, "cannot be a factor"),
        ({"factors": {POPULATION: [6, 7]}}, "population must be even"),
        ({"factors": {"evolution.families": [["moonz"]]}}, "moons"),
        (
            {"factors": {SETTINGS_PREFIX + "strategy.mean_rate": [0.5]}, "design": "leave_one_out"},
            "no effect in the base",
        ),
    ],
)
def test_bad_factors_are_named_before_anything_runs(study, message):
    with pytest.raises((InputError, ValueError), match=message):
        ablation(**study)


def test_the_points_of_a_screen():
    study = tiny.experiment(budget=1000, reduction=3, rungs=3).study
    assert points(study) == (111, 333, 1000)
    assert points(study.model_copy(update={"rungs": 1})) == (1000,)


@pytest.mark.parametrize(
    ("kind", "study", "most"),
    [
        ("screen", {"budget": 1000, "trials": 6}, 6 * 1000),
        ("confirm", {"budget": 1000, "trials": 4, "seeds": 6}, 4 * 6 * 1000),
        ("ablate", {"budget": 1000, "factors": {MODE: ["ga", "es"]}, "seeds": 3}, 2 * 3 * 1000),
        (
            "ablate",
            {"budget": 700, "factors": {MODE: ["ga", "es"]}, "budgets": [200, 700], "seeds": 3},
            2 * 3 * (200 + 700),
        ),
    ],
)
def test_a_study_costs_the_budgets_of_its_own_cells(kind, study, most):
    assert most_member_steps(tiny.experiment(kind, **study)) == most


def test_instances_are_all_pairs_in_one_order_some_seeds_at_a_time():
    study = tiny.experiment("confirm", seeds=6, tasks=5).study
    order = instances(3, study)
    assert sorted(order) == [(seed, task) for seed in range(6) for task in range(5)]
    assert order == instances(3, study)
    assert order != instances(4, study)
    block = order[: MIN_EVOLUTION_SEEDS * 5]
    assert len({seed for seed, _ in block}) == MIN_EVOLUTION_SEEDS
    assert len({seed for seed, _ in block[:6]}) > 1


def test_planning_and_asking_need_no_torch():
    code = "import sys, studies.run, studies.dashboard.review; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["study-winner", "study-default", "ablation"])
def test_the_experiments_of_the_example_reports_can_be_run(name):
    experiment = load(str(REPORTS / f"{name}.toml"))
    assert plan(experiment).total >= 6


def test_variants_are_crossed_with_budgets():
    variants = {"es": {MODE: "es"}}
    experiment = tiny.untuned(
        "ablate", factors={}, variants=variants, budgets=[6_000_000, 10_000_000]
    )
    todo = plan(experiment)
    names = [(slot.params[VARIANT], slot.params[BUDGET]) for slot in todo.known]
    assert names == [(name, b) for name in (REFERENCE, "es") for b in (6_000_000, 10_000_000)]
    assert todo.space.apply(todo.known[2].params, budget=1).settings.budget == 6_000_000
    with pytest.raises(InputError, match=r"budget .10. is less than one generation"):
        plan(tiny.untuned("ablate", factors={}, variants=variants, budgets=[10, 10_000_000]))


def test_named_variants_are_tried_first_and_nothing_else_where_that_is_said():
    variants = {"defaults": {}, "paper's order": {MODE: "hybrid", SWITCH_POINT: 0.7}}
    todo = plan(
        tiny.experiment(sampler="none", trials=None, variants=variants, space={POPULATION: [4, 6]})
    )
    assert [slot.origin for slot in todo.known] == ["defaults"]  # the paper's are the defaults
    changed = {"GA": {MODE: "ga"}, "defaults": {}}
    todo = plan(tiny.experiment(variants=changed))
    assert [slot.origin for slot in todo.known] == ["GA", "defaults"]
    assert SWITCH_POINT not in todo.known[0].params
    assert todo.total == 6
    with pytest.raises(InputError, match=r"variants\.GA: .*is not tuned by this study"):
        plan(tiny.experiment(variants={"GA": {"evolution.settings.elites": 2}}))
    with pytest.raises(InputError, match=r"add study\.variants"):
        plan(tiny.experiment(sampler="none"))
