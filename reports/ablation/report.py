"""The ablation report: what the settings of the evolution are worth, from a study's gains.

The evolution seed is the block and the unit: every cell of the design evolves on the same seeds
and is judged on the same tasks.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.store import schema as tables
from bench.store.store import Store
from reports.ablation import sections as ablation_sections
from reports.ablation.analysis import Analysis, analyse
from reports.ablation.gaps import NOT_FINISHED, Owed
from reports.page.facts import facts, reproduction
from reports.page.model import Page
from reports.page.wording import PLUS_MINUS, counted, listed, p_cell, p_text, sentence, unit_of
from reports.page.write import ReportPaths, records, write_page
from reports.verdicts.sentences import LABELS
from reports.verdicts.verdict import Rules

Design = Literal["factorial", "leave_one_out"]
GAINS = "mln_gains"
SLOTS = "mln_slots"
STUDIES = "mln_studies"


@dataclass(frozen=True)
class AblationData:
    """An ablation's gains: slot, seed, family, one column per factor, gain, tasks, diverged,
    member_steps; `factors` are their dotted keys. Slot 0 of a leave-one-out is the base.
    `unfinished` are the slots that the study owes and that have no gain.
    """

    experiment: Experiment
    study: str
    design: Design
    factors: tuple[str, ...]
    gains: pd.DataFrame
    protocol: Mapping[str, Any]
    unfinished: tuple[int, ...] = ()

    @property
    def owed(self) -> Owed:
        """What the study declares: of levels and seeds that never ran the gains know nothing."""
        study: Any = self.experiment.study
        if getattr(study, "kind", "") != "ablate":
            return Owed(self.unfinished)
        levels = {name: tuple(map(_level, found)) for name, found in study.factors.items()}
        return Owed(self.unfinished, levels, study.seeds)

    @property
    def metric(self) -> str:
        """What the gains are differences of."""
        return str(self.protocol.get("metric", self.experiment.report.metric))


@dataclass(frozen=True)
class AblationReport:
    """A written report."""

    data: AblationData
    analysis: Analysis
    findings: tuple[str, ...]
    warnings: tuple[str, ...]
    paths: ReportPaths

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing and no effect was refused."""
        refused = any(item.decision.verdict == "refused" for item in self.analysis.effects)
        return not (self.analysis.unfinished or refused)


def load_ablation(store: Store, experiment: Experiment) -> AblationData:
    """Read the gains of the experiment's ablation.

    Raises InputError where it has none, or none is stored yet.
    """
    study: Any = experiment.study
    if study is None or getattr(study, "kind", "") != "ablate":
        raise InputError(f"experiment {experiment.name}: has no [study] of kind ablate")
    rows = _rows(store, GAINS, study.name)
    if not rows:
        raise InputError(
            f"{experiment.name}: nothing to report yet; run `mln-bench ablate` with this "
            "experiment and the same --storage first"
        )
    about = _rows(store, STUDIES, study.name)
    protocol = about[0]["protocol"] if about else {}
    data = from_rows(experiment, study.name, study.design, tuple(study.factors), rows, protocol)
    owed = {row["slot"] for row in _rows(store, SLOTS, study.name)}
    return replace(data, unfinished=tuple(sorted(owed - {row["slot"] for row in rows})))


def from_rows(
    experiment: Experiment,
    study: str,
    design: Design,
    factors: tuple[str, ...],
    rows: Sequence[Mapping[str, Any]],
    protocol: Mapping[str, Any],
) -> AblationData:
    """An ablation's data from rows of mln_gains, whose settings hold the factors."""
    frame = pd.DataFrame(rows)
    settings = frame.pop("settings")
    for name in factors:
        frame[name] = [_level(found.get(name)) for found in settings]
    frame = frame[["slot", "seed", "family", *factors, "gain", "tasks", "diverged", "member_steps"]]
    frame = frame.sort_values(["slot", "seed", "family"], ignore_index=True)
    return AblationData(experiment, study, design, factors, frame, protocol)


