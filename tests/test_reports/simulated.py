"""A store filled with simulated results: no training, every part of a report present."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields

import numpy as np

from bench.experiment.model import Experiment
from bench.store import schema as tables
from bench.store.store import Store

TASKS = ("moons", "rings", "blobs_noisy", "digits", "imbalanced")
LOSSES = ("ce", "mse", "gce", "label_smoothing", "mln_initial")
EFFECTS = {"mse": -0.012, "gce": 0.002, "label_smoothing": 0.001, "mln_initial": 0.0,
           "mln_1": 0.014, "mln_2": 0.006, "mln_3": -0.002, "mln_4": 0.004}  # fmt: skip
RATES, COMMON_RATE = (0.003, 0.03), 0.01
PARAMETERS = {"gce": 0.7}


def clear(score, lr, rng):
    """The score of one learner at a rate, on inner_valid and on test: one rate is clearly better.

    Tuned per seed and on the other seeds, every seed then has the lowest rate.
    """
    lost = 0.0 if lr in (RATES[0], COMMON_RATE) else 0.05
    return round(score - lost, 4), round(score - lost / 2, 4)


def level(score, lr, rng):
    """All rates are alike but for luck, which inner_valid and test share in part."""
    luck = rng.normal(0, 0.01)
    inner = score + luck + rng.normal(0, 0.01)
    return round(float(inner), 4), round(float(score + luck), 4)


@dataclass(frozen=True)
class Design:
    """What is benchmarked; `report` holds what is declared of the comparisons."""

    tasks: tuple[str, ...] = TASKS
    losses: tuple[str, ...] = LOSSES
    seeds: int = 20
    runs: int = 3
    study: bool = False
    report: dict | None = None
    rates: tuple[float, ...] = RATES
    name: str = "simulated"


@dataclass(frozen=True)
class Cells:
    """How simulated cells come out; the exceptional ones are (task, loss, seed, which).

    which: "tuned" for all that tuning chooses among, "common", or one rate. response: a function of
    a learner's score, its rate and a generator that says what inner_valid and test show of it.
    measured: whether anything was measured of the learners that diverged.
    """

    diverged: Collection = ()
    failed: Collection = ()
    absent: Collection = ()
    effects: dict | None = None
    spread: float = 0.008
    salt: int = 2
    response: Callable = clear
    measured: bool = True

    def status(self, seed, configuration):
        """What became of the cell of (task, loss, seed) in a configuration."""
        lr = configuration["lr"]
        which = {lr, *(name for name in ("tuned", "common") if configuration[f"is_{name}"])}
        for name in ("absent", "failed", "diverged"):
            if any((*seed, each) in getattr(self, name) for each in which):
                return name
        return "done"


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
        "tuning": {"rates": design.rates, "common_rate": COMMON_RATE},
    }
    if design.runs:
        config["evolution"] = {"runs": design.runs, "families": ["gaussians"]}
    if design.study:
        config["study"] = {"name": "tuned", "families": ["gaussians"], "trials": 8}
    # Unchecked, so that a simulation may minimise what it calls accuracy.
    unchecked = {name: report.pop(name) for name in ("metric", "direction") if name in report}
    valid = Experiment.model_validate(config | {"report": report})
    return valid.model_copy(update={"report": valid.report.model_copy(update=unchecked)})


def declared(experiment, loss):
    """The configurations of a loss, as a unit stores them."""
    parameter = PARAMETERS.get(loss)
    common = experiment.tuning.common_rate
    rates = sorted(experiment.tuning.rates)
    tried = [(lr, True, lr == common) for lr in rates]
    tried += [] if common in rates else [(common, False, True)]
    return [
        {"lr": lr, "parameter": parameter, "is_tuned": is_tuned, "is_common": is_common}
        for lr, is_tuned, is_common in tried
    ]


def fill(store, experiment, **settings):
    """Store simulated units, cells, evolutions and a study, where the experiment has one.

    The settings are those of Cells.
    """
    simulation = Cells(**settings)
    salt = simulation.salt
    fingerprint, benchmark = experiment.fingerprint(), experiment.benchmark
    effects = EFFECTS if simulation.effects is None else simulation.effects
    units, cells = [], []
    for t, task in enumerate(benchmark.tasks):
        for k, loss in enumerate(experiment.losses()):
            unit = f"{salt}-{task}-{loss}"
            units.append(
                {"fingerprint": fingerprint, "task": task, "learner": "mlp_32", "loss": loss,
                 "unit": unit, "configurations": declared(experiment, loss)}
            )  # fmt: skip
            for seed in range(benchmark.seeds):
                shared = np.random.default_rng((1, t, seed)).normal(0.90 - 0.03 * t, 0.015)
                for place, each in enumerate(declared(experiment, loss)):
                    status = simulation.status((task, loss, seed), each)
                    if status == "absent":
                        continue
                    p = 1 if each["is_common"] else 2 * place
                    rng = np.random.default_rng((salt, t, k, seed, p))
                    gain = effects.get(loss, 0.0) - 0.004 * (p == 1)
                    score = round(float(shared + gain + rng.normal(0, simulation.spread)), 4)
                    about = {"unit": unit, "task": task, "loss": loss, "seed": seed} | each
                    both = simulation.response(score, each["lr"], rng)
                    cells.append(_cell(about, status, both, rng))
                    if status == "diverged" and not simulation.measured:
                        _forget(cells[-1])
    store.put(tables.units, units)
    store.put(tables.cells, cells)
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


def _cell(about, status, both, rng):
    inner, score = both
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
        inner = 0.5
    lost = status == "failed"
    return {name: about[name] for name in ("unit", "task", "loss", "seed", "lr", "parameter")} | {
        "key": "{unit}-{seed}-{lr:g}".format(**about), "learner": "mlp_32", "status": status,
        "detail": "worker lost" if lost else "",
        "inner": {} if lost else {"accuracy": inner},
        "metrics": {} if lost else metrics,
        "curve": {} if lost else {"step": steps, "accuracy": accuracy.tolist()},
        "provenance": {"processor": "simulated", "versions": {"torch": "2.14.1"}},
    }  # fmt: skip


def _forget(cell):
    """Nothing was measured of a learner whose logits were not finite from the first step on."""
    curve = cell["curve"]
    cell["metrics"] = dict.fromkeys(cell["metrics"])
    cell["inner"] = dict.fromkeys(cell["inner"])
    cell["curve"] = curve | {"accuracy": [None] * len(curve["step"])}


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
    """A store of tasks x (losses + runs) x seeds x 5 cells, filled quickly; and its experiment."""
    names = ("ce", "mse", "mln_initial", *(f"loss_{k}" for k in range(losses - 3)))
    described = experiment(
        tasks=tuple(f"task_{t:02}" for t in range(tasks)), losses=names, seeds=seeds, runs=runs,
        rates=(0.001, 0.003, 0.01, 0.03, 0.1), name="large",
    )  # fmt: skip
    store, rng = Store(f"sqlite:///{path}"), np.random.default_rng(5)
    fingerprint, every = described.fingerprint(), described.losses()
    steps = np.linspace(500 / curve_points, 500, curve_points).astype(int).tolist()
    rise = 1 - np.exp(-np.array(steps) / 80)
    about = {"processor": "simulated", "versions": {"torch": "2.14.1", "numpy": "2.4.6"}}
    configurations = declared(described, "ce")
    losses_by_rate = np.array([0.02, 0.004, 0.0, 0.003, 0.03])
    for t, task in enumerate(described.benchmark.tasks):
        shared = rng.normal(0.9 - 0.005 * t, 0.01, seeds)
        units, cells = [], []
        for loss in every:
            unit = f"{task}-{loss}"
            units.append(
                {"fingerprint": fingerprint, "task": task, "learner": "mlp-32", "loss": loss,
                 "unit": unit, "configurations": configurations}
            )  # fmt: skip
            shape = len(configurations), seeds
            scores = shared - losses_by_rate[:, None] + rng.normal(0.002, 0.006, shape)
            scores = np.round(scores, 3)
            inner = np.round(scores + rng.normal(0, 0.01, shape), 3).tolist()
            curves = np.round(0.5 + (scores[..., None] - 0.5) * rise, 4)
            curves = np.round(curves + rng.normal(0, 0.004, curves.shape), 4).tolist()
            for k, each in enumerate(configurations):
                for seed in range(seeds):
                    score = float(scores[k, seed])
                    metrics = {"accuracy": score, "accuracy_selected": score + 0.002,
                               "nll": 1.1 - score, "area": score - 0.1}  # fmt: skip
                    cells.append(
                        {"key": f"{unit}-{seed}-{k}", "unit": unit, "task": task,
                         "learner": "mlp-32", "loss": loss, "seed": seed, "lr": each["lr"],
                         "parameter": None, "status": "done", "detail": "",
                         "inner": metrics | {"accuracy": inner[k][seed]}, "metrics": metrics,
                         "curve": {"step": steps, "accuracy": curves[k][seed]},
                         "provenance": {**about, "seconds": 0.1}}
                    )  # fmt: skip
        store.put(tables.units, units)
        store.put(tables.cells, cells)
    return store, described
