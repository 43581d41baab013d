"""The study report: what tuning bought, what mattered, and what it cost.

The winner (an experiment with the settings that its study found) and the default (the same
experiment without them) evolved fresh losses from fresh seeds and were benchmarked on the same
test seeds. Run k of both shares its evolution seed, and both share initial weights and batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.errors import InputError
from bench.experiment import Experiment
from bench.store import Store
from reports import gate, load_search, study_sections
from reports.compare import rules_of
from reports.decision import Decision, Question, decide
from reports.facts import facts, reproduction
from reports.load import ReportData, load
from reports.material import Page
from reports.page import ReportPaths, records, write_page
from reports.sentences import LABELS
from reports.stats.crossed import Crossed, crossed
from reports.table import Table
from reports.wording import PLUS_MINUS, counted, listed, p_cell, unit_of

WINNER, DEFAULT = "winner", "default"


class Gain(NamedTuple):
    """Winner minus default on one task; `gains` (runs, seeds) are paired in both."""

    task: str
    gains: "np.ndarray[Any, np.dtype[np.float64]]"
    both: Crossed
    decision: Decision


@dataclass(frozen=True)
class StudyData:
    """A study, and the benchmarks of its winner and of the default (None: not run)."""

    experiment: Experiment
    study: str
    trials: pd.DataFrame
    intermediate: pd.DataFrame
    importances: pd.DataFrame
    winner: ReportData | None
    default: ReportData | None


@dataclass(frozen=True)
class StudyReport:
    """A written report."""

    data: StudyData
    gains: tuple[Gain, ...]
    findings: tuple[str, ...]
    warnings: tuple[str, ...]
    paths: ReportPaths


def load_study(store: Store, winner: Experiment, default: Experiment | None = None) -> StudyData:
    """Read a study and what was benchmarked with its best settings and with the default ones.

    Raises InputError where the experiment has no study, none of its trials is stored, or the two
    experiments differ in more than the evolution's settings.
    """
    section = winner.study
    if section is None:
        raise InputError(f"experiment {winner.name}: has no [study] section")
    trials, intermediate, importances = load_search.study(store, section.name)
    if trials.empty:
        raise InputError(
            f"{winner.name}: nothing to report yet; run `mln-bench study` with this experiment "
            "and the same --storage first"
        )
    if default is not None:
        _check_alike(winner, default)
    return StudyData(
        winner, section.name, trials, intermediate, importances,
        _benchmarked(store, winner), _benchmarked(store, default),
    )  # fmt: skip


def _benchmarked(store: Store, experiment: Experiment | None) -> ReportData | None:
    if experiment is None or experiment.benchmark is None:
        return None
    try:
        return load(store, experiment)
    except InputError:
        return None


def _check_alike(winner: Experiment, default: Experiment) -> None:
    for name in ("seed", "benchmark", "tuning", "report"):
        if getattr(winner, name) != getattr(default, name):
            raise InputError(
                f"{default.name}: its {name} differs from that of {winner.name}; winner and "
                "default may differ in the evolution's settings alone"
            )


def write_study(
    store: Store,
    winner: Experiment,
    default: Experiment | None,
    out_dir: str | Path,
    commands: Sequence[str] = (),
) -> StudyReport:
    """Read a study and write its report. Raises InputError as `load_study`."""
    return render_study(load_study(store, winner, default), Path(out_dir), commands)


def render_study(data: StudyData, out_dir: Path, commands: Sequence[str] = ()) -> StudyReport:
    """Write the report's files; they are a pure function of `data` and `commands`."""
    gains = bought(data)
    found, warned = findings(data, gains), warnings(data, gains)
    source = data.winner or data.default
    page = Page(
        kind="study",
        name=data.study,
        description=data.experiment.description,
        warnings=warned,
        findings=found,
        head=[gain_table(data, gains)] if gains else [],
        note="",
        sections=study_sections.sections(data, gains),
        methods=methods(data, gains),
        facts=facts(
            data.experiment,
            data.experiment.fingerprint(),
            source.provenance["cells"] if source else {},
            source.provenance["run"] if source else {},
        ),
        commands=commands,
        document=_document(data, gains, found, warned, commands),
        rows=rows_of(data).to_csv(index=False, lineterminator="\n"),
    )
    return StudyReport(data, tuple(gains), tuple(found), tuple(warned), write_page(page, out_dir))


