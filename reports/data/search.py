"""What evolution and studies left in the store, as frames."""

import pandas as pd

from bench.store import schema as tables
from bench.store.store import Row, Store

RUN_COLUMNS = ["loss", "run", "fitness", "member_steps"]
SHAPE_COLUMNS = ["loss", "state", "kind", "target", "p", "y"]
INTERMEDIATE_COLUMNS = ["number", "step", "value"]
IMPORTANCE_COLUMNS = ["name", "share"]


def evolutions(
    store: Store, keys: dict[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Runs, history and shapes (as in ReportData) of the evolutions with these keys, by loss."""
    stored = store.rows_of(tables.evolutions, keys.values())
    runs: list[Row] = []
    history: list[Row] = []
    shapes: list[pd.DataFrame] = []
    for name, key in keys.items():
        row = stored.get(key)
        if row is None:
            continue
        runs.append({"loss": name} | {column: row[column] for column in RUN_COLUMNS[1:]})
        history.extend({"loss": name, **generation} for generation in row["history"])
        known = {shape["loss"].iloc[0] for shape in shapes}  # every run brings the baselines
        for shape in row["shape"]:
            shown = name if shape["loss"] == row["loss"] else shape["loss"]
            if shown not in known:
                shapes.append(pd.DataFrame({"state": "", **shape, "loss": shown}))
    joined = pd.concat(shapes, ignore_index=True) if shapes else pd.DataFrame(columns=SHAPE_COLUMNS)
    return pd.DataFrame(runs, columns=RUN_COLUMNS), pd.DataFrame(history), joined[SHAPE_COLUMNS]


def no_evolutions() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Runs, history and shapes where nothing was evolved."""
    return pd.DataFrame(columns=RUN_COLUMNS), pd.DataFrame(), pd.DataFrame(columns=SHAPE_COLUMNS)


def no_study() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Trials, intermediate values and importances where there was no study."""
    return (
        pd.DataFrame(),
        pd.DataFrame(columns=INTERMEDIATE_COLUMNS),
        pd.DataFrame(columns=IMPORTANCE_COLUMNS),
    )


def study(store: Store, name: str | None) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Trials, intermediate values and importances (as in ReportData) of a study."""
    rows = store.rows(tables.trials, study=name) if name else []
    kept = ("slot", "number", "state", "value", "member_steps")
    trials = pd.DataFrame([{key: row[key] for key in kept} | row["params"] for row in rows])
    worst = [row["intermediate"].get("worst_regime") for row in rows]
    if any(gain is not None for gain in worst):
        trials.insert(len(kept), "worst_regime", worst)
    steps = [
        {"number": row["number"], "step": step, "value": value}
        for row in rows
        for step, value in zip(
            row["intermediate"].get("step", ()), row["intermediate"].get("value", ()), strict=True
        )
    ]
    importances = store.rows(tables.importances, study=name) if name else []
    values = importances[0]["values"] if importances else {}
    # By name where shares are equal: the store keeps no order that two runs share.
    shares = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    return (
        trials.sort_values("number", ignore_index=True) if rows else trials,
        pd.DataFrame(steps, columns=INTERMEDIATE_COLUMNS),
        pd.DataFrame(shares, columns=IMPORTANCE_COLUMNS),
    )
