"""A store filled with simulated results: no training, every part of a report present."""

from collections.abc import Collection
from dataclasses import dataclass, fields

import numpy as np

from bench.experiment.model import Experiment
from bench.store import schema as tables
from bench.store.store import Store

TASKS = ("moons", "rings", "blobs_noisy", "digits", "imbalanced")
LOSSES = ("ce", "mse", "gce", "label_smoothing", "mln_initial")
EFFECTS = {"mse": -0.012, "gce": 0.002, "label_smoothing": 0.001, "mln_initial": 0.0,
           "mln_1": 0.014, "mln_2": 0.006, "mln_3": -0.002, "mln_4": 0.004}  # fmt: skip


@dataclass(frozen=True)
class Design:
    """What is benchmarked; `report` holds what is declared of the comparisons."""

    tasks: tuple[str, ...] = TASKS
    losses: tuple[str, ...] = LOSSES
    seeds: int = 20
    runs: int = 3
    study: bool = False
    report: dict | None = None
    name: str = "simulated"


@dataclass(frozen=True)
class Cells:
    """How simulated cells come out; the exceptional ones are (task, loss, seed, policy)."""

    diverged: Collection = ()
    failed: Collection = ()
    absent: Collection = ()
    effects: dict | None = None
    spread: float = 0.008
    salt: int = 2

    def status(self, identity):
        """What became of a cell."""
        if identity in self.failed:
            return "failed"
        return "diverged" if identity in self.diverged else "done"


def experiment(**settings):
    """An experiment; the settings are those of a Design."""
    design = Design(**settings)
    report = dict(design.report or {})
    config = {
        "name": design.name,
        "seed": 7,
        "benchmark": {
            "tasks": design.tasks,
            "losses": design.losses,
            "seeds": design.seeds,
            "evolved": design.runs > 0,
            "curve_points": 20,
        },
    }
    if design.runs:
        config["evolution"] = {"runs": design.runs, "families": ["gaussians"]}
    if design.study:
        config["study"] = {"name": "tuned", "families": ["gaussians"], "trials": 8}
    # Unchecked, so that a simulation may minimise what it calls accuracy.
    unchecked = {name: report.pop(name) for name in ("metric", "direction") if name in report}
    valid = Experiment.model_validate(config | {"report": report})
    return valid.model_copy(update={"report": valid.report.model_copy(update=unchecked)})


def fill(store, experiment, **settings):
    """Store simulated cells, choices, evolutions and a study, where the experiment has one.

    The settings are those of Cells.
    """
    simulation = Cells(**settings)
    salt = simulation.salt
    fingerprint, benchmark = experiment.fingerprint(), experiment.benchmark
    effects = EFFECTS if simulation.effects is None else simulation.effects
    grid, cells = [], []
    for t, task in enumerate(benchmark.tasks):
        for k, loss in enumerate(experiment.losses()):
            for seed in range(benchmark.seeds):
                shared = np.random.default_rng((1, t, seed)).normal(0.90 - 0.03 * t, 0.015)
                for p, policy in enumerate(("tuned", "common")):
                    identity = (task, loss, seed, policy)
                    key = "-".join(map(str, (salt, *identity)))
                    grid.append(
                        {"fingerprint": fingerprint, "task": task, "learner": "mlp_32",
                         "loss": loss, "seed": seed, "policy": policy, "cell": key}
                    )  # fmt: skip
                    if identity in simulation.absent:
                        continue
                    rng = np.random.default_rng((salt, t, k, seed, p))
                    gain = effects.get(loss, 0.0) - 0.004 * p
                    score = round(float(shared + gain + rng.normal(0, simulation.spread)), 4)
                    status = simulation.status(identity)
                    cells.append(_cell(key, identity, status, score, rng))
    store.put(tables.grid, grid)
    store.put(tables.cells, cells)
    store.put(
        tables.choices,
        [
            {"fingerprint": fingerprint, "task": task, "learner": "mlp_32", "loss": loss,
             "lr": (0.003, 0.01, 0.03)[k % 3], "parameter": 0.7 if loss == "gce" else None,
             "configurations": 5, "seeds": 3, "score": 0.9}
            for task in benchmark.tasks
            for k, loss in enumerate(experiment.losses())
        ],
    )  # fmt: skip
    evolved = {name: f"evolution-{salt}-{name}" for name in experiment.evolved_losses()}
    store.put(tables.evolutions, [_evolution(n, k) for n, k in evolved.items()])
    study = experiment.study.name if experiment.study else None
    if study:
        _fill_study(store, study)
    store.put(
        tables.experiments,
        [
            {
                "fingerprint": fingerprint,
                "name": experiment.name,
                "config": {
                    "experiment": experiment.model_dump(mode="json"),
                    "evolutions": evolved,
                    "study": study,
                    "provenance": {"versions": {"torch": "2.14.1", "numpy": "2.4.6"},
                                   "processor": "simulated", "finished": "2026-01-01"},
                },
            }
        ],
    )  # fmt: skip


