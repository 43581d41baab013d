"""Figures: the numbers behind them, and that they are drawn alike every time."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reports.data import curves
from reports.figures import (
    aggregate as aggregate_figures,
)
from reports.figures import (
    benchmark as figures,
)
from reports.figures import (
    comparison as comparison_figures,
)
from reports.figures import (
    evolution as evolution_figures,
)
from reports.figures.rates import rate_responses
from reports.figures.style import clipped_limit, looks, svg

STYLE = looks(["ce", "mse", "mln_1", "mln_2"], ["mln_1", "mln_2"])


def band(values, factor=1.0):
    """The band of runs with one step."""
    groups = pd.DataFrame({"task": "t", "loss": ["ce"] * len(values)})
    column = np.array(values)[:, None]
    [record] = curves.bands(column, np.array([5]), groups, factor).to_dict("records")
    return record


def test_curve_bands_are_t_intervals():
    values = np.array([0.5, 0.6, 0.8])
    of_three = band(values, 100.0)
    expected = stats.ttest_1samp(100 * values, 0).confidence_interval()
    assert (of_three["low"], of_three["high"]) == pytest.approx((expected.low, expected.high))
    assert (of_three["n"], of_three["mean"]) == (3, pytest.approx(100 * values.mean()))


def test_the_band_of_one_seed_is_empty():
    of_one = band([0.5])
    assert np.isnan(of_one["low"])
    assert of_one["mean"] == 0.5


def test_curves_on_different_steps_are_united():
    builder = curves.CurveBuilder()
    builder.add({"step": [1, 3], "accuracy": [0.1, None]})
    builder.add(None)
    builder.add({"step": [2, 3], "accuracy": [0.2, 0.3]})
    united = builder.build()
    assert united.steps.tolist() == [1, 2, 3]
    assert np.nan_to_num(united.values["accuracy"], nan=-1).round(4).tolist() == pytest.approx(
        np.array([[0.1, -1, -1], [-1, -1, -1], [-1, 0.2, 0.3]])
    )


def test_first_passage():
    values = np.array([[0.1, 0.5, 0.4], [0.1, 0.2, 0.3], [np.nan, 0.9, 0.9]], dtype=np.float32)
    steps = curves.first_passage(values, np.array([10, 20, 30]), np.full(3, 0.5, np.float32))
    assert np.nan_to_num(steps, nan=-1).tolist() == [20, -1, 20]


def test_a_step_that_only_some_runs_have_is_no_failure():
    values = np.array(
        [[0.5, np.nan, 0.7], [0.5, 0.6, 0.7], [0.1, np.nan, np.nan], [0.4, 0.3, np.nan]]
    )
    groups = pd.DataFrame({"task": ["drifts", "drifts", "drifts", "other"]})
    whole = curves.completed(values, groups, np.array([False, False, True, False]), 0.0)
    # The second step is one run's own; the third run diverged before the last.
    assert np.nan_to_num(whole, nan=-1).tolist() == [
        [0.5, -1, 0.7], [0.5, -1, 0.7], [0.1, -1, 0.0], [0.4, 0.3, -1],
    ]  # fmt: skip
    ended = curves.completed(values[2:3], groups[:1], np.array([True]), 0.0)
    assert np.nan_to_num(ended, nan=-1).tolist() == [[0.1, -1, -1]]


def test_long_names_of_tasks_are_broken_before_their_regimes():
    assert figures.broken("digits+noise=0.4") == "digits+noise=0.4"
    assert figures.broken("digits+noise=0.2+label_drift=0.5+over=0.2", 26) == (
        "digits+noise=0.2\n+label_drift=0.5+over=0.2"
    )


def test_each_state_of_a_loss_has_a_line_of_its_own():
    p = np.linspace(0.01, 0.99, 9)
    shapes = pd.concat(
        pd.DataFrame({"loss": loss, "state": state, "kind": kind, "target": target, "p": p,
                      "y": p + turn})
        for loss, states in (("ce", [""]), ("mln_1", ["early", "middle", "late"]))
        for turn, state in enumerate(states)
        for kind, target in (("value", 1), ("gradient", 1), ("gradient", 0))
    )  # fmt: skip
    figure = evolution_figures.loss_shapes(shapes, STYLE)
    *panels, legend = figure.axes
    assert len(panels) == 3
    assert not legend.lines
    for panel in panels:
        drawn = [line for line in panel.lines if len(line.get_xdata()) == len(p)]
        assert len(drawn) == 4
        assert len({(line.get_linestyle(), line.get_color()) for line in drawn}) == 4


@pytest.mark.parametrize("count", [3, 9])
def test_a_matrix_of_pairs_marks_what_is_not_separated(count):
    names = [f"loss_{k}" for k in range(count)]
    means = np.arange(count, dtype=float)
    d = pd.DataFrame(means[:, None] - means[None, :], index=names, columns=names)
    p = pd.DataFrame(0.01, index=names, columns=names)
    p.iloc[0, 1] = p.iloc[1, 0] = 0.4
    figure = comparison_figures.pair_matrices([("digits", d, p)], "difference")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert sum(text.endswith("·") for text in texts) == 2
    assert sum(text == "" for text in texts) == (count if count == 3 else count**2 - 2)


def test_one_extreme_value_does_not_stretch_an_axis():
    values = [0.01 * k for k in range(-10, 11)]
    assert clipped_limit([*values, -90.0], 0.01) == pytest.approx(0.11)
    assert clipped_limit([float("nan")], 0.5) == 0.5
    assert clipped_limit([0.0, 0.0], 0.0) == 1.0


@pytest.mark.parametrize(
    ("rates", "named"),
    [((0.03, 0.3), ["0.03", "0.3"]), ((0.1,), ["0.1"]), ((0.002, 0.005), ["0.002", "0.005"])],
)
def test_rates_within_a_decade_are_named_at_their_ends(rates, named):
    own = {"task": "t", "loss": "ce", "lr": rates, "n": 8, "mean": 0.5, "low": 0.4, "high": 0.6}
    figure = rate_responses(pd.DataFrame(own | {"chosen": 4}), STYLE, "%")
    svg(figure)
    axis = figure.axes[0].xaxis
    texts = [text.get_text() for minor in (False, True) for text in axis.get_ticklabels(minor)]
    assert [text for text in texts if text] == named


def test_candidates_are_blue_and_every_loss_differs():
    many = looks([f"b{k}" for k in range(6)] + [f"c{k}" for k in range(3)], ["c0", "c1", "c2"])
    assert len({look.color for look in many.values()}) == 9


def intervals(low=-1.0, high=2.0):
    return pd.DataFrame(
        [
            {"task": task, "candidate": candidate, "baseline": baseline, "n": 6, "mean": 0.5,
             "low": low, "high": high, "verdict": "inconclusive"}
            for task in ("$t_1^2$", "digits+noise=0.4+valid=noisy")
            for candidate in ("mln_1", "mln_2")
            for baseline in ("ce", "mse")
        ]
    )  # fmt: skip


def points(differences):
    frame = intervals()[["task", "candidate", "baseline"]].drop_duplicates()
    return pd.concat(
        [frame.assign(seed=seed, difference=d) for seed, d in enumerate(differences)],
        ignore_index=True,
    )


@pytest.mark.parametrize("differences", [[0.0, 0.0], [0.1, -0.1, 90.0], [0.3]])
def test_paired_differences_are_drawn(differences):
    figure = figures.paired_differences(points(differences), intervals(), STYLE, 0.5, "points")
    assert len(figure.axes) == 4


@pytest.mark.parametrize("limits", [(-1.0, 2.0), (np.nan, np.nan), (-900.0, 900.0)])
def test_a_forest_is_drawn_alike_every_time(limits):
    first, second = (
        svg(figures.forest(intervals(*limits), STYLE, 0.5, "points")) for _ in range(2)
    )
    assert first == second
    assert "<dc:date>" not in first


def test_bars_of_the_critical_difference_do_not_depend_on_the_order_of_a_set():
    names = [f"loss {k}" for k in range(12)]
    p = pd.DataFrame(1.0, index=names, columns=names)
    style = looks(names, names[:3])
    drawn = aggregate_figures.critical_difference(
        {name: 1.0 + rank for rank, name in enumerate(names)}, p, 3.0, style
    )
    [bar] = [line for line in drawn.axes[0].lines if len(line.get_xdata()) == len(names)]
    assert list(bar.get_xdata()) == list(range(1, 13))


def test_tasks_are_ordered_by_effect():
    frame = pd.DataFrame({"task": ["a", "b", "b"], "mean": [0.0, 1.0, 2.0]})
    assert figures.order_by_effect(frame, 1.0) == ["b", "a"]
    assert figures.order_by_effect(frame, -1.0) == ["a", "b"]


def test_a_study_whose_trials_were_all_pruned_is_drawn():
    trials = pd.DataFrame({"number": [0, 1], "state": ["pruned"] * 2, "value": [None, None]})
    steps = pd.DataFrame({"number": [0], "step": [1000], "value": [0.01]})
    assert svg(evolution_figures.study_progress(trials, steps, 100.0))


def test_a_history_without_a_switch_is_drawn():
    history = pd.DataFrame(
        {"loss": "mln_1", "phase": "es", "member_steps": [1, 2], "best": [0, 1], "median": [0, 0]}
    )
    figure = evolution_figures.evolution_history(history, STYLE, 100.0)
    assert figure.axes[0].get_title(loc="left") == "mln_1"


def test_a_dozen_losses_all_look_different():
    losses = [f"loss_{number}" for number in range(14)]
    styles = looks([*losses, "mln_1"], ["mln_1"])
    assert len({(look.color, look.dash) for look in styles.values()}) == 15
