"""Two studies side by side: best so far against what was spent, importances, settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import InputError
from bench.store import schema as tables
from bench.store.store import Row, Store
from reports.data import search as load_search
from reports.page.facts import versions
from reports.page.model import Page, Picture, Section
from reports.page.table import Table, plain_frame
from reports.page.wording import DASH, counted
from reports.page.write import ReportPaths, records, write_page
from reports.study import figures as study_figures
from reports.study.data import FIXED

COMPARABLE = ("families", "tasks", "rates", "metric", "seeds")
"""What of two protocols must be the same for their gains to be of the same tasks."""


@dataclass(frozen=True)
class OneStudy:
    """A study of the two.

    progress: spent (member-steps of all trials so far), best (the largest gain of a complete
    trial so far; the chosen trial of two objectives may be another). importances: name, share.
    """

    name: str
    kind: str
    trials: pd.DataFrame
    progress: pd.DataFrame
    importances: pd.DataFrame
    best: Mapping[str, Any]
    protocol: Mapping[str, Any]

    @property
    def spent(self) -> int:
        """Member-steps of all trials."""
        return int(self.trials["member_steps"].sum())

    def best_at(self, spent: int) -> float | None:
        """The best gain once so many member-steps were spent."""
        reached = self.progress[self.progress["spent"] <= spent]["best"].dropna()
        return float(reached.iloc[-1]) if len(reached) else None


@dataclass(frozen=True)
class Pair:
    """Two studies, what a reader must know first, and what they show."""

    studies: tuple[OneStudy, OneStudy]
    warnings: tuple[str, ...]
    findings: tuple[str, ...]


def load_pair(store: Store, first: str, second: str) -> Pair:
    """Read two studies by name. Raises InputError where one has no finished trial here."""
    studies = load_one(store, first), load_one(store, second)
    return Pair(studies, tuple(_warnings(studies)), tuple(_findings(studies)))


def load_one(store: Store, name: str) -> OneStudy:
    """Read a study. Raises InputError where it has no finished trial in this storage."""
    trials, _, importances = load_search.study(store, name)
    if trials.empty:
        known = sorted({row["study"] for row in store.rows(tables.trials)})
        there = f"; there are {', '.join(map(repr, known))}" if known else ""
        raise InputError(f"study {name!r}: no finished trial in this storage{there}")
    stored = store.rows(tables.studies, study=name)
    ordered = trials.sort_values("number", kind="stable")
    values = pd.to_numeric(ordered["value"], errors="coerce")
    progress = pd.DataFrame(
        {
            "spent": ordered["member_steps"].cumsum().to_numpy(),
            "best": values.cummax().ffill().to_numpy(),
        }
    )
    unfinished: Row = {"kind": "unfinished", "best": {}, "protocol": {}}
    row = stored[0] if stored else unfinished
    return OneStudy(name, row["kind"], trials, progress, importances, row["best"], row["protocol"])


def write_pair(pair: Pair, out_dir: Path, commands: Sequence[str] = ()) -> ReportPaths:
    """Write the page. Raises InputError where the folder cannot be written."""
    a, b = pair.studies
    rows = pd.concat([one.trials.assign(study=one.name) for one in pair.studies])
    page = Page(
        kind="studies",
        name=f"{a.name} beside {b.name}",
        description="Two studies of one storage, side by side.",
        answer=_answer(pair),
        grid=None,
        beside=_pictures(pair),
        caveats=pair.warnings,
        findings=pair.findings,
        note="",
        sections=_sections(pair),
        methods=[
            "Importances are after PED-ANOVA [@watanabe2023], each on its study's random trials. "
            "Nothing is tested: one study is one search."
        ],
        facts={
            "sentences": {"A is": a.name, "B is": b.name},
            "versions": {f"{name} (report)": version for name, version in versions().items()},
            "details": {},
        },
        commands=commands,
        document=pair_document(pair) | {"commands": list(commands)},
        rows=rows.to_csv(index=False, lineterminator="\n"),
    )
    return write_page(page, out_dir)


def summary_table(pair: Pair) -> Table:
    """One row per study: trials, cost, best."""
    common = min(one.spent for one in pair.studies)
    numbers = pd.DataFrame(_summary(one, common) for one in pair.studies)
    shown = pd.DataFrame(
        [
            [line["study"], line["kind"], str(line["trials"]), str(line["pruned"]),
             f"{line['member_steps']:,}", _points(line["best"]), _points(line["best_at_common"])]
            for line in numbers.to_dict("records")
        ],
        columns=["study", "kind", "trials", "stopped", "member-steps", "chosen one's gain (points)",
                 f"best after {common:,}"],
    )  # fmt: skip
    caption = (
        "Gain over tuned CE on each study's own tasks. The last column is at equal cost: the best "
        "so far once as many member-steps were spent as the cheaper study spent in all."
    )
    return Table("studies", "Side by side", caption, numbers, shown)


def importance_table(pair: Pair) -> Table | None:
    """Shares of both studies by setting; None where neither has any."""
    a, b = (one.importances.set_index("name")["share"] for one in pair.studies)
    if a.empty and b.empty:
        return None
    frame = pd.DataFrame({"A": a, "B": b}).rename_axis("setting").reset_index()
    frame["most"] = frame[["A", "B"]].max(axis=1)
    frame = frame.sort_values(["most", "setting"], ascending=[False, True]).drop(columns="most")
    shown = pd.DataFrame(
        [
            [row["setting"], *(DASH if pd.isna(row[k]) else f"{row[k]:.2f}" for k in "AB")]
            for row in frame.to_dict("records")
        ],
        columns=["setting", "A", "B"],
    )
    return Table("importances", "Importances", "Share of each setting.", frame, shown)


def pair_document(pair: Pair) -> dict[str, Any]:
    """Both studies as plain values."""
    common = min(one.spent for one in pair.studies)
    importances = importance_table(pair)
    return {
        "kind": "studies",
        "warnings": list(pair.warnings),
        "findings": list(pair.findings),
        "studies": [_summary(one, common) for one in pair.studies],
        "progress": [records(one.progress) for one in pair.studies],
        "importances": records(importances.numbers) if importances else [],
    }


def _summary(one: OneStudy, common: int) -> dict[str, Any]:
    return {
        "study": one.name,
        "kind": one.kind,
        "trials": len(one.trials),
        "pruned": int((one.trials["state"] == "pruned").sum()),
        "member_steps": one.spent,
        "best": one.best.get("value"),
        "best_at_common": one.best_at(common),
    }


def _answer(pair: Pair) -> str:
    """Which of the two had found more for the same member-steps."""
    common = min(one.spent for one in pair.studies)
    a, b = (one.best_at(common) for one in pair.studies)
    if pair.warnings or a is None or b is None:
        return "The two studies' gains cannot be compared; see below why."
    if a == b:
        return (
            f"At equal cost the two studies had found the same gain: {_points(a)} points over CE."
        )
    (more, gain), (less, other) = sorted(
        zip(("A", "B"), (a, b), strict=True), key=lambda item: -item[1]
    )
    return (
        f"At equal cost {more} had found more than {less}: {_points(gain)} against "
        f"{_points(other)} points over CE; one search each, so nothing is shown of their methods."
    )


def _pictures(pair: Pair) -> list[Picture]:
    progress = Picture(
        "progress",
        partial(study_figures.progress, [(f"{k}: {one.name}", one.progress)
                                         for k, one in zip("AB", pair.studies, strict=True)]),
        "Largest gain over tuned CE of a complete trial so far against the member-steps of all "
        "trials so far, in the order in which they began. One search each: no bars, no test.",
        "Best so far against budget",
        is_wide=False,
    )  # fmt: skip
    table = importance_table(pair)
    if table is None:
        return [progress]
    draw = partial(study_figures.importance_pair, table.numbers)
    caption = "Share of each setting in reaching the best trials, A above B. No bars, no test."
    return [progress, Picture("pair", draw, caption, "What mattered", is_wide=False)]


def _sections(pair: Pair) -> list[Section]:
    sections = [Section("studies", "Side by side", tables=[summary_table(pair)])]
    if (shares := importance_table(pair)) is not None:
        sections.append(Section("importances", "Importances", tables=[shares], is_folded=True))
    names = sorted({name for one in pair.studies for name in one.trials.columns} - set(FIXED))
    settings = pd.DataFrame(
        [[name, *(one.best.get("params", {}).get(name) for one in pair.studies)] for name in names],
        columns=["setting", "A", "B"],
    )
    table = plain_frame("settings", "Settings of the best trials", "A dash: not used.", settings)
    sections.append(Section("settings", "Settings of the best trials", tables=[table]))
    return sections


def _warnings(studies: tuple[OneStudy, OneStudy]) -> list[str]:
    a, b = studies
    lines = [f"{one.name}: not finished." for one in studies if not one.protocol]
    if a.protocol and b.protocol:
        other = [name for name in COMPARABLE if a.protocol.get(name) != b.protocol.get(name)]
        other += ["kind"] if a.kind != b.kind else []
        if other:
            lines.append(
                f"The two differ in {', '.join(other)}: their gains are of different tasks, and "
                "only the shape of their searches can be compared."
            )
    return lines


def _findings(studies: tuple[OneStudy, OneStudy]) -> list[str]:
    common = min(one.spent for one in studies)
    sentences = []
    for letter, one in zip("AB", studies, strict=True):
        best, at = one.best.get("value"), one.best_at(common)
        sentences.append(
            f"{letter}, {one.name}: {_points(best)} points over tuned CE, chosen out of "
            f"{counted(len(one.trials), 'trial')} and {one.spent:,} member-steps; "
            f"{_points(at)} after {common:,}."
        )
    tops = [set(one.importances.head(3)["name"]) for one in studies]
    if all(tops):
        both = sorted(tops[0] & tops[1])
        sentences.append(
            f"Among the three most important settings of both: {', '.join(both)}."
            if both
            else "The two have none of their three most important settings in common."
        )
    return sentences


def _points(gain: Any) -> str:
    if gain is None or not np.isfinite(float(gain)):
        return DASH
    return f"{100 * float(gain):+.2f}"
