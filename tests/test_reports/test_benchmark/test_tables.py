"""Tables as CSV, LaTeX and text."""

import pandas as pd

from reports.benchmark import protocol_tables, tables
from reports.benchmark.comparisons import compare
from reports.benchmark.material import Material
from reports.page.table import Table
from reports.verdicts.kinds import VERDICTS


def material(data):
    return Material(data, compare(data), [], [], [], None)


def test_latex_escapes_and_marks():
    shown = pd.DataFrame([["a_b & 50 %", "−1.00 ± 2"]], columns=["task", "d_z"])
    text = Table("t", "T", "C", shown, shown, bold=frozenset({(0, 1)})).latex()
    assert r"\toprule" in text
    assert r"a\_b \& 50 \%" in text
    assert r"\textbf{$-$1.00 $\pm$ 2}" in text
    assert r"task & d\_z \\" in text


def test_latex_columns_of_numbers_are_flush_right():
    shown = pd.DataFrame([["ce", "−1.00", "< .001", "[1, 2]"], ["mse", "+12.5", "–", "–"]])
    text = Table("t", "T", "C", shown, shown.set_axis(list("abcd"), axis=1)).latex()
    assert r"\begin{tabular}{lrrl}" in text


def test_latex_leaves_out_the_columns_that_a_page_has_no_room_for():
    shown = pd.DataFrame([["ce", "1", "2"]], columns=["loss", "p", "Holm p"])
    bold = frozenset({(0, 1), (0, 2)})
    table = Table("t", "T", "C", shown, shown, bold=bold, omitted=("p",))
    assert r"loss & Holm p \\" in table.latex()
    assert r"ce & \textbf{2} \\" in table.latex()
    assert table.csv().startswith("loss,p,Holm p")


def test_scores_mark_diverged_runs_and_keep_numbers_for_csv(small):
    table = tables.scores(material(small), "per_seed", ["mse", "ce", "gce", "mln_1", "mln_2"])
    assert list(table.shown.columns) == ["task", "mse", "ce", "gce", "mln_1", "mln_2"]
    assert table.shown["mse"].iloc[1].endswith("(1†)")
    assert table.csv().startswith("task,loss,n,mean,sd,diverged,top\n")
    assert "n = 8 seeds" in table.caption


def test_comparisons_have_one_row_each(small):
    items = [item for item in compare(small) if item.family == "primary"]
    table = tables.comparisons(items, "c", "C", "", 0.05)
    assert len(table.shown) == len(items) == len(table.tags)
    assert set(table.shown["verdict"]) <= {kind.label for kind in VERDICTS.values()}


def test_rates_and_budgets(small):
    rates = protocol_tables.rates(material(small))
    assert {"tuned per seed", "common rate", "common rate: change"} <= set(rates.shown)
    budgets = protocol_tables.budgets(small)
    assert set(budgets.shown["runs"]) == {"16"}
    assert "are equal" in budgets.caption


def test_all_policies_stand_side_by_side(small):
    table = tables.policies(material(small))
    assert len(table.shown) == 8
    assert list(table.shown)[3:5] == ["tuned per seed (points)", "tuned per seed: CI"]
    assert list(table.numbers)[3] == "per_seed_mean_difference"
    assert {"pooled_verdict", "common_verdict"} <= set(table.numbers)


def test_blocks_say_how_to_print_their_rows(small):
    table = tables.blocks(material(small))
    assert len(table.shown) == len(table.anchors) == 2 * 5 * 3
    assert table.shown["command"].iloc[0] == "sed -n '1p;2,9p' rows.csv"


def test_outcomes_are_counted(small):
    assert protocol_tables.counts(small).to_dict("records") == [
        {"task": "rings", "loss": "mse", "policy": policy, "diverged": 1, "missing": 0}
        for policy in ("per_seed", "pooled")
    ]
