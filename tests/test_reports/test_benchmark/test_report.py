"""A report from end to end."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pandas as pd
import pytest
from test_reports.simulated import simulated

from bench.errors import InputError
from reports.benchmark import report as render
from reports.page.drawing import drawing_processes
from reports.page.files import breakable

# Its report is made once, not once for each process of the tests.
pytestmark = pytest.mark.xdist_group("render")

COMMANDS = ["mln-bench run simulated", "mln-bench report simulated"]
REQUIRED = {
    "family", "task", "learner", "candidate", "baseline", "metric", "policy", "n",
    "mean_difference", "ci_low", "ci_high", "p", "p_holm", "dz", "p_better", "verdict", "reason",
}  # fmt: skip


@pytest.fixture(scope="module")
def report(small, tmp_path_factory):
    return render.render(small, tmp_path_factory.mktemp("report"), COMMANDS)


def test_all_files_are_written(report):
    names = {path.name for path in report.paths.figures}
    drawn = {
        "forest", "paired_differences", "slopes", "all_pairs", "aggregates", "profiles",
        "learning_curves", "learning_curve_gains", "time_to_threshold", "loss_shapes",
        "evolution_history", "rate_response", "study", "importances", "power",
    }  # fmt: skip
    assert names == {f"{name}.{kind}" for name in drawn for kind in ("svg", "pdf")}
    written = {path for path in report.paths.directory.rglob("*") if path.is_file()}
    paths = report.paths
    assert written == {
        paths.html, paths.json, paths.rows, *paths.tables, *paths.figures, *paths.others,
    }  # fmt: skip
    others = {path.name for path in paths.others}
    assert others == {"configurations.csv", "methods.tex", "references.bib"}
    assert {path.suffix for path in paths.tables} == {".csv", ".tex"}
    for path in paths.figures:
        if path.suffix == ".svg":
            ET.parse(path)


def test_json_has_every_comparison_and_no_nan(report):
    document = json.loads(report.paths.json.read_text(), parse_constant=pytest.fail)
    assert len(document["comparisons"]) == len(report.comparisons)
    assert set(document["comparisons"][0]) >= REQUIRED
    assert document["metric"] == "accuracy"
    assert document["missing"] == []
    assert document["provenance"]["commands"] == COMMANDS
    assert sum(document["verdicts"].values()) == len(report.primary) == 8
    primary = [item for item in document["comparisons"] if item["family"] == "primary"]
    assert all(-1 <= item["mean_difference"] <= 1 for item in primary)
    assert document["claims"]
    assert document["warnings"] == list(report.warnings)


def test_rows_csv_holds_every_cell(report, small):
    rows = pd.read_csv(report.paths.rows)
    assert list(rows.columns[:8]) == [
        "task", "learner", "loss", "seed", "policy", "lr", "parameter", "status",
    ]  # fmt: skip
    assert len(rows) == len(small.rows)


class Page(HTMLParser):
    """Collects identifiers, links and what a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.fetched = [], [], []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "xlink:href") and value.startswith("#"):
                self.links.append(value[1:])
            if name == "src" or (name == "href" and not value.startswith("#")):
                self.fetched.append(value)


def test_the_page_stands_alone(report):
    text = report.paths.html.read_text()
    page = Page()
    page.feed(text)
    assert page.fetched == []
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert set(page.links) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_the_page_says_what_was_found(report):
    text = report.paths.html.read_text()
    for sentence in report.findings:
        assert sentence.replace("<", "&lt;").replace(">", "&gt;") in text
    assert "descriptive" in text
    assert "prefers-color-scheme: dark" in text
    assert "p = .000" not in text
    assert COMMANDS[0] in text
    assert "2 of 240 planned runs diverged" in text


def test_a_second_rendering_by_other_processes_has_the_same_bytes(report, small, tmp_path):
    with drawing_processes(2) as executor:
        again = render.render(small, tmp_path / "again", COMMANDS, executor)
    for path in again.paths.directory.rglob("*"):
        if path.is_file():
            twin = report.paths.directory / path.relative_to(again.paths.directory)
            assert path.read_bytes() == twin.read_bytes(), path.name


def test_terminal_rows(report):
    rows = render.verdict_rows(report)
    assert len(rows) == len(report.primary)
    assert {"task", "candidate", "baseline", "verdict"} <= set(rows[0])
    assert all(isinstance(value, str) for row in rows for value in row.values())


def test_names_stay_text(tmp_path):
    store, experiment = simulated(
        tmp_path / "a.db", tasks=("<script>alert(1)</script>",), losses=("ce", "mse"), seeds=6,
        runs=1, study=False,
    )  # fmt: skip
    report = render.write_report(store, experiment, tmp_path / "out", ["a <b> & c"])
    text = report.paths.html.read_text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "a &lt;b&gt; &amp; c" in text


def test_sections_without_content_are_left_out(tmp_path):
    store, experiment = simulated(
        tmp_path / "a.db", tasks=("moons",), losses=("ce", "mse", "gce"), seeds=6, runs=0
    )
    report = render.write_report(store, experiment, tmp_path / "out")
    text = report.paths.html.read_text()
    for anchor in ("study", "evolution", "method", "across", "cost", "new_tasks"):
        assert f'id="{anchor}"' not in text
    for anchor in ("verdict", "scores", "comparisons", "protocol", "reproduction"):
        assert f'id="{anchor}"' in text


def test_refusals_stand_at_the_head(tmp_path):
    store, experiment = simulated(
        tmp_path / "a.db", tasks=("moons",), losses=("ce", "mse"), seeds=4, runs=1
    )
    report = render.write_report(store, experiment, tmp_path / "out")
    text = report.paths.html.read_text()
    assert len(report.refusals) == len(report.comparisons)
    assert "Nothing could be judged: 2 comparisons were all refused (4 pairs: fewer than 6" in text
    assert text.index("comparisons refused: 4 pairs: fewer than 6") < text.index("<nav")
    assert "No primary comparison could be judged" in text


def test_a_folder_that_cannot_be_written(small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the report"):
        render.render(small, tmp_path / "file" / "report")


def test_reports_import_no_torch():
    code = "import sys, reports.benchmark.report; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_long_names_of_tasks_may_break_before_a_regime(tmp_path):
    store, experiment = simulated(
        tmp_path / "mln.db", tasks=("moons+noise=0.4",), losses=("ce", "mse"), runs=1, seeds=6
    )
    written = render.write_report(store, experiment, tmp_path / "out", COMMANDS)
    store.close()
    page = written.paths.html.read_text()
    assert "moons<wbr>+noise=0.4" in page
    assert "<wbr>+" not in re.sub(r"<th[^>]*>.*?</th>", "", page)  # differences stay whole


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("evolution.settings.mode", "evolution.<wbr>settings.<wbr>mode"),
        ("moons+noise=0.15:0.5+few=9", "moons<wbr>+noise=0.15:0.5<wbr>+few=9"),
        ("+0.23", "+0.23"),
        ("a<b>", "a&lt;b&gt;"),
        (3, "3"),
    ],
)
def test_names_break_between_their_parts_alone(text, broken):
    assert breakable(text) == broken


def test_what_scrolls_has_shades_of_its_own_ground(report):
    page = report.paths.html.read_text()
    for scrolls in re.findall(r"<(?:div|pre) [^>]*>(?=\s*<(?:table|svg))", page):
        assert "scroll" in scrolls
    style = page[page.index("<style>") : page.index("</style>")]
    assert style.count("--shade:") == 3  # light, dark, and figures, which are white in both
    assert "var(--ground) 50%, transparent) left / 2.2rem 100% local" in style
