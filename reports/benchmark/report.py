"""The significance report: losses against losses, from a store to files."""

import gc
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.experiment.model import Experiment
from bench.store.store import Store
from reports.benchmark import claims as wider
from reports.benchmark.across import across_tasks
from reports.benchmark.caveats import caveats, warnings
from reports.benchmark.comparisons import Comparison, compare, judged, reference_family
from reports.benchmark.findings import findings, verdict_counts
from reports.benchmark.head import answer, grid
from reports.benchmark.material import Material
from reports.benchmark.methods import methods
from reports.benchmark.protocol_tables import counts
from reports.benchmark.sections.differences import forest
from reports.benchmark.sections.order import sections
from reports.data.load import load
from reports.data.merge import merge
from reports.data.metrics import is_minimised, rules_for, worst_of
from reports.data.model import ReportData
from reports.page.drawing import drawing_processes
from reports.page.model import Page
from reports.page.wording import p_cell, unit_of
from reports.page.write import ReportPaths, records, write_page
from reports.verdicts.kinds import label_of

MANY_ROWS = 20_000
"""From here on the statistics take longer than it takes to start processes for the figures."""


@dataclass(frozen=True)
class Report:
    """A written report: its comparisons, the refused ones among them, and its sentences."""

    data: ReportData
    comparisons: tuple[Comparison, ...]
    findings: tuple[str, ...]
    warnings: tuple[str, ...]
    paths: ReportPaths

    @property
    def refusals(self) -> tuple[Comparison, ...]:
        """Comparisons that the gate refused."""
        return tuple(item for item in self.comparisons if item.verdict == "refused")

    @property
    def missing(self) -> tuple[dict[str, Any], ...]:
        """Planned runs without a result, as report.json lists them."""
        return tuple(records(self.data.missing))

    @property
    def primary(self) -> tuple[Comparison, ...]:
        """The primary family."""
        return tuple(item for item in self.comparisons if item.family == "primary")


def write_report(
    store: Store,
    experiment: Experiment | Sequence[Experiment],
    out_dir: str | Path,
    commands: Sequence[str] = (),
    *,
    workers: int = 1,
) -> Report:
    """Read the results of one experiment or several and write their report to `out_dir`.

    `commands` are the command lines that reproduce it. With several workers the figures of a large
    report are drawn by processes (`reports.page.drawing.drawing_processes`). Raises InputError
    where there is nothing to report, the experiments cannot stand in one report, or the folder
    cannot be written.
    """
    experiments = [experiment] if isinstance(experiment, Experiment) else list(experiment)
    with _rare_collections():
        data = merge([load(store, one) for one in experiments])
        with drawing_processes(workers if len(data.rows) >= MANY_ROWS else 1) as executor:
            return render(data, Path(out_dir), commands, executor)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let Python look for cycles less often: rows are many and never in one.

    It takes a tenth of the time of a large report.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def render(
    data: ReportData,
    out_dir: Path,
    commands: Sequence[str] = (),
    executor: Executor | None = None,
) -> Report:
    """Write report.html, report.json, rows.csv, tables/, figures/, methods.tex, references.bib.

    The files are a pure function of `data` and `commands`.
    """
    return write_material(material_of(data), out_dir, commands, executor)


def material_of(data: ReportData) -> Material:
    """Every comparison and claim of the data."""
    claims, method = wider.method_claims(data)
    family = reference_family(data)
    references = judged(data, [family]) if family else []
    return Material(
        data, compare(data), claims, method, wider.new_tasks(data), across_tasks(data), references
    )


def write_material(
    material: Material,
    out_dir: Path,
    commands: Sequence[str] = (),
    executor: Executor | None = None,
) -> Report:
    """Write what is made of the data, as `render` does."""
    data, comparisons = material.data, material.comparisons
    sentences = findings(data, comparisons, material.claims)
    warned = warnings(material)
    written = write_page(_page(material, sentences, warned, commands), out_dir, executor)
    return Report(data, tuple(comparisons), tuple(sentences), tuple(warned), written)


