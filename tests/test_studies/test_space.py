"""The search space and the plan of a study: conditions, narrowing, cells, refusal before a run."""

import subprocess
import sys

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import REPORTS
from test_studies import tiny

from bench.errors import InputError
from bench.experiment.model import Experiment, load
from bench.experiment.study import FEWEST_SEEDS
from studies import space
from studies.plan import instances, plan, points, space_of
from studies.space import LOSS, MODE, POPULATION, SETTINGS, SWITCH_POINT, Choices, Range

SIGMA, STRATEGY = space.MUTATION_SIGMA, space.STRATEGY
WHOLE = {"tune": None, "space": {}, "budget": 10_000_000}


def whole(kind="screen", **study):
    unset = {"budget": 10_000_000} if kind == "ablate" else WHOLE
    experiment = tiny.experiment(kind, **{**unset, **study})
    return experiment.model_copy(update={"evolution": Experiment.model_validate(EVOLVED).evolution})


EVOLVED = {"name": "x", "evolution": {"families": ["moons"]}}


def test_names_are_settings_of_the_experiment():
    evolution = whole().evolution
    for parameter in space.SPACE:
        space.setting(evolution, parameter.name)
        for name, _ in parameter.when:
            space.setting(evolution, name)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=40)
def test_any_suggestion_of_the_whole_space_is_a_valid_evolution(seed):
    found = space_of(whole())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    params = found.suggest(study.ask())
    evolution = found.apply(params, budget=10_000_000)
    for name, value in params.items():
        assert space.setting(evolution, name) == value
    is_ga, is_es = params[MODE] in ("ga", "hybrid"), params[MODE] in ("es", "hybrid")
    assert (SIGMA in params) == is_ga
    assert (STRATEGY in params) == is_es
    assert (SWITCH_POINT in params) == (params[MODE] == "hybrid")
    is_openai = params.get(STRATEGY) == "openai-es"
    assert (SETTINGS + "strategy.learning_rate" in params) == is_openai
    assert found.validated(params, "here") == params


def test_the_user_narrows_widens_and_fixes():
    found = space_of(
        whole(
            tune=[MODE, SWITCH_POINT],
            space={
                MODE: ["hybrid"],
                SWITCH_POINT: {"low": 0.0, "high": 1.0},
                POPULATION: 12,
                SETTINGS + "genetic.tournament": [2, 4],
            },
        )
    )
    domains = {parameter.name: parameter.domain for parameter in found.parameters}
    assert domains == {
        MODE: Choices(("hybrid",)),
        SWITCH_POINT: Range(0.0, 1.0),
        SETTINGS + "genetic.tournament": Choices((2, 4)),
    }
    assert found.fixed == {POPULATION: 12}
    assert found.apply({MODE: "hybrid", SWITCH_POINT: 1.0}).settings.population == 12
    everything = space_of(whole())
    assert [parameter.name for parameter in everything.parameters] == list(space.BY_NAME)


def test_what_decides_may_be_fixed_or_left_to_the_experiment():
    fixed = space_of(whole(space={MODE: "es"}))
    assert MODE not in [parameter.name for parameter in fixed.parameters]
    params = fixed.walk(lambda parameter: 0)
    assert SIGMA not in params
    assert SETTINGS + "strategy.sigma" in params