def simulated(path, **settings):
    """A filled store and its experiment; the settings are those of a Design and of Cells."""
    of_cells = {field.name for field in fields(Cells)} & set(settings)
    outcomes = {name: settings.pop(name) for name in of_cells}
    store, described = Store(f"sqlite:///{path}"), experiment(**settings)
    fill(store, described, **outcomes)
    return store, described


def _cell(key, identity, status, score, rng):
    task, loss, seed, policy = identity
    steps = list(range(25, 501, 25))
    rise = 1 - np.exp(-np.array(steps) / rng.uniform(50, 110))
    accuracy = np.round(0.5 + (score - 0.5) * rise + rng.normal(0, 0.004, len(steps)), 4)
    metrics = {
        "accuracy": score,
        "accuracy_selected": round(score + 0.002, 4),
        "area": round(float(accuracy.mean()), 4),
        "nll": 0.3,
    }
    if status == "diverged":
        metrics = {"accuracy": 0.5, "accuracy_selected": 0.5, "area": 0.5, "nll": None}
    return {
        "key": key, "task": task, "learner": "mlp_32", "loss": loss, "seed": seed,
        "lr": 0.01 if policy == "common" else 0.003, "parameter": None, "status": status,
        "detail": "worker lost" if status == "failed" else "",
        "metrics": {} if status == "failed" else metrics,
        "curve": {} if status == "failed" else {"step": steps, "accuracy": accuracy.tolist()},
        "provenance": {"processor": "simulated", "versions": {"torch": "2.14.1"}}, "seconds": 0.1,
    }  # fmt: skip


def _evolution(name, key):
    run = int(name.removeprefix("mln_"))
    rng = np.random.default_rng((3, run))
    history = []
    for generation in range(40):
        best = 0.03 * (1 - np.exp(-generation / 12)) + rng.normal(0, 0.003)
        history.append(
            {"number": generation, "phase": "ga" if generation < 28 else "es",
             "member_steps": 39_600 * (generation + 1), "best": round(best, 5),
             "median": round(best - 0.012 + rng.normal(0, 0.002), 5)}
        )  # fmt: skip
    return {
        "key": key, "loss": name, "run": run, "spec": {"hidden": 8}, "genome": [0.0],
        "fitness": history[-1]["best"], "member_steps": 1_584_000, "seconds": 100.0 + run,
        "history": history, "shape": _shapes(name, run), "provenance": {},
    }  # fmt: skip


def _shapes(name, run):
    p = np.linspace(0.01, 0.99, 50)
    bend = 1 + 0.3 * run
    curves = {
        "ce": (-np.log(p), p - 1, p),
        "mse": ((1 - p) ** 2, -3 * p * (1 - p) ** 2, 2 * p**2 * (1 - p)),
        "gce": (1 - p**0.7, -(p**0.7) * (1 - p), p * (1 - p) ** 0.7),
        name: (np.tanh(bend * (1 - p)), -bend * p * (1 - p), 0.3 * run * p * (1 - p)),
    }
    kinds = (("value", 1), ("gradient", 1), ("gradient", 0))
    return [
        {"loss": loss, "kind": kind, "target": target, "p": p.tolist(), "y": y.tolist()}
        for loss, all_three in curves.items()
        for (kind, target), y in zip(kinds, all_three, strict=True)
    ]