def _rows(store: Store, table: str, study: str) -> list[dict[str, Any]]:
    known = tables.metadata.tables.get(table)
    return store.rows(known, study=study) if known is not None else []


def _level(value: Any) -> str:
    """A factor's level as text; a factor that a cell does not use has none."""
    if value is None:
        return "not used"
    return value if isinstance(value, str) else json.dumps(value)


def write_ablation(
    store: Store, experiment: Experiment, out_dir: str | Path, commands: Sequence[str] = ()
) -> AblationReport:
    """Read an ablation's gains and write its report to `out_dir`.

    Raises InputError as `load_ablation`, or where the folder cannot be written.
    """
    return render_ablation(load_ablation(store, experiment), Path(out_dir), commands)


def render_ablation(
    data: AblationData, out_dir: Path, commands: Sequence[str] = ()
) -> AblationReport:
    """Write the report's files; they are a pure function of `data` and `commands`."""
    report = data.experiment.report
    rules = Rules("maximise", report.rope, report.alpha)
    analysis = analyse(
        data.gains, data.factors, data.design, rules, unit_of(data.metric), data.owed
    )
    found, warned = findings(data, analysis), warnings(data, analysis)
    page = Page(
        kind="ablation",
        name=data.study,
        description=str(data.protocol.get("text", data.experiment.description)),
        warnings=warned,
        findings=found,
        head=[ablation_sections.effects_table(analysis, data.metric, rules)],
        note=_note(data, analysis),
        sections=ablation_sections.sections(analysis, data.gains, data.metric, rules),
        methods=methods(data, analysis),
        facts=facts(data.experiment, data.experiment.fingerprint(), {}, dict(data.protocol)),
        commands=commands,
        document=_document(data, analysis, found, warned, commands),
        rows=data.gains.to_csv(index=False, lineterminator="\n"),
    )
    paths = write_page(page, out_dir)
    return AblationReport(data, analysis, tuple(found), tuple(warned), paths)


def findings(data: AblationData, analysis: Analysis) -> list[str]:
    """The ablation in sentences: interactions first, then effects."""
    found = []
    alpha = data.experiment.report.alpha
    if analysis.terms:
        shown = [
            f"{term.name} (F = {term.f:.2f}, p {p_text(p)})"
            for term, p in zip(analysis.terms, analysis.p_terms, strict=True)
            if len(term.factors) > 1 and p < alpha
        ]
        interactions = sum(len(term.factors) > 1 for term in analysis.terms)
        if shown:
            found.append(
                f"Interactions: {listed(shown)}. The effects of these settings depend on one "
                "another, so that their main effects below are averages over unlike cases."
            )
        elif interactions:
            found.append(
                "No interaction was shown."
                if interactions == 1
                else f"None of {interactions} interactions was shown."
            )
    found += [effect.decision.sentence for effect in analysis.effects]
    found += disagreement(analysis, alpha)
    best = analysis.cells.sort_values("mean", ascending=False).iloc[0]
    unit = unit_of(data.metric)
    found.append(
        f"Largest mean gain over CE of {'the' if analysis.unfinished else 'all'} "
        f"{len(analysis.cells)} cells{' that have one' if analysis.unfinished else ''}: "
        f"{best['label']}, "
        f"{unit.gain(best['mean'])} {unit.difference}; the best of many cells is an optimistic "
        "estimate."
    )
    if data.design == "leave_one_out":
        found.append("A leave-one-out design cannot see interactions between the settings.")
    return found


def disagreement(analysis: Analysis, alpha: float) -> list[str]:
    """The settings on which analysis of variance and paired tests disagree, in one sentence."""
    parts = []
    for term, p_term in zip(analysis.terms, analysis.p_terms, strict=True):
        tested = [
            effect.decision.p_holm
            for effect in analysis.effects
            if term.factors == (effect.factor,) and effect.decision.p_holm is not None
        ]
        if tested and (p_term < alpha) != (min(tested) < alpha):
            parts.append(f"{term.name} (Holm p {p_cell(p_term)} against {p_cell(min(tested))})")
    if not parts:
        return []
    return [
        f"The analysis of variance and the paired tests disagree on {listed(parts)}: trust the "
        f"paired tests, which give the verdicts; {ablation_sections.POOLED}."
    ]


