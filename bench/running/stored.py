"""What a storage holds: experiments that were run, and studies."""

from collections import Counter
from typing import NamedTuple

from sqlalchemy import func, select

from bench.store.schema import cells, experiments, slots, studies, units, units_with_cells
from bench.store.store import Store


class StoredResult(NamedTuple):
    """An experiment with its benchmark's cells, or a study with its trials.

    name: the experiment's, or the study's question; kind: benchmark, screen, confirm, ablate or, of
    a study that is not finished, study; done and planned: cells or trials, planned None where it is
    not stored; id: the first digits of the experiment's fingerprint.
    """

    name: str
    kind: str
    done: int
    planned: int | None
    id: str | None


def stored_results(store: Store) -> list[StoredResult]:
    """Everything in a storage that a report can be written of, by name."""
    return sorted([*_benchmarks(store), *_studies(store)], key=lambda each: (each.name, each.kind))


def _benchmarks(store: Store) -> list[StoredResult]:
    counted = store.query(
        select(units.c.fingerprint, func.count().label("cells"))
        .select_from(units_with_cells)
        .where(cells.c.status != "failed")
        .group_by(units.c.fingerprint)
    )
    done = {row["fingerprint"]: row["cells"] for row in counted}
    return [
        StoredResult(
            row["name"], "benchmark", done[row["fingerprint"]], None, row["fingerprint"][:8]
        )
        for row in store.rows(experiments)
        if row["fingerprint"] in done
    ]


def _studies(store: Store) -> list[StoredResult]:
    planned, done = Counter[str](), Counter[str]()
    for row in store.query(
        select(slots.c.study, slots.c.state, func.count().label("number")).group_by(
            slots.c.study, slots.c.state
        )
    ):
        planned[row["study"]] += row["number"]
        done[row["study"]] += row["number"] if row["state"] == "done" else 0
    kinds = {row["study"]: row["kind"] for row in store.rows(studies)}
    return [
        StoredResult(name, kinds.get(name, "study"), done[name], planned[name], None)
        for name in planned
    ]


def in_words(found: list[StoredResult]) -> str:
    """The first few of them, as a message names them."""
    if not found:
        return "that storage holds no results"
    names = [f"{each.name!r} ({each.kind})" for each in found[:6]]
    more = f" and {len(found) - 6} more" if len(found) > 6 else ""
    return f"that storage holds {', '.join(names)}{more}"
