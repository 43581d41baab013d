"""The ablation report: what the settings of the evolution are worth, from a study's gains.

The evolution seed is the block and the unit: every cell of the design evolves on the same seeds
and is judged on the same tasks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.experiment.model import Experiment
from bench.store.store import Store
from reports.ablation import head
from reports.ablation import sections as ablation_sections
from reports.ablation.analysis import Analysis, analyse
from reports.ablation.budget_sections import budget_sections
from reports.ablation.budgets import AtBudgets, at_budgets
from reports.ablation.data import AblationData, load_ablation
from reports.ablation.findings import findings, methods, warnings
from reports.ablation.tables import term_frame
from reports.page.described import task_section
from reports.page.facts import facts, reproduction
from reports.page.model import Page
from reports.page.wording import unit_of
from reports.page.write import ReportPaths, records, write_page
from reports.verdicts.kinds import VERDICTS
from reports.verdicts.verdict import Rules


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


def write_ablation(
    store: Store, experiment: Experiment, out_dir: str | Path, commands: Sequence[str] = ()
) -> AblationReport:
    """Read an ablation's gains and write its report to `out_dir`.

    Raises InputError as `load_ablation`, where no evolution seed is whole, or where the folder
    cannot be written.
    """
    return render_ablation(load_ablation(store, experiment), Path(out_dir), commands)


def render_ablation(
    data: AblationData, out_dir: Path, commands: Sequence[str] = ()
) -> AblationReport:
    """Write the report's files; they are a pure function of `data` and `commands`.

    Raises InputError where no evolution seed is whole, or the folder cannot be written.
    """
    report = data.experiment.report
    rules = Rules("maximise", report.rope, report.alpha)
    analysis = analyse(
        data.gains, data.factors, data.analysed_as, rules, unit_of(data.metric), data.declared
    )
    budgets = at_budgets(data, analysis, rules, unit_of(data.metric))
    sentences, warned = findings(data, analysis, budgets), warnings(data, analysis)
    answer = head.answer(data, analysis, budgets)
    page = Page(
        kind="ablation",
        name=data.study,
        description=data.experiment.description,
        answer=answer,
        grid=head.grid(data, analysis, budgets),
        beside=head.pictures(data, analysis, budgets, rules),
        caveats=head.caveats(analysis, warned),
        findings=sentences,
        note=str(data.protocol.get("text", "")),
        sections=[
            *budget_sections(budgets, analysis, data.metric, rules),
            *ablation_sections.sections(data, analysis, rules),
            task_section(data.descriptions, analysis.families),
        ],
        methods=methods(data, analysis),
        facts=facts(data.experiment, data.experiment.fingerprint(), {}, dict(data.protocol)),
        commands=commands,
        document={
            **_document(data, analysis, sentences, warned, commands),
            "answer": answer,
            **_at_budgets(budgets),
        },
        rows=data.gains.to_csv(index=False, lineterminator="\n"),
    )
    paths = write_page(page, out_dir)
    return AblationReport(data, analysis, tuple(sentences), tuple(warned), paths)


def _at_budgets(found: AtBudgets | None) -> dict[str, Any]:
    if found is None:
        return {}
    sweep = found.sweep
    return {
        "effects_at_budgets": [
            {"budget": budget, **effect.as_json()}
            for budget, effects in found.effects.items()
            for effect in effects
        ],
        "sweep": sweep
        and {
            "setting": sweep.setting,
            "variants": sweep.values,
            "terms": [
                {"term": term.name, "f": term.f, "p": term.p, "p_holm": p}
                for term, p in zip(sweep.terms, sweep.p_terms, strict=True)
            ],
        },
    }


def _document(
    data: AblationData,
    analysis: Analysis,
    sentences: Sequence[str],
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
        "variants": {name: dict(changes) for name, changes in data.variants.items()},
        "metric": data.metric,
        "direction": "maximise",
        "rope": report.rope,
        "alpha": report.alpha,
        "seeds": analysis.seeds,
        "families": list(analysis.families),
        "warnings": list(warned),
        "findings": list(sentences),
        "terms": records(term_frame(analysis)),
        "effects": [effect.as_json() for effect in analysis.effects],
        "families_effects": records(analysis.by_family),
        "cells": records(analysis.cells),
        "missing": records(analysis.missing),
        "tasks": [each.as_json() for each in data.descriptions],
        "finished": not analysis.unfinished,
        "unfinished_slots": list(data.missing_slots),
        "labels": {verdict: kind.label for verdict, kind in VERDICTS.items()},
        "provenance": {
            "fingerprint": data.experiment.fingerprint(),
            "study": dict(data.protocol),
            "commands": list(commands),
            **reproduction(data.experiment),
        },
    }