def rows_of(data: StudyData) -> pd.DataFrame:
    """All rows of both benchmarks, with the column `settings`; without any, the trials."""
    parts = [
        part.rows.assign(settings=name)
        for name, part in ((WINNER, data.winner), (DEFAULT, data.default))
        if part is not None
    ]
    return pd.concat(parts, ignore_index=True) if parts else data.trials


def bought(data: StudyData) -> list[Gain]:
    """Winner minus default per task, one Holm family; empty unless both were benchmarked."""
    winner, default = data.winner, data.default
    if winner is None or default is None:
        return []
    rules, metric = rules_of(winner), winner.experiment.report.metric
    tables = [part.scores.matrix("tuned") for part in (winner, default)]
    runs = [run for run in winner.evolved if run in default.evolved]
    found = []
    for task in winner.tasks:
        pair = [table.get(task) for table in tables]
        if any(scores is None or not set(runs) <= set(scores) for scores in pair):
            continue
        first, second = (scores[runs].dropna() for scores in pair if scores is not None)
        seeds = first.index.intersection(second.index)
        gains = (first.loc[seeds] - second.loc[seeds]).to_numpy().T
        refusals = [*gate.too_few(len(runs), "run"), *gate.too_few(len(seeds), "seed")]
        planned = int(winner.plan["seeds"].max())
        if len(seeds) < planned:
            refusals.append(f"{planned - len(seeds)} of {counted(planned, 'paired seed')} missing")
        found.append((task, gains, tuple(refusals)))
    both = [crossed(gains, confidence=1 - rules.alpha) for _, gains, _ in found]
    questions = [
        Question(
            f"The winner on {task}", "the default", gains.mean(axis=1), np.zeros(len(runs)),
            refusals, one,
        )
        for (task, gains, refusals), one in zip(found, both, strict=True)
    ]  # fmt: skip
    decisions = decide(questions, rules, unit_of(metric), "run")
    return [
        Gain(task, gains, one, decision)
        for (task, gains, _), one, decision in zip(found, both, decisions, strict=True)
    ]


def gain_table(data: StudyData, gains: Sequence[Gain]) -> Table:
    """What tuning bought per task."""
    report = data.experiment.report
    unit = unit_of(report.metric)
    shown, tags, notes = [], {}, {}
    for place, gain in enumerate(gains):
        tested = gain.decision.verdict != "refused"
        numbers = gain.decision.numbers
        shown.append(
            [
                gain.task,
                unit.gain(gain.both.estimate),
                f"[{unit.value(gain.both.low)}, {unit.value(gain.both.high)}]",
                p_cell(numbers.p) if numbers and tested else unit.value(None),
                p_cell(gain.decision.p_holm),
                f"{numbers.wins}/{numbers.n}" if numbers else unit.value(None),
                LABELS[gain.decision.verdict],
            ]
        )
        tags[place, 6], notes[place, 6] = gain.decision.verdict, gain.decision.reason
    runs, seeds = gains[0].gains.shape
    frame = pd.DataFrame(
        [
            {"task": g.task, "runs": runs, "seeds": seeds, "mean_difference": g.both.estimate,
             "ci_low": g.both.low, "ci_high": g.both.high,
             "p": g.decision.numbers.p if g.decision.numbers else None,
             "p_holm": g.decision.p_holm, "verdict": g.decision.verdict}
            for g in gains
        ]
    )  # fmt: skip
    return Table(
        name="bought",
        title="Winner minus default on fresh seeds",
        caption=(
            f"Test {report.metric}, tuned rate, in {unit.difference}; n = {runs} evolution runs x "
            f"{seeds} test seeds, paired in both; {100 * (1 - report.alpha):g} % t interval for "
            "crossed runs and seeds, not corrected; p: the larger of a sign-flip test over runs "
            f"and the crossed t test, Holm over {counted(len(gains), 'task')}; ROPE "
            f"{PLUS_MINUS}{unit.value(report.rope)}; "
            f"{'positive' if rules_of(data.winner).sign > 0 else 'negative'} "
            "values favour the winner."
            if data.winner
            else ""
        ),
        numbers=frame,
        shown=pd.DataFrame(
            shown,
            columns=["task", f"difference ({unit.difference})", "95 % CI", "p", "Holm p",
                     "runs won", "verdict"],
        ),
        tags=tags,
        notes=notes,
    )  # fmt: skip


