"""The verb `report`: pages from what is stored."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.commands import ReportKind, reproducing_commands
from bench.cli.options import DataRootOption, JsonOption, OutOption, SetOption, StorageOption
from bench.cli.report_given import (
    AlphaOption,
    BaselineOption,
    CandidateOption,
    CurvesOption,
    DirectionOption,
    ExamplesOption,
    GivenOptions,
    MetricOption,
    RopeOption,
    RowsOption,
    StepsOption,
    TunedByOption,
    WorstOption,
    refuse_beside_rows,
    report_rows,
)
from bench.cli.report_kind import inferred_kind
from bench.cli.report_output import (
    print_significance,
    print_verdicts,
    significance_report,
)
from bench.cli.settings import resolved_settings
from bench.errors import InputError
from bench.files import require_writable
from bench.store.url import DEFAULT_URL

if TYPE_CHECKING:
    from bench.experiment.model import Experiment
    from bench.store.store import Store

EFFECT_FIELDS = (
    "factor",
    "level",
    "reference",
    "mean_difference",
    "ci_low",
    "ci_high",
    "p_holm",
    "verdict",
)


def report(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXPERIMENT...]",
            help="TOML files, or names from `list experiments`; for a study report the winner "
            "and then the default",
        ),
    ] = None,
    kind: Annotated[
        ReportKind | None,
        typer.Option(
            help="losses against losses, settings, or what tuning gained; by default what is stored"
        ),
    ] = None,
    out: OutOption = None,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    strict: Annotated[bool, typer.Option(help="exit 1 if anything is refused or missing")] = False,
    as_json: JsonOption = False,
    rows: RowsOption = None,
    curves: CurvesOption = None,
    metric: MetricOption = None,
    baselines: BaselineOption = None,
    candidates: CandidateOption = None,
    direction: DirectionOption = None,
    rope: RopeOption = None,
    worst: WorstOption = None,
    alpha: AlphaOption = None,
    steps: StepsOption = None,
    tuned_by: TunedByOption = None,
    test_examples: ExamplesOption = None,
) -> None:
    """Write a report: one HTML page, JSON, CSV, LaTeX tables, figures, methods, references.

    Of experiments, or with --rows of results from anywhere: columns task, loss, seed and a metric.
    """
    given = GivenOptions(
        metric,
        baselines,
        candidates,
        direction,
        rope,
        worst,
        alpha,
        steps,
        tuned_by,
        curves,
        test_examples,
    )
    if rows is not None:
        refuse_beside_rows(experiments, kind, overrides)
        failed = report_rows(rows, given, out, as_json)
        raise typer.Exit(1 if strict and failed else 0)
    given.refuse_without_rows()
    if not experiments:
        raise InputError(
            "name an experiment (`mln-bench list experiments`), or a table of results with --rows"
        )
    from bench.experiment.checks import load_checked
    from bench.store.store import Store

    Store(storage, create=False).close()
    loaded = [
        resolved_settings(load_checked(name, overrides or (), data_root, read_data=False), storage)
        for name in experiments
    ]
    out = out or Path("runs/reports") / "+".join(one.name for one in loaded)
    require_writable(out)
    store = Store(storage, create=False)
    kind = kind or inferred_kind(store, loaded)
    commands = reproducing_commands(kind, experiments, overrides or ())
    if kind == "significance":
        written = significance_report(store, loaded, out, commands)
        print_significance(written, as_json)
        failed = bool(written.refusals or written.missing)
    elif kind == "ablation":
        failed = _ablation(store, loaded, out, commands, as_json)
    else:
        failed = _study(store, loaded, out, commands, as_json)
    raise typer.Exit(1 if strict and failed else 0)


def _ablation(
    store: "Store", loaded: "list[Experiment]", out: Path, commands: list[str], as_json: bool
) -> bool:
    from reports import writer
    from studies.gain_text import gain_unit

    unit = gain_unit(loaded[0])

    if len(loaded) != 1:
        raise InputError("--kind ablation: name one experiment")
    written = writer("ablation")(store, loaded[0], out, commands)
    effects = [effect.as_json() for effect in written.analysis.effects]
    rows = [{name: effect.get(name) for name in EFFECT_FIELDS} for effect in effects]
    if not as_json:
        gains = EFFECT_FIELDS[3:6]
        rows = [row | {name: unit.number(row[name]) for name in gains} for row in rows]
    title = f"Effects: difference in gain over CE ({unit.name})"
    print_verdicts(rows, title, written.paths.html, as_json)
    return not written.is_whole


def _study(
    store: "Store", loaded: "list[Experiment]", out: Path, commands: list[str], as_json: bool
) -> bool:
    from reports import writer
    from reports.page.wording import unit_of

    if len(loaded) > 2:
        raise InputError("--kind study: name the winner and the default, no more")
    default = loaded[1] if len(loaded) > 1 else None
    unit = unit_of(loaded[0].report.metric)
    written = writer("study")(store, loaded[0], default, out, commands)
    rows = [
        {
            "task": gain.task,
            "difference": gain.crossed.estimate if as_json else unit.gain(gain.crossed.estimate),
            "p_holm": gain.decision.p_holm,
            "verdict": gain.decision.verdict,
        }
        for gain in written.gains
    ]
    title = f"What tuning gained: winner minus default ({unit.difference})"
    print_verdicts(rows, title, written.paths.html, as_json)
    return bool(written.warnings)
