"""The search space: conditions, narrowing, and what decides over others."""

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_studies import tiny

from bench.errors import InputError
from bench.experiment.saved_losses import SavedLossSection
from mln.layout import layout
from studies import space
from studies.domains import Choices, Range
from studies.plan import space_of
from studies.space import MODE, POPULATION, SETTINGS_PREFIX, SWITCH_POINT

SIGMA, STRATEGY = space.MUTATION_SIGMA, space.STRATEGY


def test_names_are_settings_of_the_experiment():
    evolution = tiny.untuned().evolution
    for parameter in space.SPACE:
        space.setting(evolution, parameter.name)
        for name, _ in parameter.when:
            space.setting(evolution, name)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=40)
def test_any_suggestion_of_the_whole_space_is_a_valid_evolution(seed):
    whole = space_of(tiny.untuned())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    params = whole.suggest(study.ask())
    evolution = whole.apply(params, budget=10_000_000)
    for name, value in params.items():
        assert space.setting(evolution, name) == value
    is_ga, is_es = params[MODE] in ("ga", "hybrid"), params[MODE] in ("es", "hybrid")
    assert (SIGMA in params) == is_ga
    assert (STRATEGY in params) == is_es
    assert (SWITCH_POINT in params) == (params[MODE] == "hybrid")
    is_openai = params.get(STRATEGY) == "openai-es"
    assert (SETTINGS_PREFIX + "strategy.learning_rate" in params) == is_openai
    assert whole.validated(params, "here") == params


def test_the_user_narrows_widens_and_fixes():
    narrowed = space_of(
        tiny.untuned(
            tune=[MODE, SWITCH_POINT],
            space={
                MODE: ["hybrid"],
                SWITCH_POINT: {"low": 0.0, "high": 1.0},
                POPULATION: 12,
                SETTINGS_PREFIX + "genetic.tournament": [2, 4],
            },
        )
    )
    domains = {parameter.name: parameter.domain for parameter in narrowed.parameters}
    assert domains == {
        MODE: Choices(("hybrid",)),
        SWITCH_POINT: Range(0.0, 1.0),
        SETTINGS_PREFIX + "genetic.tournament": Choices((2, 4)),
    }
    assert narrowed.fixed == {POPULATION: 12}
    assert narrowed.apply({MODE: "hybrid", SWITCH_POINT: 1.0}).settings.population == 12
    everything = space_of(tiny.untuned())
    assert [parameter.name for parameter in everything.parameters] == list(space.BY_NAME)


def test_what_decides_may_be_fixed_or_left_to_the_experiment():
    fixed = space_of(tiny.untuned(space={MODE: "es"}))
    assert MODE not in [parameter.name for parameter in fixed.parameters]
    params = fixed.walk(lambda parameter: 0)
    assert SIGMA not in params
    assert SETTINGS_PREFIX + "strategy.sigma" in params


def test_the_form_of_a_loss_that_evolution_goes_on_from_does_not_vary():
    plain = tiny.untuned()
    spec = plain.evolution.loss
    genome = [0.0] * layout(spec).size
    start = SavedLossSection(spec=spec, genome=tuple(genome))

    def going_on(study):
        evolution = plain.evolution.model_copy(update={"start_from": start})
        return plain.model_copy(update={"evolution": evolution, "study": study})

    free = space_of(going_on(plain.study.model_copy(update={"tune": None, "space": {}})))
    names = [parameter.name for parameter in free.parameters]
    assert MODE in names
    assert not any(name.startswith(space.LOSS_PREFIX) for name in names)
    varied = plain.study.model_copy(update={"tune": ("evolution.loss.head",)})
    with pytest.raises(InputError, match=r"'evolution\.loss\.head' cannot vary beside"):
        space_of(going_on(varied))
