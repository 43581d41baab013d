"""The first screen of the significance page: the answer, the grid, the caveats, and the captions
that say what was corrected."""

import dataclasses
import re
from html.parser import HTMLParser
from itertools import pairwise

import pandas as pd
import pytest
from test_reports.simulated import simulated

from bench.catalogue.losses import UNEVOLVED
from reports.benchmark import head, tables
from reports.benchmark.caveats import caveats
from reports.benchmark.report import material_of, render
from reports.benchmark.sections import scores
from reports.data.load import load
from reports.verdicts.kinds import label_of


def material(path, **settings):
    store, experiment = simulated(path, **{"losses": ("ce", "mse"), "seeds": 12, **settings})
    found = material_of(load(store, experiment))
    store.close()
    return found


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """Two tasks, two candidates, the control, two hand-made losses, of which gce is better."""
    return material(
        tmp_path_factory.mktemp("head") / "a.db",
        tasks=("moons", "rings"),
        losses=("ce", "mse", "gce", "label_smoothing", UNEVOLVED),
        runs=2,
        effects={"mln_1": 0.05, "mln_2": -0.05, "gce": 0.02, "label_smoothing": -0.02},
    )


def test_the_answer_counts_better_and_worse_for_each_baseline(rich):
    assert head.answer(rich) == (
        "mln_1 and mln_2 are better than ce in 2 of 4 comparisons and worse in 2; better than mse "
        "in 2 of 4 and worse in 2."
    )


@pytest.mark.parametrize(
    ("settings", "begins"),
    [
        ({"effects": {}, "spread": 0.05}, "Nothing was shown: mln_1 is neither better nor worse"),
        ({"effects": {}, "spread": 0.0004}, "No difference that matters: mln_1 is equivalent to"),
        ({"effects": {"mln_1": 0.1}}, "mln_1 is better than ce on all 2 tasks and worse on none;"),
        ({"effects": {"mln_1": -0.1}}, "Nothing was shown to be better: mln_1 is better than ce"),
        ({"seeds": 4}, "Nothing could be judged: 4 comparisons were all refused (4 pairs: fewer"),
    ],
)
def test_the_answer_is_plain_also_where_nothing_was_shown(tmp_path, settings, begins):
    found = material(tmp_path / "a.db", **{"tasks": ("moons", "rings"), "runs": 1, **settings})
    assert head.answer(found).startswith(begins)
    assert head.answer(found).endswith(".")


def test_the_grid_has_every_verdict_the_control_and_the_best_hand_made_loss(rich):
    shown = head.grid(rich)
    assert shown.columns == ["moons", "rings"]
    for group, baseline in zip(shown.groups, ("ce", "mse"), strict=True):
        assert group.title == f"against {baseline}"
        rows = [(row.name, row.about) for row in group.rows]
        assert rows == [
            ("mln_1", ""), ("mln_2", ""), (UNEVOLVED, "not evolved"), ("gce", "best hand-made"),
        ]  # fmt: skip
        by_place = {
            (row.name, task): cell
            for row in group.rows
            for task, cell in zip(shown.columns, row.cells, strict=True)
        }
        for item in (*rich.primary, *rich.references):
            if item.baseline == baseline and (item.candidate, item.task) in by_place:
                cell = by_place[item.candidate, item.task]
                assert cell.verdict == item.verdict
                assert cell.text.startswith(label_of(item.verdict))
                assert cell.reason == item.sentence


def test_references_are_a_family_of_their_own(rich):
    assert {item.candidate for item in rich.references} == {"gce", "label_smoothing", UNEVOLVED}
    assert {item.family_size for item in rich.references} == {3 * 2 * 2}
    assert not {"gce", UNEVOLVED} & {item.candidate for item in rich.primary}


def test_what_was_detectable_stands_beside_each_inconclusive_verdict_and_no_other(tmp_path):
    found = material(
        tmp_path / "a.db", tasks=("moons", "rings"), runs=2, effects={"mln_1": 0.05}, spread=0.02
    )
    table = tables.comparisons(found.primary, "t", "T", "C", 0.05)
    verdicts = [item.verdict for item in found.primary]
    assert {"better", "inconclusive"} <= set(verdicts)
    cells = [cell for group in head.grid(found).groups for row in group.rows for cell in row.cells]
    assert sum("<" in cell.text for cell in cells) == verdicts.count("inconclusive")
    for item, shown in zip(found.primary, table.shown[tables.DETECTABLE], strict=True):
        if item.verdict == "inconclusive":
            assert shown == f"{100 * item.detectable_difference:.2f}"
        else:
            assert shown == ""


