"""The LaTeX tables, the methods paragraphs and the bibliography compile."""

import re
import shutil
import subprocess

import pytest
from test_reports.test_ablation import test_report as test_ablation
from test_reports.test_study import test_report as test_study_report

from reports.benchmark import report as render
from reports.page import latex, references
from reports.page.latex import latex_text
from reports.regression.compare import compare_rows
from reports.regression.report import write_regression
from reports.study.report import write_study

# Its report is made once, not once for each process of the tests.
pytestmark = pytest.mark.xdist_group("latex")

DOCUMENT = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{booktabs,graphicx}
\begin{document}
%s
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""

LEAST_SCALE = 0.7
"""Of the table's letters, which are of footnotesize: about 6 pt."""

needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="needs pdflatex: install TeX Live"
)


@pytest.fixture(scope="module")
def report(small, tmp_path_factory):
    return render.render(small, tmp_path_factory.mktemp("latex"))


@pytest.fixture(scope="module")
def pages(report, tmp_path_factory):
    """Files of a report of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    store, winner, default = test_study_report.stored(folder / "study.db")
    study = write_study(store, winner, default, folder / "study")
    store.close()
    ablation = test_ablation.render(test_ablation.gains(interaction=0.04), folder / "ablation")
    changes = compare_rows(report.paths.rows, report.paths.rows)
    compared = write_regression(changes, folder / "compare", ("a.csv", "b.csv"))
    return [report.paths, study.paths, ablation.paths, compared]


def test_every_citation_has_an_entry(report):
    methods = (report.paths.directory / "methods.tex").read_text()
    bibliography = (report.paths.directory / "references.bib").read_text()
    cited = {part.split("}")[0] for part in methods.split(r"\cite{")[1:]}
    assert cited >= {"fisher1935", "holm1979", "schuirmann1987", "agarwal2021"}
    assert all(f"{{{key}," in bibliography for key in cited)
    assert bibliography.count("@") == len(cited)
    assert "[@" not in report.paths.html.read_text()


def test_every_entry_has_what_a_reference_needs():
    for reference in references.entries().values():
        assert {"author", "title", "year"} <= set(reference.fields), reference.key
        assert {"journal", "booktitle", "publisher"} & set(reference.fields), reference.key
    assert references.entries()["demsar2006"].short == "Dem\u0161ar 2006"
    assert references.entries()["agarwal2021"].short == "Agarwal et al. 2021"


def test_special_characters_are_escaped():
    assert latex_text("50 % & a_b <x> \u2212") == r"50 \% \& a\_b $<$x$>$ $-$"


def test_rows_for_machines_are_no_table_of_a_paper(pages):
    for paths in pages[:3]:
        names = {path.name for path in paths.tables}
        assert "blocks.tex" not in names
    assert "blocks.csv" in {path.name for path in pages[0].tables}


@pytest.mark.parametrize(
    ("text", "longest", "lines"),
    [
        ("+0.45 [\u22120.20, 0.71]", 14, ["+0.45", "[\u22120.20, 0.71]"]),
        ("97.50 \u00b1 0.55", 8, ["97.50", "\u00b1 0.55"]),
        ("digits+noise=0.4", 10, ["digits", "+noise=0.4"]),
        ("better, size uncertain", 14, ["better, size", "uncertain"]),
        ("evolution.settings.mode", 20, ["evolution.settings.", "mode"]),
        ("better, size uncertain", 22, ["better, size uncertain"]),
        ("inconclusive", 4, ["inconclusive"]),
        ("< .001", 2, ["< .001"]),
    ],
)
def test_cells_break_between_words_and_never_within_a_number(text, longest, lines):
    assert latex.broken(text, longest) == lines


def test_a_name_stands_once_beside_its_rows():
    rows = [["digits+noise=0.4", str(k), "better, size uncertain"] for k in range(3)]
    rows += [["moons", "3", "[1, 2]"]]
    heads = ["task", *["a rather long heading"] * 2]
    wide = latex.tabulars([*heads, *["x"] * 20], [[*row, *["0.123"] * 20] for row in rows])
    starts = [line.split(" & ")[0] for line in wide.splitlines() if " & " in line]
    assert starts == ["task", "digits", "+noise=0.4", "", "moons"]
    assert wide.count(r"\addlinespace") == 1
    mixed = latex.tabulars(heads, [rows[0], rows[3], rows[1]])
    assert mixed.count("digits+noise=0.4") == 2


def test_a_long_table_goes_on_with_its_names():
    rows = [[f"task{k // 60}", str(k)] for k in range(120)]
    parts = latex.tabulars(["task", "n"], rows).split(r"\par")
    assert len(parts) == 3
    assert all(r"task & n \\" in part for part in parts)
    assert "task0 & 48" in parts[1]
    assert "\n & 49" in parts[1]


@pytest.mark.slow
@needs_latex
def test_latex_compiles(report, tmp_path):
    folder = report.paths.directory
    parts = [rf"\input{{{folder / 'methods.tex'}}}"]
    parts += [rf"\input{{{path}}}\par" for path in latex_tables(report.paths)]
    parts += [
        rf"\includegraphics[width=.8\textwidth]{{{path}}}\par"
        for path in report.paths.figures
        if path.suffix == ".pdf"
    ]
    shutil.copy(folder / "references.bib", tmp_path)
    (tmp_path / "paper.tex").write_text(DOCUMENT % "\n\n".join(parts), encoding="utf-8")
    run = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"]
    for command in (run, ["bibtex", "paper"], run, run):
        compiled(command, tmp_path)
    log = (tmp_path / "paper.log").read_text(errors="replace")
    assert "undefined citations" not in log
    assert (tmp_path / "paper.pdf").stat().st_size > 50_000


@pytest.mark.slow
@needs_latex
@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_tables_fit_the_line_of_a_standard_article(pages, kind, tmp_path):
    tables = latex_tables(pages[kind])
    assert tables
    probes = [
        rf"\begingroup\def\resizebox#1#2#3{{\setbox0\hbox{{#3}}\typeout{{natural \the\wd0}}}}"
        rf"\input{{{path}}}\endgroup\input{{{path}}}\par"
        for path in tables
    ]
    (tmp_path / "paper.tex").write_text(DOCUMENT % "\n\n".join(probes), encoding="utf-8")
    compiled(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"], tmp_path)
    log = (tmp_path / "paper.log").read_text(errors="replace")
    assert [
        float(pt) for pt in re.findall(r"Overfull .hbox \(([\d.]+)pt", log) if float(pt) > 3
    ] == []
    natural = [float(pt) for pt in re.findall(r"^natural ([\d.]+)pt", log, re.MULTILINE)]
    assert len(natural) >= len(tables)
    assert max(natural) <= latex.LINE / LEAST_SCALE


def latex_tables(paths):
    return [path for path in paths.tables if path.suffix == ".tex"]


def compiled(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
