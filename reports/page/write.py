"""From a page to files: one HTML document, JSON, CSV, LaTeX, BibTeX, SVG and PDF."""

import json
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.page.drawing import SameProcess, begin, finish
from reports.page.files import breakable, inline, narrow, write_files
from reports.page.model import Page
from reports.page.references import bibtex, cited_in_latex, cited_in_text, reference_list
from reports.page.wording import finite
from reports.verdicts.kinds import VERDICTS

MAX_CAVEATS = 5
"""Caveats of a page's head that are not folded."""


@dataclass(frozen=True)
class ReportPaths:
    """Where a report was written."""

    directory: Path
    html: Path
    json: Path
    rows: Path
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]
    others: tuple[Path, ...]


def write_page(page: Page, out_dir: Path, executor: Executor | None = None) -> ReportPaths:
    """Write all files of a page, each atomically; they are a pure function of the page.

    The executor draws the figures (`reports.page.drawing.drawing_processes`). Raises InputError
    where the folder cannot be written, and what a drawing function raises.
    """
    files: dict[str, str | bytes] = {}
    pictures = page.pictures
    begun = [begin(picture, executor or SameProcess()) for picture in pictures]
    for table in page.tables:
        files[f"tables/{table.name}.csv"] = table.csv()
        if table.in_latex:
            files[f"tables/{table.name}.tex"] = table.latex()
    files["rows.csv"] = page.rows
    files |= page.files
    files["methods.tex"] = cited_in_latex(page.methods)
    files["references.bib"] = bibtex(page.methods)
    files["report.json"] = json_text(page.document)
    drawings: dict[str, Markup] = {}
    for picture, future in zip(pictures, begun, strict=True):
        drawing = finish(picture, future)
        files[f"figures/{picture.name}.svg"] = drawing.svg
        files[f"figures/{picture.name}.pdf"] = drawing.pdf
        drawings[picture.name] = inline(drawing.svg, picture.name, picture.alternative)
    files["report.html"] = _html(page, drawings)
    write_files(out_dir, files)
    within = {name: out_dir / name for name in files}
    fixed = ("report.html", "report.json", "rows.csv")
    return ReportPaths(
        directory=out_dir,
        html=within["report.html"],
        json=within["report.json"],
        rows=within["rows.csv"],
        tables=tuple(path for name, path in within.items() if name.startswith("tables/")),
        figures=tuple(path for name, path in within.items() if name.startswith("figures/")),
        others=tuple(
            path for name, path in within.items() if "/" not in name and name not in fixed
        ),
    )


def json_text(document: Mapping[str, Any]) -> str:
    """A JSON object with one line per key, and one per entry of a list.

    Raises ValueError for NaN and infinities, which JSON lacks.
    """

    def compact(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    lines = []
    for key, value in document.items():
        text = compact(value)
        if isinstance(value, list) and value:
            text = "[\n  " + ",\n  ".join(compact(entry) for entry in value) + "\n ]"
        lines.append(f" {compact(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as JSON values; NaN and infinities become None."""
    return [
        {str(name): _json_value(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _json_value(value: Any) -> Any:
    return finite(value.item() if isinstance(value, np.generic) else value)


def _html(page: Page, drawings: dict[str, Markup]) -> str:
    environment = Environment(
        loader=PackageLoader("reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": breakable, "narrow": narrow}
    text = environment.get_template("page.html.j2").render(
        page=page,
        drawings=drawings,
        methods=cited_in_text(page.methods),
        references=reference_list(page.methods),
        verdicts=VERDICTS,
        shown_caveats=MAX_CAVEATS,
    )
    return text + "\n"
