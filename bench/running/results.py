"""The stored rows of an experiment as a table."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bench.catalogue.metrics import METRICS
from bench.errors import InputError
from bench.experiment.model import Experiment, load
from bench.store.database import public_url
from bench.store.schema import cells, units
from bench.store.store import Store
from bench.store.url import DEFAULT_URL

if TYPE_CHECKING:
    import pandas as pd

INNER = "inner_"
"""Before the name of a metric that is measured on inner_valid."""

KEYS = (
    "task",
    "learner",
    "loss",
    "seed",
    "lr",
    "parameter",
    "is_tuned",
    "is_common",
    "status",
)


def results(experiment: "str | Experiment", storage: "str | Store" = DEFAULT_URL) -> "pd.DataFrame":
    """All stored cells of an experiment, one row for each learner.

    experiment: itself, its TOML file or the name of a shipped one; one that takes its settings from
    a study is handed over with these settings. storage: a store or its URL.

    The columns are task, learner, loss, seed, lr, parameter (NaN where a loss has none), is_tuned
    (whether tuning chooses among the configuration), is_common (whether it is the declared one) and
    status (done, diverged or failed); then each metric by name, measured on test, and as
    inner_<name> on inner_valid, by which policies choose. NaN: not measured, as of a learner that
    diverged. Rows are sorted by task, learner, loss and seed, and of one seed in the order in which
    tuning breaks ties.

    Raises InputError where the experiment or the storage cannot be read, or where nothing of the
    experiment is stored.
    """
    import pandas as pd

    chosen = load(experiment) if isinstance(experiment, str) else experiment
    store = Store(storage, create=False) if isinstance(storage, str) else storage
    try:
        rows = _rows(chosen, store)
    finally:
        if isinstance(storage, str):
            store.close()
    if not rows:
        raise InputError(
            f"experiment {chosen.name}: has no results in {public_url(store.url)}; run it, or "
            "name another storage"
        )
    frame = pd.DataFrame(rows)
    measured = [name for name in METRICS if name in frame and not name.startswith(INNER)]
    numbers = [*measured, *(f"{INNER}{name}" for name in measured)]
    return frame[[*KEYS, *numbers]].astype(dict.fromkeys(("lr", "parameter", *numbers), float))


def _rows(experiment: Experiment, store: Store) -> list[dict[str, Any]]:
    benchmark = experiment.benchmark
    columns = (cells.c.seed, cells.c.lr, cells.c.parameter, cells.c.status)
    of_cell = select(*columns, cells.c.metrics, cells.c.inner)
    rows = []
    for unit in store.rows(units, fingerprint=experiment.fingerprint()):
        tried = {
            (each["lr"], each["parameter"]): (place, each)
            for place, each in enumerate(unit["configurations"])
        }
        own = cells.c.unit == unit["unit"]
        within = cells.c.seed < (benchmark.seeds if benchmark else 0)
        stored = [
            row
            for row in store.query(of_cell.where(own, within))
            if (row["lr"], row["parameter"]) in tried
        ]
        stored.sort(key=lambda row: (row["seed"], tried[row["lr"], row["parameter"]][0]))
        for row in stored:
            metrics, inner = row.pop("metrics"), row.pop("inner")
            names = {name: unit[name] for name in ("task", "learner", "loss")}
            configuration = tried[row["lr"], row["parameter"]][1]
            on_inner = {f"{INNER}{name}": value for name, value in inner.items()}
            rows.append(names | configuration | row | metrics | on_inner)
    return rows