def warnings(data: AblationData, analysis: Analysis) -> list[str]:
    """What a reader must know first."""
    reasons = [text for text in analysis.refusals if text != NOT_FINISHED]
    lacking = [analysis.unfinished] if analysis.unfinished else []
    found = [sentence(text) for text in (*lacking, *reasons)]
    diverged = int(data.gains["diverged"].sum())
    if diverged:
        judged = int(data.gains["tasks"].sum())
        found.append(
            f"{diverged} of {judged} judged learners diverged; each counts with the declared worst "
            "score."
        )
    return found


def _note(data: AblationData, analysis: Analysis) -> str:
    report, unit = data.experiment.report, unit_of(data.metric)
    return (
        f"n = {counted(analysis.seeds, 'evolution seed')} per cell, the same for all; Holm over "
        f"{counted(len(analysis.effects), 'effect')}; "
        f"ROPE {PLUS_MINUS}{unit.value(report.rope)} {unit.difference}."
    )


def methods(data: AblationData, analysis: Analysis) -> list[str]:
    """The methods paragraphs, with citations."""
    report, unit = data.experiment.report, unit_of(data.metric)
    design = (
        f"We ablated {listed(list(data.factors))} in a "
        + (
            "full factorial design"
            if data.design == "factorial"
            else "leave-one-out design: the base configuration and its changes in one setting"
        )
        + f" of {len(analysis.cells)} cells. Every cell evolved its losses on the same "
        f"{counted(analysis.seeds, 'evolution seed')} with the same budget, and every loss was "
        "judged by its gain over cross-entropy on the same tasks, each loss at its tuned learning "
        f"rate: {counted(len(analysis.families), 'family', 'families')}, on the outer validation "
        "split (Adaptive Meta-Loss Networks [@yunita2026])."
    )
    tests = (
        "The evolution seed is the block and the unit of replication. "
        + (
            "Effects and interactions were tested by an analysis of variance with blocks "
            "[@box2005], interactions first, p-values corrected after Holm over all terms; "
            if analysis.terms
            else ""
        )
        + "the difference of every level from the first, averaged over the other settings within "
        "a seed, was tested with the two-sided sign-flip permutation test [@fisher1935], "
        "corrected after Holm [@holm1979] over all effects, with its t interval. Equivalence "
        f"within {PLUS_MINUS}{unit.value(report.rope)} {unit.difference} was tested with two "
        "one-sided t tests [@schuirmann1987]; d_z is the mean over the standard deviation of the "
        "differences [@lakens2013]."
    )
    return [design, tests]


def _document(
    data: AblationData,
    analysis: Analysis,
    found: Sequence[str],
    warned: Sequence[str],
    commands: Sequence[str],
) -> dict[str, Any]:
    report = data.experiment.report
    return {
        "kind": "ablation",
        "experiment": data.experiment.name,
        "study": data.study,
        "design": data.design,
        "factors": list(data.factors),
        "metric": data.metric,
        "direction": "maximise",
        "rope": report.rope,
        "alpha": report.alpha,
        "seeds": analysis.seeds,
        "families": list(analysis.families),
        "warnings": list(warned),
        "findings": list(found),
        "terms": records(ablation_sections.term_frame(analysis)),
        "effects": [effect.as_json() for effect in analysis.effects],
        "families_effects": records(analysis.by_family),
        "cells": records(analysis.cells),
        "missing": records(analysis.missing),
        "finished": not analysis.unfinished,
        "unfinished_slots": list(data.unfinished),
        "labels": dict(LABELS),
        "provenance": {
            "fingerprint": data.experiment.fingerprint(),
            "study": dict(data.protocol),
            "commands": list(commands),
            **reproduction(data.experiment),
        },
    }
