"""The LaTeX tables, the methods paragraphs and the bibliography compile."""

import shutil
import subprocess

import pytest

from reports import references, render
from reports.table import latex_text

DOCUMENT = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{booktabs,graphicx}
\usepackage[margin=1cm,landscape]{geometry}
\begin{document}
%s
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""


@pytest.fixture(scope="module")
def report(small, tmp_path_factory):
    return render.render(small, tmp_path_factory.mktemp("latex"))


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


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex: install TeX Live")
def test_latex_compiles(report, tmp_path):
    folder = report.paths.directory
    parts = [rf"\input{{{folder / 'methods.tex'}}}"]
    parts += [
        rf"\resizebox{{\textwidth}}{{!}}{{\input{{{path}}}}}\par"
        for path in report.paths.tables
        if path.suffix == ".tex"
    ]
    parts += [
        rf"\includegraphics[width=.8\textwidth]{{{path}}}\par"
        for path in report.paths.figures
        if path.suffix == ".pdf"
    ]
    shutil.copy(folder / "references.bib", tmp_path)
    (tmp_path / "paper.tex").write_text(DOCUMENT % "\n\n".join(parts), encoding="utf-8")
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"]
    for command in (latex, ["bibtex", "paper"], latex, latex):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]
    log = (tmp_path / "paper.log").read_text(errors="replace")
    assert "undefined citations" not in log
    assert (tmp_path / "paper.pdf").stat().st_size > 50_000
