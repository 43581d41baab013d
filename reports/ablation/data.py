"""An ablation's gains, read from the store."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.describing.model import TaskDescription, read_descriptions
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.experiment.study import BUDGET, AblateDesign, AblateStudy
from bench.store import schema as tables
from bench.store.store import Store
from reports.ablation.gaps import DeclaredDesign


@dataclass(frozen=True)
class AblationData:
    """The gains of an ablation, with what is known of the study.

    gains: slot, seed, family, one column per factor (its level as text), gain, tasks, diverged,
    member_steps; slot 0 of a leave-one-out and of variants is the base. factors: their dotted
    keys. protocol: as in mln_studies. missing_slots: the slots of the study that have no gain.
    """

    experiment: Experiment
    study: str
    design: AblateDesign
    factors: tuple[str, ...]
    gains: pd.DataFrame
    protocol: Mapping[str, Any]
    missing_slots: tuple[int, ...] = ()
    descriptions: tuple[TaskDescription, ...] = ()

    @property
    def declared(self) -> DeclaredDesign:
        """What the study declares: of levels and seeds that never ran the gains know nothing."""
        study = self.experiment.study
        if not isinstance(study, AblateStudy):
            return DeclaredDesign(self.missing_slots)
        levels = {
            name: tuple(level_text(value, name) for value in values)
            for name, values in study.levels.items()
        }
        return DeclaredDesign(self.missing_slots, levels, study.seeds, self._modes(study))

    def _modes(self, study: AblateStudy) -> dict[str, str]:
        evolution = self.experiment.evolution
        own = str(evolution.settings.mode) if evolution else ""
        variants = {name: str(of.get(MODE, own)) for name, of in study.variants.items()}
        return {mode: mode for mode in MODES} | {study.reference: own} | variants

    @property
    def variants(self) -> Mapping[str, Mapping[str, Any]]:
        """What each variant changes, by its name; empty where the design has factors."""
        study = self.experiment.study
        return study.variants if isinstance(study, AblateStudy) else {}

    @property
    def analysed_as(self) -> AblateDesign:
        """Variants at several budgets are crossed with them, as factors are."""
        return "factorial" if BUDGET in self.factors else self.design

    @property
    def metric(self) -> str:
        """What the gains are differences of."""
        return str(self.protocol.get("metric", self.experiment.report.metric))


MODE = "evolution.settings.mode"
MODES = ("ga", "es", "hybrid", "random")


def load_ablation(store: Store, experiment: Experiment) -> AblationData:
    """Read the gains of the experiment's ablation.

    Raises InputError where it has none, or none is stored yet.
    """
    study = experiment.study
    if not isinstance(study, AblateStudy):
        raise InputError(f"experiment {experiment.name}: has no [study] of kind ablate")
    rows = store.rows(tables.gains, study=study.name)
    if not rows:
        raise InputError(
            f"{experiment.name}: nothing to report yet; run `mln-bench ablate` with this "
            "experiment and the same --storage first"
        )
    frame = pd.DataFrame(rows)
    settings, factors = frame.pop("settings"), tuple(study.levels)
    for name in factors:
        frame[name] = [level_text(cell.get(name), name) for cell in settings]
    frame = frame[["slot", "seed", "family", *factors, "gain", "tasks", "diverged", "member_steps"]]
    frame = frame.sort_values(["slot", "seed", "family"], ignore_index=True)
    described = store.rows(tables.studies, study=study.name)
    protocol = dict(described[0]["protocol"]) if described else {}
    slots = {row["slot"] for row in store.rows(tables.slots, study=study.name)}
    return AblationData(
        experiment=experiment,
        study=study.name,
        design=study.design,
        factors=factors,
        gains=frame,
        protocol=protocol,
        descriptions=tuple(read_descriptions(protocol.pop("described", None))),
        missing_slots=tuple(sorted(slots - {row["slot"] for row in rows})),
    )


def level_text(value: Any, name: str = "") -> str:
    """A factor's level as text; a factor that a cell does not use has none."""
    if value is None:
        return "not used"
    if name == BUDGET:
        return f"{value / 1e6:g} M" if value >= 100_000 else f"{value / 1e3:g} k"
    return value if isinstance(value, str) else json.dumps(value)
