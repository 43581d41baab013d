"""The verb `probe`: whether a mixture of tasks rewards and punishes what real data does."""

from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import print_json, print_notes, print_rows
from bench.cli.options import (
    DataRootOption,
    ExperimentArgument,
    JobsOption,
    JsonOption,
    SetOption,
)

if TYPE_CHECKING:
    from bench.probing import Gain, RegimeProbe


def probe(
    experiment: ExperimentArgument,
    reference: Annotated[
        str, typer.Option(metavar="TASK", help="what is kept for this; its test split is not drawn")
    ] = "digits",
    tasks: Annotated[
        int, typer.Option(min=2, help="tasks of each regime, on each side; 3 are a small probe")
    ] = 12,
    overrides: SetOption = None,
    data_root: DataRootOption = None,
    jobs: JobsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Probe the tasks of an evolution: laws set by hand on them and on a reference set."""
    from bench.experiment.checks import load_checked
    from bench.probing import mean_correlation, plans
    from bench.probing import probe as probed
    from bench.running.session import pool_for
    from bench.workers.progress import Live

    loaded = load_checked(experiment, overrides or (), data_root)
    planned = plans(loaded, reference)
    with Live() as live, pool_for(jobs, None, live, loaded.device) as pool:
        probes = probed(loaded, planned, tasks, pool, live)
    overall = mean_correlation(probes)
    if as_json:
        regimes = [each.as_row() for each in probes]
        print_json({"regimes": regimes, "mean_rank_correlation": overall})
        return
    factor = (
        1.0 if loaded.evolution and loaded.evolution.settings.fitness.metric == "nll" else 100.0
    )
    unit = "nats" if factor == 1 else "points"
    print_rows(
        _table(probes, factor),
        False,
        f"Gain over CE ({unit}): mixture / {reference}, {tasks} tasks each; * 95 % interval "
        "without 0",
    )
    print_rows(_unseen(probes, factor), False, "What the mixture does not show")
    print_notes(_summary(probes, overall))


def _table(probes: "list[RegimeProbe]", factor: float) -> list[dict[str, str]]:
    """A row for each law, a column for each regime, then the rank correlations."""
    rows = [
        {"law": name}
        | {
            each.regime: " / ".join(_shown(gain, factor) for gain in each.gains[name].values())
            for each in probes
        }
        for name in (probes[0].gains if probes else ())
    ]
    return [
        *rows,
        {"law": "rank correlation"} | {e.regime: _number(e.rank_correlation) for e in probes},
        {"law": "of the reference's halves"} | {e.regime: _number(e.agreement) for e in probes},
    ]


def _unseen(probes: "list[RegimeProbe]", factor: float) -> list[dict[str, str]]:
    """A row for each gain or loss of the reference that the mixture lacks, the largest first."""
    entries = [(each.regime, entry) for each in probes for entry in each.unseen]
    entries.sort(key=lambda pair: -abs(pair[1].reference.gain))
    return [
        {
            "regime": regime,
            "law": entry.law,
            "reference": f"a {entry.what}: {_interval(entry.reference, factor)}",
            "mixture": ("the opposite: " if entry.contradicted else "")
            + _interval(entry.mixture, factor),
        }
        for regime, entry in entries
    ]


def _summary(probes: "list[RegimeProbe]", overall: float | None) -> list[str]:
    missing = [each for each in probes if each.unseen]
    shown = (
        f"{len(missing)} of {len(probes)} regimes lack a gain or a loss that the reference shows"
    )
    return [f"mean rank correlation over regimes {_number(overall)}; {shown}"]


def _shown(gain: "Gain", factor: float) -> str:
    return f"{factor * gain.gain:+.1f}{'*' if gain.sign else ''}"


def _interval(gain: "Gain", factor: float) -> str:
    low, high = factor * gain.low, factor * gain.high
    return f"{factor * gain.gain:+.1f} ({low:+.1f} to {high:+.1f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