def verdict_rows(report: Report | Material) -> list[dict[str, str]]:
    """The primary comparisons as text, one dict per row, for a table on a terminal."""
    rows = []
    for item in report.primary:
        unit = unit_of(item.metric)
        interval = f"[{unit.value(item.ci_low)}, {unit.value(item.ci_high)}]"
        rows.append(
            {
                "task": item.task,
                "candidate": item.candidate,
                "baseline": item.baseline,
                f"difference ({unit.difference})": unit.gain(item.mean_difference),
                "interval": interval if item.ci_low is not None else unit.value(None),
                "Holm p": p_cell(item.p_holm),
                "verdict": _with_reason(item),
            }
        )
    return rows


def _with_reason(item: Comparison) -> str:
    label = label_of(item.verdict)
    return f"{label}: {item.reason}" if item.verdict == "refused" else label


def _page(
    material: Material, sentences: Sequence[str], warned: Sequence[str], commands: Sequence[str]
) -> Page:
    data, picture = material.data, forest(material)
    return Page(
        kind="significance",
        name=data.experiment.name,
        description=data.experiment.description,
        answer=answer(material),
        grid=grid(material),
        beside=[picture] if picture else [],
        caveats=caveats(material),
        findings=sentences,
        note="",
        sections=sections(material),
        methods=methods(material),
        facts=data.facts(),
        commands=commands,
        document=_document(material, sentences, warned, commands),
        rows=data.rows.to_csv(index=False, lineterminator="\n"),
        files=_configurations(data),
    )


def _configurations(data: ReportData) -> dict[str, str]:
    """configurations.csv, where there was anything to choose among."""
    if data.configurations.empty:
        return {}
    return {"configurations.csv": data.configurations.to_csv(index=False, lineterminator="\n")}


def _document(
    material: Material, sentences: Sequence[str], warned: Sequence[str], commands: Sequence[str]
) -> dict[str, Any]:
    data, experiment = material.data, material.data.experiment
    report = experiment.report
    across = material.across
    return {
        "kind": "significance",
        "experiment": experiment.name,
        "description": experiment.description,
        "metric": report.metric,
        "direction": report.direction,
        "rope": report.rope,
        "alpha": report.alpha,
        "worst": report.worst,
        "baselines": list(report.baselines),
        "candidates": list(data.candidates),
        "seeds": experiment.benchmark.seeds if experiment.benchmark else 0,
        "answer": answer(material),
        "warnings": list(warned),
        "findings": list(sentences),
        "verdicts": verdict_counts(material.primary),
        "metrics": metric_terms(data),
        "tuned_by": {
            "metric": experiment.tuning.metric,
            "direction": "minimise"
            if is_minimised(experiment.tuning.metric, report)
            else "maximise",
        },
        "policies": list(data.policies),
        "policy_dependence": [
            {
                **_identity(each.primary),
                "policy": each.other.policy,
                "verdict": each.other.verdict,
                "reason": each.reason,
            }
            for each in material.dependences
        ],
        "comparisons": [item.as_json() for item in material.comparisons],
        "references": [item.as_json() for item in material.references],
        "method": [claim._asdict() for claim in material.claims],
        "claims": [item.as_json() for item in (*material.method, *material.new_tasks)],
        "across_tasks": records(across.table) if across else [],
        "missing": records(data.missing),
        "tasks": [each.as_json() for each in data.descriptions],
        "outcomes": records(counts(data)),
        "tuning": records(data.tuning),
        "evolutions": records(data.evolutions),
        "importances": records(data.importances),
        "provenance": {**data.provenance, "commands": list(commands), **data.reproduction()},
    }


def metric_terms(data: ReportData) -> dict[str, dict[str, Any]]:
    """What is declared of each metric: direction, ROPE, score of a diverged run."""
    report, terms = data.experiment.report, {}
    for name in data.metrics:
        rules = rules_for(name, report, data.budget)
        if rules is not None:
            worst = worst_of(name, report, data.budget)
            terms[name] = {"direction": rules.direction, "rope": rules.rope, "worst": worst}
    return terms


def _identity(item: Comparison) -> dict[str, str]:
    names = ("task", "learner", "candidate", "baseline")
    return {name: getattr(item, name) for name in names}
