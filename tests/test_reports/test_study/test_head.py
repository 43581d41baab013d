"""The first screen of the study page, gains by two settings, and the settings to paste."""

import shlex

import numpy as np
import pandas as pd
import pytest
from test_reports.test_study.test_report import stored

from bench.experiment.overrides import apply_override
from reports.study import figures, head
from reports.study.data import load_study
from reports.study.gains import gains_of
from reports.study.sections import sections


@pytest.mark.parametrize(
    ("worth", "begins"),
    [
        (0.03, "The tuned settings are better on moons and rings than the default ones."),
        (-0.03, "The tuned settings are worse on moons and rings than the default ones."),
    ],
)
def test_the_answer_says_where_tuning_gained(tmp_path, worth, begins):
    data = load_study(*stored(tmp_path / "a.db", winner=worth))
    gains = gains_of(data)
    assert head.answer(data, gains) == begins
    [group] = head.grid(data, gains).groups
    [row] = group.rows
    assert [cell.verdict for cell in row.cells] == [gain.decision.verdict for gain in gains]


def test_without_fresh_seeds_the_answer_says_so(tmp_path):
    store, winner, _ = stored(tmp_path / "a.db")
    data = load_study(store, winner)
    assert "on fresh seeds was not tested" in head.answer(data, ())
    assert head.grid(data, ()) is None


def test_the_chosen_settings_can_be_pasted(tmp_path):
    store, winner, _ = stored(tmp_path / "a.db")
    data = load_study(store, winner)
    [section] = [each for each in sections(data, ()) if each.anchor == "settings"]
    words = shlex.split(section.code.replace("\\\n", " "))  # as a shell joins the lines
    content = {}
    for flag, override in zip(words[::2], words[1::2], strict=True):
        assert flag == "--set"
        apply_override(content, override)
    best = data.best
    assert content["evolution"]["settings"] == {name: best[name] for name in data.parameters}


def test_classes_of_a_setting():
    few, names = figures.classes_of(pd.Series([16, 8, np.nan, 16]))
    assert names == ["8", "16"]
    assert few.tolist()[:2] == [1, 0]
    assert np.isnan(few[2])
    many, names = figures.classes_of(pd.Series([0.01, 0.02, 0.1, 0.5, 1.0, None], dtype=float))
    assert len(names) == figures.MAX_CLASSES
    assert many.tolist()[:5] == [0, 0, 2, 3, 3]
    assert np.isnan(many[5])


def test_a_map_has_the_mean_and_the_count_of_each_cell():
    trials = pd.DataFrame(
        {"a": [1, 1, 2, 2], "b": [5, 5, 5, 7], "value": [0.01, 0.03, 0.05, -0.01]}
    )
    figure = figures.response_maps(trials, [("a", "b")], 100.0)
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert texts == {"+2.00 (2)", "+5.00 (1)", "-1.00 (1)"}
