"""The law of an adaptive loss as text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mln.config import ADAPTIVE_STATE, LossSpec
from mln.law import ExponentLaw, law, number
from mln.layout import layout

SPEC = LossSpec(kind="adaptive")


def of(
    weights: dict[tuple[int, str], float], constants: list[float], spec: LossSpec = SPEC
) -> dict[str, ExponentLaw]:
    """From weights and constants in units of the exponents themselves."""
    genes = np.zeros((4, 5))
    for (row, feature), weight in weights.items():
        genes[row, ADAPTIVE_STATE.index(feature)] = weight / spec.ranges[row]  # type: ignore[arg-type]
    genome = np.concatenate([genes.ravel(), np.array(constants) / spec.ranges])
    return {each.exponent: each for each in law(spec, genome.astype(np.float32))}


def test_the_law_that_evolution_finds_reads_as_it_is_written() -> None:
    found = of(
        {(0, "progress"): 0.84, (0, "drop"): -0.3, (3, "accuracy"): 0.5}, [-0.2, 0.2, -0.4, 0.8]
    )
    assert found["q"].formula == "q = .84 progress - .3 drop - .2, within 0 and 1"
    assert found["eps"].formula == "eps = .2"
    assert found["gamma"].formula == "gamma = 0"
    assert found["tau"].formula == "tau = .5 accuracy + .8"
    assert "grows with progress, falls with a drop in accuracy" in found["q"].words
    assert "0 early, .22 in the middle, .64 late" in found["q"].words
    assert found["eps"].words.endswith("always .2")


def test_ranges_end_what_a_law_can_reach() -> None:
    spec = LossSpec(kind="adaptive", max_q=0.5)
    found = of({(0, "progress"): 0.8, (1, "calibration_gap"): 0.1}, [0.1, 0.0, 3.0, 0.0], spec)
    assert found["q"].formula == "q = .8 progress + .1, within 0 and .5"
    assert ".5 late" in found["q"].words
    # A gap may have either sign.
    assert found["eps"].formula == "eps = .1 calibration_gap, within 0 and .3"
    assert found["gamma"].formula == "gamma = 2"


def test_a_loss_without_state_has_four_constants_and_others_have_no_law() -> None:
    spec = LossSpec(kind="adaptive", state=())
    formulas = [each.formula for each in law(spec, np.array([0.3, 1 / 3, 0, 0.5], np.float32))]
    assert formulas == ["q = .3", "eps = .1", "gamma = 0", "tau = 1"]
    with pytest.raises(ValueError, match="only adaptive losses"):
        law(LossSpec(), np.zeros(33, np.float32))


@given(st.floats(-20, 20))
@settings(max_examples=100)
def test_a_number_reads_back_as_itself(value: float) -> None:
    assert float(number(value)) == pytest.approx(value, abs=0.00501)
    assert not number(value).startswith(("0.", "-0"))


@given(st.integers(0, 999))
@settings(max_examples=40)
def test_every_genome_has_a_law(seed: int) -> None:
    genome = np.random.default_rng(seed).standard_normal(layout(SPEC).size).astype(np.float32)
    assert [each.exponent for each in law(SPEC, genome)] == ["q", "eps", "gamma", "tau"]
