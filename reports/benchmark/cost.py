"""What meta-training cost, and after how many uses a loss has paid for it."""

import numpy as np
import pandas as pd

from bench.catalogue.metrics import STEPS_TO_CE
from reports import stats
from reports.data.model import ReportData

REFERENCE = "ce"


def costs(data: ReportData) -> pd.DataFrame:
    """One row per candidate that was evolved, in member-steps.

    Columns: loss, evolution, study (shared by all losses of the experiment, if its settings came
    from a study), saved (mean training steps to tuned CE's accuracy that one use saves, over all
    tasks, with _low and _high of its t interval over seeds), uses (after which evolution alone is
    paid back; NaN where nothing is saved), uses_low, uses_high (of the interval), seconds (of one
    training run) and seconds_ratio (to CE).
    """
    times = data.scores.matrix(data.policy, STEPS_TO_CE) if STEPS_TO_CE in data.rows else {}
    study = int(data.trials["member_steps"].sum()) if len(data.trials) else 0
    seconds = _seconds(data)
    records = []
    for row in data.evolutions.to_dict("records"):
        loss, spent = row["loss"], int(row["member_steps"])
        saved = _saved(times, loss)
        uses = [spent / value if value > 0 else float("nan") for value in saved]
        records.append(
            {
                "loss": loss,
                "evolution": spent,
                "study": study,
                "saved": saved.estimate,
                "saved_low": saved.low,
                "saved_high": saved.high,
                "uses": uses[0],
                "uses_low": uses[2],
                "uses_high": uses[1],
                "seconds": seconds.get(loss, float("nan")),
                "seconds_ratio": seconds.get(loss, float("nan"))
                / seconds.get(REFERENCE, float("nan")),
            }
        )
    return pd.DataFrame(records)


def _saved(times: dict[str, pd.DataFrame], loss: str) -> stats.Interval:
    """Steps that a use saves: mean over tasks, its t interval over seeds."""
    gains = [
        (table[REFERENCE] - table[loss]).dropna()
        for table in times.values()
        if {REFERENCE, loss} <= set(table)
    ]
    if not gains:
        return stats.Interval(float("nan"), float("nan"), float("nan"))
    by_seed = pd.concat(gains, axis=1, keys=range(len(gains))).dropna().mean(axis=1)
    if by_seed.empty:
        return stats.Interval(float("nan"), float("nan"), float("nan"))
    return stats.mean_interval(by_seed.to_numpy())


def _seconds(data: ReportData) -> dict[str, float]:
    """Mean seconds of a tuned training run by loss, as measured where it ran."""
    tuned = (data.rows["policy"] == data.policy).to_numpy() & np.isfinite(data.seconds)
    frame = pd.DataFrame({"loss": data.rows["loss"][tuned], "seconds": data.seconds[tuned]})
    return {
        str(loss): float(value) for loss, value in frame.groupby("loss")["seconds"].mean().items()
    }