@pytest.mark.parametrize(
    ("study", "complaint"),
    [
        ({"tune": [SETTINGS + "mod"]}, "study.tune.*did you mean 'evolution.settings.mode'"),
        ({"tune": [MODE, MODE]}, "named twice"),
        ({"space": {MODE: ["ga", "gaa"]}}, "a trial would be invalid.*mode"),
        ({"space": {MODE: ["ga", "ga"]}}, "each once"),
        ({"space": {MODE: []}}, "at least one choice"),
        ({"space": {SETTINGS + "modd": ["ga"]}}, "no setting of the evolution"),
        ({"space": {POPULATION: [7]}}, "must be even"),
        ({"space": {POPULATION: 7}}, "must be even"),
        ({"space": {SIGMA: {"low": 0.5, "high": 0.1}}}, "must rise"),
        ({"space": {SIGMA: {"low": 0.0, "high": 0.1, "log": True}}}, "begins above 0"),
        ({"space": {SIGMA: {"low": 0.0, "high": 0.1}}}, "must be positive"),
        ({"space": {SWITCH_POINT: {"low": 0.5, "high": 1.5}}}, "switch_point must lie"),
        ({"space": {SWITCH_POINT: {"low": 0.5}}}, "a range is"),
        ({"space": {SETTINGS + "budget": [10, 20]}}, "equal for all trials"),
        ({"budget": 1000}, "the first point .250 member-steps."),
        ({"families": ["moons", "moons"]}, "named twice"),
        ({"enqueue": [{MODE: "ga"}], "tune": [MODE, POPULATION]}, "no value for .*population"),
        ({"enqueue": [{SETTINGS + "mod": "ga"}], "tune": [MODE]}, "not tuned by this study"),
        ({"enqueue": [{MODE: "gaa"}], "tune": [MODE]}, "outside of"),
        ({"sampler": "gp"}, "needs a fixed mode: give 'evolution.settings.mode'"),
        ({"sampler": "cmaes", "space": {MODE: "ga", STRATEGY: "snes"}}, "numbers alone"),
        ({"sampler": "brute", "tune": [SIGMA]}, "has no end of values"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(study, complaint):
    with pytest.raises(InputError, match=complaint):
        plan(whole(**study))


def test_what_is_enqueued_comes_first_and_loses_what_has_no_effect():
    first = {MODE: "ga", SWITCH_POINT: 0.5}
    found = plan(whole(tune=[MODE, SWITCH_POINT], enqueue=[first, {MODE: "ga"}, {MODE: "es"}]))
    assert [(owed.origin, owed.params) for owed in found.owed] == [
        ("enqueued", {MODE: "ga"}),
        ("enqueued", {MODE: "es"}),
    ]


def test_a_confirmation_begins_with_the_incumbent_and_the_defaults():
    tuned = {"tune": [MODE, POPULATION], "paper_defaults": True}
    found = plan(whole("confirm", **tuned), {MODE: "es", POPULATION: 8, SIGMA: 0.1})
    assert [(owed.origin, owed.params) for owed in found.owed] == [
        ("incumbent", {MODE: "es", POPULATION: 8}),
        ("paper", {MODE: "hybrid", POPULATION: 16}),
    ]
    assert len(plan(whole("confirm", **tuned)).owed) == 1  # the experiment has the defaults
    with pytest.raises(InputError, match=r"study.paper_defaults.*outside of.*widen study.space"):
        plan(whole("confirm", **tuned, space={POPULATION: [8, 24]}), {MODE: "es", POPULATION: 8})


def test_brute_force_tries_every_distinct_cell_once():
    study = {"tune": [MODE], "space": {SWITCH_POINT: {"low": 0.2, "high": 0.8, "step": 0.3}}}
    found = plan(whole(sampler="brute", trials=None, **study))
    cells = [tuple(owed.params.values()) for owed in found.owed]
    assert sorted(cells, key=str) == [
        ("es",), ("ga",), ("hybrid", 0.2), ("hybrid", 0.5), ("hybrid", 0.8),
    ]  # fmt: skip
    assert found.total == 5


def ablation(**study):
    return plan(whole("ablate", **study))


def test_a_factorial_has_every_distinct_cell():
    factors = {MODE: ["ga", "hybrid"], SWITCH_POINT: [0.3, 0.7], LOSS + "state": [[], ["progress"]]}
    found = ablation(factors=factors)
    assert found.total == len(found.owed) == 2 * (1 + 2)
    applied = [found.space.apply(owed.params) for owed in found.owed]
    assert {evolution.loss.state for evolution in applied} == {(), ("progress",)}


def test_leave_one_out_changes_one_factor_of_the_base():
    factors = {MODE: ["ga", "hybrid"], SWITCH_POINT: [0.3], LOSS + "start": ["random"]}
    found = ablation(factors=factors, design="leave_one_out")
    base = {MODE: "hybrid", SWITCH_POINT: 0.7, LOSS + "start": "imitation"}
    assert [owed.params for owed in found.owed] == [
        base,
        {MODE: "ga", LOSS + "start": "imitation"},
        base | {SWITCH_POINT: 0.3},
        base | {LOSS + "start": "random"},
    ]


@pytest.mark.parametrize(
    ("study", "complaint"),
    [
        ({"factors": {SETTINGS + "mod": ["ga"]}}, "no setting"),
        ({"factors": {"tuning.seeds": [1, 2]}}, "no setting"),
        ({"factors": {MODE: ["ga", "annealing"]}}, "annealing"),
        ({"factors": {SETTINGS + "budget": [600, 1200]}}, "cannot be a factor"),
        ({"factors": {POPULATION: [6, 7]}}, "population must be even"),
        ({"factors": {"evolution.families": [["moonz"]]}}, "moons"),
        (
            {"factors": {SETTINGS + "strategy.mean_rate": [0.5]}, "design": "leave_one_out"},
            "no effect in the base",
        ),
    ],
)
def test_bad_factors_are_named_before_anything_runs(study, complaint):
    with pytest.raises((InputError, ValueError), match=complaint):
        ablation(**study)


def test_the_points_of_a_screen():
    study = tiny.experiment(budget=1000, reduction=3, rungs=3).study
    assert points(study) == (111, 333, 1000)
    assert points(study.model_copy(update={"rungs": 1})) == (1000,)


def test_instances_are_all_pairs_in_one_order_some_seeds_at_a_time():
    study = tiny.experiment("confirm", seeds=6, tasks=5).study
    order = instances(3, study)
    assert sorted(order) == [(seed, task) for seed in range(6) for task in range(5)]
    assert order == instances(3, study)
    assert order != instances(4, study)
    block = order[: FEWEST_SEEDS * 5]
    assert len({seed for seed, _ in block}) == FEWEST_SEEDS
    assert len({seed for seed, _ in block[:6]}) > 1


def test_planning_and_asking_need_no_torch():
    code = "import sys, studies.run, studies.dashboard.review; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["study-winner", "study-default", "ablation"])
def test_the_experiments_of_the_example_reports_can_be_run(name):
    found = load(str(REPORTS / f"{name}.toml"))
    assert plan(found).total >= 6