def best_trial(data: StudyData) -> dict[str, Any]:
    """The complete trial with the largest value; {} if there is none."""
    complete = data.trials[data.trials["value"].notna()]
    if complete.empty:
        return {}
    place = int(complete["value"].astype(float).to_numpy().argmax())
    return records(complete.iloc[[place]])[0]


def findings(data: StudyData, gains: Sequence[Gain]) -> list[str]:
    """What tuning bought, in sentences."""
    unit = unit_of(data.experiment.report.metric)
    found = [gain.decision.sentence for gain in gains]
    best = best_trial(data)
    if best:
        found.append(
            f"Best of {counted(len(data.trials), 'trial')}: trial {best['number']} with a gain of "
            f"{unit.gain(best['value'])} {unit.difference} over tuned CE on the study's own tasks; "
            "the best of many trials is an optimistic estimate."
        )
    top = data.importances.head(3)
    if len(top):
        parts = [f"{row.name} ({row.share:.2f})" for row in top.itertuples(index=False, name="R")]
        few = "" if len(data.trials) >= 50 else "; below 50 trials this is no evidence"
        found.append(f"Most important settings: {listed(parts)}{few}.")
    return found


def warnings(data: StudyData, gains: Sequence[Gain]) -> list[str]:
    """What a reader must know first."""
    found = []
    if not gains:
        found.append(
            "What tuning bought is not known: run the benchmark with the winner's settings and "
            "with the default ones, and report both."
        )
    refused: dict[str, int] = {}
    for gain in gains:
        if gain.decision.verdict == "refused":
            refused[gain.decision.reason] = refused.get(gain.decision.reason, 0) + 1
    found += [f"{counted(n, 'comparison')} refused: {reason}." for reason, n in refused.items()]
    failed = int(data.trials["state"].isin(["fail", "failed"]).sum())
    if failed:
        found.append(f"{failed} of {counted(len(data.trials), 'trial')} failed.")
    for part in (data.winner, data.default):
        if part is not None and len(part.missing):
            found.append(f"{part.experiment.name}: {len(part.missing)} runs missing or failed.")
    return found


def methods(data: StudyData, gains: Sequence[Gain]) -> list[str]:
    """The methods paragraphs, with citations."""
    spent = int(data.trials["member_steps"].sum())
    first = (
        f"The settings of the evolution (Adaptive Meta-Loss Networks [@yunita2026]) were tuned "
        f"with Optuna [@akiba2019] in {counted(len(data.trials), 'trial')} and {spent:,} "
        "member-steps; a trial's value is the gain of its evolved loss over tuned cross-entropy "
        "on tasks and seeds of the study's own. Importances are after PED-ANOVA [@watanabe2023]."
    )
    if not gains:
        return [first]
    runs, seeds = gains[0].gains.shape
    second = (
        f"The winner's and the default settings then evolved {runs} losses each from fresh "
        f"seeds, run k of both from the same one, and were benchmarked on {seeds} test seeds with "
        "the same initial weights and batches. The difference treats runs and seeds as crossed "
        "random factors [@clark1973]; p is the larger of that test's and of a sign-flip test over "
        "runs [@fisher1935], corrected after Holm [@holm1979] over tasks."
    )
    return [first, second]


def _document(
    data: StudyData,
    gains: Sequence[Gain],
    found: Sequence[str],
    warned: Sequence[str],
    commands: Sequence[str],
) -> dict[str, Any]:
    report = data.experiment.report
    return {
        "kind": "study",
        "experiment": data.experiment.name,
        "study": data.study,
        "metric": report.metric,
        "direction": report.direction,
        "rope": report.rope,
        "alpha": report.alpha,
        "warnings": list(warned),
        "findings": list(found),
        "bought": records(gain_table(data, gains).numbers) if gains else [],
        "best": best_trial(data),
        "trials": records(data.trials),
        "importances": records(data.importances),
        "member_steps": int(data.trials["member_steps"].sum()),
        "provenance": {
            "fingerprint": data.experiment.fingerprint(),
            "commands": list(commands),
            **reproduction(data.experiment),
        },
    }