def _fill_study(store, study):
    rng = np.random.default_rng(4)
    trials = []
    for slot in range(8):
        state = "pruned" if slot in (2, 5) else "complete"
        values = np.round(np.cumsum(rng.uniform(0, 0.008, 2 if state == "pruned" else 4)), 4)
        trials.append(
            {"study": study, "slot": slot, "number": slot, "state": state,
             "value": None if state == "pruned" else float(values[-1]),
             "params": {"mode": ["ga", "es", "hybrid"][slot % 3], "population": 16 + 8 * (slot % 3),
                        "mutation_sigma": round(float(rng.uniform(0.05, 0.5)), 3)},
             "intermediate": {"step": [40_000 * (i + 1) for i in range(len(values))],
                              "value": values.tolist()},
             "member_steps": 160_000}
        )  # fmt: skip
    store.put(tables.trials, trials)
    store.put(
        tables.importances,
        [{"study": study, "values": {"population": 0.2, "mutation_sigma": 0.5, "mode": 0.3}}],
    )


def large(path, *, tasks, losses, runs, seeds, curve_points=20):
    """A store with tasks x (losses + runs) x seeds x 2 rows, filled quickly; and its experiment."""
    names = ("ce", "mse", "mln_initial", *(f"loss_{k}" for k in range(losses - 3)))
    described = experiment(
        tasks=tuple(f"task_{t:02}" for t in range(tasks)), losses=names, seeds=seeds, runs=runs,
        name="large",
    )  # fmt: skip
    store, rng = Store(f"sqlite:///{path}"), np.random.default_rng(5)
    fingerprint, every = described.fingerprint(), described.losses()
    steps = np.linspace(500 / curve_points, 500, curve_points).astype(int).tolist()
    rise = 1 - np.exp(-np.array(steps) / 80)
    about = {"processor": "simulated", "versions": {"torch": "2.14.1", "numpy": "2.4.6"}}
    for t, task in enumerate(described.benchmark.tasks):
        shared = rng.normal(0.9 - 0.005 * t, 0.01, seeds)
        grid, cells = [], []
        for loss in every:
            scores = np.round(shared + rng.normal(0.002, 0.006, (2, seeds)), 3)
            curves = np.round(0.5 + (scores[..., None] - 0.5) * rise, 4)
            curves = np.round(curves + rng.normal(0, 0.004, curves.shape), 4).tolist()
            for p, policy in enumerate(("tuned", "common")):
                for seed in range(seeds):
                    key, score = f"{task}-{loss}-{seed}-{p}", float(scores[p, seed])
                    grid.append(
                        {"fingerprint": fingerprint, "task": task, "learner": "mlp-32",
                         "loss": loss, "seed": seed, "policy": policy, "cell": key}
                    )  # fmt: skip
                    metrics = {"accuracy": score, "accuracy_selected": score + 0.002,
                               "nll": 1.1 - score, "area": score - 0.1}  # fmt: skip
                    cells.append(
                        {"key": key, "task": task, "learner": "mlp-32", "loss": loss,
                         "seed": seed, "lr": 0.01, "parameter": None, "status": "done",
                         "detail": "", "metrics": metrics,
                         "curve": {"step": steps, "accuracy": curves[p][seed]},
                         "provenance": {**about, "seconds": 0.1}}
                    )  # fmt: skip
        store.put(tables.grid, grid)
        store.put(tables.cells, cells)
    store.put(
        tables.choices,
        [
            {"fingerprint": fingerprint, "task": task, "learner": "mlp-32", "loss": loss,
             "lr": 0.01, "parameter": None, "configurations": 5, "seeds": 3, "score": 0.9}
            for task in described.benchmark.tasks
            for loss in every
        ],
    )  # fmt: skip
    return store, described
