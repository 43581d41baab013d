"""How numbers are written."""

import pytest

from bench.experiment.sections import TuningSection
from reports.benchmark.methods import tuning_in_words
from reports.page import wording

POINTS = wording.unit_of("accuracy")


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "< .001"),
        (0.00099, "< .001"),
        (0.004, "= .004"),
        (0.0499, "= .050"),
        (0.5, "= .500"),
        (0.9996, "> .999"),
        (1.0, "= 1"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_p(p, text):
    assert wording.p_text(p) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "+1.23"), (-0.01234, "−1.23"), (0.0, "0.00"), (-0.00001, "0.00"), (None, "–")],
)
def test_gain_in_points(value, text):
    assert POINTS.gain(value) == text


@pytest.mark.parametrize("sign", [1, -1])
def test_the_order_of_a_sum_decides_no_digit(sign):
    # 23 of 500 examples x 40 seeds more: exactly .115 points, and a bit less as a float.
    exact, less = sign * 0.00115, sign * (0.00115 - 1e-18 * 200)
    assert exact != less
    texts = {wording.signed_minus(value, 2, 100.0) for value in (exact, less)}
    assert texts == {"0.12" if sign > 0 else "\N{MINUS SIGN}0.12"}
    assert wording.signed_minus(sign * 0.001149, 2, 100.0).endswith("0.11")
    assert wording.signed_minus(1e20, 0) == "100000000000000000000"


def test_units():
    assert wording.unit_of("accuracy_selected") == wording.unit_of("area") == POINTS
    assert wording.unit_of("nll").value(0.30001) == "0.3000"
    assert POINTS.spread(0.9, 0.01) == "90.00 ± 1.00"
    assert POINTS.spread(0.9, float("nan")) == "90.00"
    assert wording.signed_minus(float("-inf"), 2) == "−∞"


def test_lists():
    assert wording.listed(["a", "b", "c"]) == "a, b and c"
    assert wording.listed(["a"]) == "a"
    assert wording.listed([]) == ""
    assert wording.counted(1, "loss", "losses") == "1 loss"
    assert wording.counted(2, "loss", "losses") == "2 losses"


def test_the_tuning_is_told_as_it_was_done():
    alone = tuning_in_words(TuningSection(rates=(0.01, 0.1)))
    assert "2 learning rates (0.01 and 0.1) on every test seed" in alone
    assert "published default" in alone
    both = tuning_in_words(TuningSection(rates=(0.01, 0.1), parameter_values=3))
    assert "6 configurations on every test seed" in both
    assert "times 3 declared values" in both
    assert "6 rates" in both
