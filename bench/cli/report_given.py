"""The verb `report` on results that were computed elsewhere: its options, and what it does."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from bench.cli.commands import ReportKind
from bench.cli.report_output import print_significance
from bench.errors import InputError
from bench.files import require_writable

PANEL = "Results from anywhere"


def _option(*names: str, text: str, **settings: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=PANEL, **settings)


RowsOption = Annotated[
    Path | None,
    _option(
        "--rows",
        text="CSV or Parquet: columns task, loss, seed and a metric; optional learner, status, "
        "lr, parameter, inner (the score on a validation split), metric@step",
        metavar="FILE",
    ),
]
CurvesOption = Annotated[
    Path | None,
    _option("--curves", text="learning curves: task, loss, seed, step, metric", metavar="FILE"),
]
MetricOption = Annotated[
    str | None,
    _option("--metric", text="the compared column; by default the only one", metavar="NAME"),
]
BaselineOption = Annotated[
    list[str] | None,
    _option(
        "--baseline",
        text="a loss to compare with; repeatable; by default ce, mse",
        metavar="LOSS",
    ),
]
CandidateOption = Annotated[
    list[str] | None,
    _option(
        "--candidate",
        text="a loss that is compared; repeatable; by default mln_1, mln_2, ..., or all others",
        metavar="LOSS",
    ),
]
DirectionOption = Annotated[
    Literal["maximise", "minimise"] | None,
    _option("--direction", text="which scores are better; needed of an unknown metric"),
]
RopeOption = Annotated[
    float | None,
    _option(
        "--rope", text="difference, +-, that is practically none; by default the metric's, or 0"
    ),
]
WorstOption = Annotated[
    float | None, _option("--worst", text="score of a diverged run; by default the metric's")
]
AlphaOption = Annotated[
    float | None, _option("--alpha", text="level of all tests; by default 0.05")
]
StepsOption = Annotated[
    int | None,
    _option("--steps", text="training steps of a run; by default the last of the curves"),
]
TunedByOption = Annotated[
    str | None,
    _option("--tuned-by", text="metric of the column inner; by default --metric", metavar="NAME"),
]
ExamplesOption = Annotated[
    int | None,
    _option(
        "--test-examples",
        text="of how many test examples a score is a share; by default a column test_examples, "
        "or as the scores show it",
    ),
]


class GivenOptions(NamedTuple):
    """The options that go with --rows; None or empty where they are not named."""

    metric: str | None
    baselines: list[str] | None
    candidates: list[str] | None
    direction: Literal["maximise", "minimise"] | None
    rope: float | None
    worst: float | None
    alpha: float | None
    steps: int | None
    tuned_by: str | None
    curves: Path | None
    test_examples: int | None = None

    def words(self) -> list[str]:
        """The options as words of a command."""
        names = {
            "baselines": "baseline",
            "candidates": "candidate",
            "tuned_by": "tuned-by",
            "test_examples": "test-examples",
        }
        return [
            word
            for field, value in self._asdict().items()
            if value is not None
            for entry in (value if isinstance(value, list) else [value])
            for word in (f"--{names.get(field, field)}",
                         f"{entry:g}" if isinstance(entry, float) else str(entry))
        ]  # fmt: skip

    def refuse_without_rows(self) -> None:
        """Raises InputError for an option that only --rows has."""
        words = self.words()
        if words:
            raise InputError(f"{words[0]} goes with --rows FILE; an experiment declares its own")


def refuse_beside_rows(
    experiments: Sequence[str] | None, kind: ReportKind | None, overrides: Sequence[str] | None
) -> None:
    """Raises InputError for what has no meaning beside --rows."""
    if experiments:
        raise InputError(f"--rows or an experiment ({experiments[0]}), not both")
    if kind not in (None, "significance"):
        raise InputError(f"--kind {kind}: --rows gives a report of kind significance alone")
    if overrides:
        raise InputError(f"--set {overrides[0]}: there is no experiment beside --rows")


def report_rows(rows: Path, options: GivenOptions, out: Path | None, as_json: bool) -> bool:
    """Write and print the report of a table of results; whether anything is refused or missing.

    Raises InputError where the table, its curves or an option cannot be used.
    """
    from reports.benchmark.api import Terms, significance
    from reports.page.drawing import default_drawing_processes

    out = out or Path("runs/reports") / rows.stem
    require_writable(out)
    named = options._asdict()
    curves = named.pop("curves")
    for name in ("baselines", "candidates"):
        named[name] = tuple(named[name]) if named[name] else None
    terms = Terms(**{name: value for name, value in named.items() if value is not None})
    judged = significance(rows, curves=curves, terms=terms)
    command = shlex.join(["mln-bench", "report", "--rows", str(rows), *options.words()])
    written = judged.written(out, [command], workers=default_drawing_processes())
    print_significance(written, as_json)
    return bool(written.refusals or written.missing)
