"""The verbs that write reports, and what they print."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.cli.console import print_json, print_rows
from bench.cli.options import DataRootOption, JsonOption, OutOption, SetOption, StorageOption
from bench.cli.study import resolved_settings
from bench.errors import InputError
from bench.files import require_writable
from bench.store.url import DEFAULT_URL

if TYPE_CHECKING:
    from bench.experiment.model import Experiment
    from reports.significance.report import Report

Kind = Literal["significance", "ablation", "study"]

STRICT = "exit 1 if anything is refused or missing"


def report(
    experiments: Annotated[
        list[str],
        typer.Argument(
            metavar="EXPERIMENT...",
            help="TOML files, or names from `list experiments`; for a study report the winner "
            "and then the default",
        ),
    ],
    kind: Annotated[
        Kind, typer.Option(help="losses against losses, settings, or what tuning bought")
    ] = "significance",
    out: OutOption = None,
    overrides: SetOption = None,
    storage: StorageOption = DEFAULT_URL,
    data_root: DataRootOption = None,
    strict: Annotated[bool, typer.Option(help=STRICT)] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a report: one HTML page, JSON, CSV, LaTeX tables, figures, methods, references."""
    from bench.experiment.checks import load_checked
    from bench.store.store import Store

    Store(storage, create=False).close()
    loaded = [
        resolved_settings(load_checked(name, overrides or (), data_root, read_data=False), storage)
        for name in experiments
    ]
    out = out or Path("runs/reports") / "+".join(one.name for one in loaded)
    require_writable(out)
    tail = "".join(f" --set {shlex.quote(override)}" for override in overrides or ())
    commands = _commands(kind, experiments, tail)
    store = Store(storage, create=False)
    if kind == "significance":
        from reports.page.drawing import default_artists
        from reports.significance.report import write_report

        written = write_report(store, loaded, out, commands, workers=default_artists())
        print_report(written, as_json)
        failed = bool(written.refusals or written.missing)
    elif kind == "ablation":
        failed = _ablation(store, loaded, out, commands, as_json)
    else:
        failed = _study(store, loaded, out, commands, as_json)
    raise typer.Exit(1 if strict and failed else 0)


def _commands(kind: Kind, experiments: list[str], tail: str) -> list[str]:
    names = " ".join(shlex.quote(name) for name in experiments)
    verb = {"significance": "run", "ablation": "ablate", "study": "run"}[kind]
    option = "" if kind == "significance" else f" --kind {kind}"
    first = [f"mln-bench study {experiments[0]}{tail}"] if kind == "study" else []
    runs = [f"mln-bench {verb} {shlex.quote(name)}{tail}" for name in experiments]
    return [*first, *runs, f"mln-bench report {names}{option}{tail}"]


def _ablation(
    store: Any, loaded: "list[Experiment]", out: Path, commands: list[str], as_json: bool
) -> bool:
    from reports.ablation.report import write_ablation

    if len(loaded) != 1:
        raise InputError("--kind ablation: name one experiment")
    written = write_ablation(store, loaded[0], out, commands)
    rows = [effect.as_json() for effect in written.analysis.effects]
    shown = [
        {name: row.get(name) for name in ("factor", "level", "reference", "mean_difference",
                                          "ci_low", "ci_high", "p_holm", "verdict")}
        for row in rows
    ]  # fmt: skip
    _print(shown, "Effects: difference in gain over CE", written.paths.html, as_json)
    return not written.is_whole


def _study(
    store: Any, loaded: "list[Experiment]", out: Path, commands: list[str], as_json: bool
) -> bool:
    from reports.study.report import write_study

    if len(loaded) > 2:
        raise InputError("--kind study: name the winner and the default, no more")
    default = loaded[1] if len(loaded) > 1 else None
    written = write_study(store, loaded[0], default, out, commands)
    shown = [
        {
            "task": gain.task,
            "difference": gain.both.estimate,
            "p_holm": gain.decision.p_holm,
            "verdict": gain.decision.verdict,
        }
        for gain in written.gains
    ]
    _print(shown, "What tuning bought: winner minus default", written.paths.html, as_json)
    return bool(written.warnings)


def _print(rows: list[dict[str, Any]], title: str, path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"report": str(path), "verdicts": rows})
        return
    print_rows(rows, False, title)
    typer.echo(f"Report:            {path}")


def compare(
    first: Annotated[Path, typer.Argument(metavar="A.csv", help="rows.csv of the earlier run")],
    second: Annotated[Path, typer.Argument(metavar="B.csv", help="rows.csv of the later run")],
    metric: Annotated[str, typer.Option(help="what to compare")] = "accuracy",
    rope: Annotated[float | None, typer.Option(min=0, help="negligible difference, +-")] = None,
    out: OutOption = None,
    strict: Annotated[
        bool, typer.Option(help="exit 1 if anything is worse, refused or without a partner")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two stored runs of one experiment: what changed, and is it better or worse."""
    from reports.regression.report import change_table, compare_rows, document, write_regression

    found = compare_rows(first, second, metric=metric, rope=rope)
    names = (str(first), str(second))
    command = f"mln-bench compare {shlex.quote(names[0])} {shlex.quote(names[1])}"
    if metric != "accuracy":
        command += f" --metric {metric}"
    if rope is not None:
        command += f" --rope {rope:g}"
    if out is not None:
        require_writable(out)
        paths = write_regression(found, out, names, [command])
    if as_json:
        print_json(document(found, names, [command]))
    else:
        shown = change_table(found).shown.to_dict("records")
        print_rows([{str(k): v for k, v in row.items()} for row in shown], False, "B minus A")
        for line in (*found.warnings, *found.findings):
            typer.echo(line)
        if out is not None:
            typer.echo(f"Report:            {paths.html}")
    raise typer.Exit(1 if strict and (not found.is_clean or found.refused) else 0)


def print_report(written: "Report", as_json: bool) -> None:
    """The primary verdicts as a table, and where the report is; or both as JSON."""
    if as_json:
        print_json(report_summary(written))
    else:
        print_verdicts(written)


def print_verdicts(report: "Report") -> None:
    """The primary verdicts as a table, and where the report is."""
    from reports.significance.report import verdict_rows

    print_rows(verdict_rows(report), False, "Verdicts: tuned learning rates, primary family")
    typer.echo(f"Report:            {report.paths.html}")


def report_summary(report: "Report") -> dict[str, Any]:
    """The primary verdicts and where the report is, for machines."""
    from reports.significance.report import verdict_rows

    return {"report": str(report.paths.html), "verdicts": verdict_rows(report)}