def test_the_caveats_come_the_gravest_first(tmp_path):
    found = material(
        tmp_path / "a.db", tasks=("moons",), runs=1, diverged={("moons", "mse", 3, "tuned")},
        absent={("moons", "ce", 2, "tuned")},
    )  # fmt: skip
    lines = caveats(found)
    assert "refused" in lines[0]
    assert any("diverged; they count" in line for line in lines)
    assert "not about the method" in lines[-1]


def validated(improved):
    return {"gain": 0.004, "low": -0.001 + 0.002 * improved, "high": 0.009, "improved": improved}


@pytest.mark.parametrize(
    ("median", "validation", "told"),
    [
        ([0.01, 0.0, 0.01], None, "Evolution never improved: no generation of mln_1 had"),
        ([0.01, 0.0, 0.02], None, None),
        ([0.01, 0.0, 0.02], validated(False), "Evolution not shown to improve on CE on its own"),
        ([0.01, 0.0, 0.01], validated(True), None),
    ],
)
def test_an_evolution_that_never_improved_is_a_caveat(rich, median, validation, told):
    history = pd.DataFrame(
        {"loss": "mln_1", "median": median, "validation": [None, validation, None]}
    )
    changed = dataclasses.replace(rich, data=dataclasses.replace(rich.data, history=history))
    lines = [line for line in caveats(changed) if line.startswith("Evolution ")]
    assert [line.startswith(told) for line in lines] == ([True] if told else [])


def test_captions_name_the_family_that_each_size_belongs_to(rich):
    section = scores.secondary(rich)
    captions = [table.caption for group in section.groups for table in group.tables]
    [area] = [caption for caption in captions if "each family: 8 comparisons" in caption][:1]
    # Two candidates on two tasks: against two baselines 8, against the control 4.
    assert "8 comparisons with the declared baselines, 4 with the un-evolved control" in area
    sizes = {
        item.baseline == UNEVOLVED: item.family_size
        for item in rich.comparisons
        if item.metric == "area"
    }
    assert sizes == {False: 8, True: 4}


def test_bold_scores_and_dots_of_pairs_are_one_test(rich):
    table = tables.scores(rich, rich.data.policy, rich.ordered_losses())
    bold = {(table.shown["task"][r], table.shown.columns[c]) for r, c in table.bold}
    for task, p in rich.separation.items():
        best = rich.data.scores.matrix(rich.data.policy)[task].mean().idxmax()
        not_separated = {best, *p.index[p[best] >= 0.05]}
        assert {loss for own, loss in bold if own == task} == not_separated
    assert 0 < len(bold) < table.shown.shape[0] * (table.shown.shape[1] - 1)


def test_baselines_stand_first(rich):
    assert rich.ordered_losses()[:2] == ["ce", "mse"]
    table = tables.scores(rich, rich.data.policy, rich.ordered_losses())
    assert list(table.shown.columns[:3]) == ["task", "ce", "mse"]


class Unfolded(HTMLParser):
    """Collects the figures that no one has to unfold."""

    def __init__(self):
        super().__init__()
        self.depth, self.figures = 0, []

    def handle_starttag(self, tag, attributes):
        self.depth += tag == "details"
        name = dict(attributes).get("id") or ""
        if tag == "figure" and name.startswith("figure-") and not self.depth:
            self.figures.append(name.removeprefix("figure-"))

    def handle_endtag(self, tag):
        self.depth -= tag == "details"


def test_the_page_is_short_and_its_parts_have_names(rich, tmp_path):
    page = render(rich.data, tmp_path / "out").paths.html.read_text()
    unfolded = Unfolded()
    unfolded.feed(page)
    assert unfolded.figures == [
        "forest", "learning_curves", "rate_response", "loss_shapes", "evolution_history",
    ]  # fmt: skip
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all('aria-label="' in tag for tag in re.findall(r'<svg role="img"[^>]*>', page))
    labels = re.findall(r'role="region" aria-label="([^"]*)"', page)
    assert len(labels) == len(set(labels))
    assert all("scope=" in tag for tag in re.findall(r"<th\b[^>]*>", page))
