"""Recount a significance report from its own files with numpy, scipy and pandas alone.

`python tests/recount.py REPORT_FOLDER` reads configurations.csv, rows.csv and report.json and
imports nothing of the suite: which configuration each policy chose for each seed must be what
rows.csv holds, and every comparison's mean difference, interval, sign-flip p, Holm p and verdict
what report.json says. Exit code 1, with the first disagreements, where anything differs.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import signal, stats

UNIT = ["task", "learner", "loss"]
RUN = [*UNIT, "policy", "seed"]
SHOWN = 10
MIN_SEEDS = 6
EXACT_UP_TO = 22
LARGEST_TEST_SET = 20_000


def report_choices(document: dict[str, Any], every: pd.DataFrame) -> dict[tuple[Any, ...], Any]:
    """Chosen configurations by (task, learner, loss, policy, seed), from inner scores alone.

    Ties go to the configuration that stands first: configurations.csv lists a seed's in the order
    of the rates, and at one rate in that of the loss's parameters.
    """
    sign = -1.0 if document["tuned_by"]["direction"] == "minimise" else 1.0
    chosen = {}
    for unit, own in every.groupby(UNIT, sort=False):
        tuned = own[own["is_tuned"]]
        for _, common in own[own["is_common"] & (own["status"] != "failed")].iterrows():
            chosen[(*unit, "common", common["seed"])] = common
        names = tuned[["lr", "parameter"]].drop_duplicates()
        cells = {seed: names.merge(each, how="left") for seed, each in tuned.groupby("seed")}
        inner = {
            seed: np.round(sign * each["inner"].to_numpy(), 10)
            for seed, each in cells.items()
            if each["inner"].notna().all()
        }
        for seed, each in cells.items():
            if seed in inner:
                chosen[(*unit, "per_seed", seed)] = each.iloc[int(np.argmax(inner[seed]))]
            others = [sign * cells[x]["inner"].to_numpy() for x in inner if x != seed]
            if others:
                best = int(np.argmax(np.round(np.mean(others, axis=0), 10)))
                if each["status"].iloc[best] in ("done", "diverged"):
                    chosen[(*unit, "pooled", seed)] = each.iloc[best]
    return chosen


def check_rows(document: dict[str, Any], every: pd.DataFrame, rows: pd.DataFrame) -> Iterator[str]:
    """What differs between rows.csv and what the policies choose; one line for each row."""
    chosen, metric = report_choices(document, every), document["metric"]
    policies = set(document["policies"])
    missing = {tuple(run[name] for name in RUN) for run in document["missing"]}
    wanted = {
        run: cell for run, cell in chosen.items() if run[3] in policies and run not in missing
    }
    for run, row in rows.set_index(RUN).iterrows():
        cell = wanted.pop(run, None)
        if cell is None:
            yield f"rows.csv: {run}: no policy can have chosen this"
            continue
        for name in ("lr", "parameter", "status", metric):
            if name == metric and row["status"] == "diverged":
                continue
            a, b = row[name], cell[name]
            if a != b and not (pd.isna(a) and pd.isna(b)):
                yield f"rows.csv: {run}: {name} is {a}, chosen by inner is {b}"
                break
    for run in wanted:
        yield f"rows.csv: {run}: chosen by inner, but not there"


def lattice(scores: np.ndarray) -> int | None:
    """The size n of a test set of which all scores are counts / n; None where there is none."""
    sizes = np.arange(1, LARGEST_TEST_SET + 1)[:, None]
    for part in np.array_split(sizes, 20):
        counts = scores[None, :] * part
        fits = (np.abs(counts - np.rint(counts)) < 2e-3).all(axis=1)
        if fits.any():
            return int(part[fits.argmax(), 0])
    return None


def sign_flip(d: np.ndarray, scores: np.ndarray) -> float:
    """Two-sided p that the mean of the differences is 0, over all 2^n changes of their signs."""
    size = lattice(scores)
    d = np.rint(d * size) if size else d
    d = np.abs(d)[d != 0] * np.sign(d[d != 0])
    noise = 0.5 if size else 1e-5 * float(np.abs(d).sum())
    if not d.size or abs(d.sum()) <= noise:
        return 1.0
    if d.size <= EXACT_UP_TO:
        sums = np.zeros(1)
        for value in np.abs(d):
            sums = np.concatenate([sums - value, sums + value])
        return float((np.abs(sums) >= abs(d.sum()) - noise).mean())
    if not size:  # on a lattice so fine that the p-value has four digits
        d = np.rint(d / np.abs(d).sum() * 2**18)
    share = np.ones(1)
    for value in np.abs(d).astype(int):
        step = np.zeros(value + 1)
        step[0] += 0.5
        step[-1] += 0.5
        share = signal.convolve(share, step, method="direct" if value < 64 else "auto")
    sums = 2 * np.arange(share.size) - int(np.abs(d).sum())
    return float(share[np.abs(sums) >= abs(int(d.sum()))].sum())


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values."""
    order, adjusted, highest = np.argsort(p), np.empty(len(p)), 0.0
    for place, at in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - place) * p[at]))
        adjusted[at] = highest
    return adjusted


class Recount:
    """The comparisons of a report, counted again from rows.csv."""

    def __init__(
        self, document: dict[str, Any], rows: pd.DataFrame, every: pd.DataFrame | None
    ) -> None:
        self.document = document
        self.runs = {key: own.set_index("seed") for key, own in rows.groupby([*UNIT, "policy"])}
        keys = [tuple(run[name] for name in (*UNIT, "policy")) for run in document["missing"]]
        self.missing = {key: keys.count(key) for key in set(keys)}
        tuned = every[every["is_tuned"]] if every is not None else None
        self.budgets = {} if tuned is None else {
            key: len(own.drop_duplicates(["lr", "parameter"])) for key, own in tuned.groupby(UNIT)
        }  # fmt: skip

    def scores(self, key: tuple[str, ...], metric: str) -> pd.Series:
        """Scores by seed; of a diverged run the declared worst one."""
        if key not in self.runs:
            return pd.Series(dtype=float)
        own = self.runs[key]
        worst = self.document["metrics"][metric]["worst"]
        return own[metric].astype(float).where(own["status"] != "diverged", worst).dropna()

    def check(self) -> Iterator[str]:
        """One line for each comparison that does not agree."""
        families: dict[str, list[dict[str, Any]]] = {}
        for item in self.document["comparisons"]:
            families.setdefault(item["family_name"], []).append(item)
        for family in families.values():
            counted = [self.count(item) for item in family]
            adjusted = holm(np.array([1.0 if own["refused"] else own["p"] for own in counted]))
            for item, own, p_holm in zip(family, counted, adjusted, strict=True):
                own["p_holm"] = float(p_holm)
                wrong = self.disagreement(item, own, len(family))
                if wrong:
                    names = [item[name] for name in ("task", "candidate", "baseline", "metric")]
                    yield f"report.json: {', '.join(names)}, {item['policy']}: {wrong}"

    def count(self, item: dict[str, Any]) -> dict[str, Any]:
        """The numbers of one comparison, from its rows."""
        place = (item["task"], item["learner"])
        keys = [(*place, item[name], item["policy"]) for name in ("candidate", "baseline")]
        pair = pd.concat([self.scores(key, item["metric"]) for key in keys], axis=1).dropna()
        a, b = pair.to_numpy().T if len(pair) else (np.zeros(0), np.zeros(0))
        planned = max(len(self.runs.get(key, ())) + self.missing.get(key, 0) for key in keys)
        budgets = {self.budgets.get(key[:3]) for key in keys}
        uneven = bool(self.budgets) and item["policy"] != "common" and len(budgets) > 1
        d = a - b
        d[np.abs(d) <= 2.0**-21 * max(np.abs([*a, *b]).max(initial=0), 1e-300)] = 0.0
        own = {"n": len(pair), "refused": len(pair) < max(planned, MIN_SEEDS) or uneven, "p": 1.0}
        if len(pair) >= 2:
            lost = [
                set(self.runs[key].index[self.runs[key]["status"] == "diverged"]) for key in keys
            ]
            own |= self.numbers(item, d, pair.to_numpy().ravel(), len(lost[0] & lost[1]))
        return own

    def numbers(
        self, item: dict[str, Any], d: np.ndarray, scores: np.ndarray, lost: int
    ) -> dict[str, float]:
        """Mean, t interval, p, and p of the two one-sided tests.

        lost: pairs that diverged under both losses: differences of 0 that show no equivalence.
        """
        alpha, rope = self.document["alpha"], self.document["metrics"][item["metric"]]["rope"]
        mean, n, step = float(d.mean()), d.size, item["resolution"] or 0.0
        constant = np.ptp(d) <= 1e-9 * max(np.abs(d).max(), 1e-300)
        sd = 0.0 if constant else float(d.std(ddof=1))
        half = stats.t.ppf(1 - alpha / 2, n - 1) * max(sd, step / 6**0.5) / n**0.5
        low, high = mean - half, mean + half
        # Scores move in steps: the SD of a difference as large as the region, and half a step.
        sd = max(sd, step / 6**0.5, (rope * step) ** 0.5)
        kept = n - lost
        if lost and kept > 1:
            own = np.delete(d, np.flatnonzero(d == 0)[:lost])
            spread = (
                0.0 if np.ptp(own) <= 1e-9 * max(np.abs(own).max(), 1e-300) else own.std(ddof=1)
            )
            sd = max(float(spread), step / 6**0.5, (rope * step) ** 0.5)
        over = abs(mean) * n / max(kept, 1) + step / (2 * max(kept, 1)) - rope
        told = sd and kept >= min(n, MIN_SEEDS)
        equivalent = stats.t.cdf(over * kept**0.5 / sd, kept - 1) if told else 1.0
        own = {"mean_difference": mean, "ci_low": float(low), "ci_high": float(high)}
        return own | {"p": sign_flip(d, scores), "equivalent": float(equivalent)}

    def disagreement(self, item: dict[str, Any], own: dict[str, Any], family: int) -> str:
        """How a comparison differs from its recount; empty where it does not."""
        if item["n"] not in (own["n"], 0) or item["family_size"] != family:
            return f"n is {item['n']} (family {item['family_size']}), counted {own['n']} ({family})"
        scale = max(abs(own.get("ci_high", 0)), abs(own.get("ci_low", 0)), 1e-12)
        near = {"mean_difference": scale, "ci_low": scale, "ci_high": scale}
        tests = {} if own["refused"] else {"p": own["p"], "p_holm": own["p_holm"]}
        for name, size in {**near, **tests}.items():
            if name in own and not np.isclose(item[name], own[name], rtol=2e-3, atol=2e-5 * size):
                return f"{name} is {item[name]}, counted {own[name]}"
        verdict = self.verdict(item, own)
        return "" if item["verdict"] == verdict else (
            f"the verdict is {item['verdict']}, counted {verdict}"
        )  # fmt: skip

    def verdict(self, item: dict[str, Any], own: dict[str, Any]) -> str:
        """The verdict in its fixed order."""
        if own["refused"]:
            return "refused"
        terms, alpha = self.document["metrics"][item["metric"]], self.document["alpha"]
        limits = [own["ci_low"], own["ci_high"]]
        low, high = limits if terms["direction"] == "maximise" else [-x for x in limits[::-1]]
        significant = own["p_holm"] < alpha
        if significant and low > terms["rope"]:
            return "better"
        if significant and high < -terms["rope"]:
            return "worse"
        if own["equivalent"] < alpha:
            return "equivalent"
        if significant and (low > 0 or high < 0):
            return "better_unsized" if low > 0 else "worse_unsized"
        return "inconclusive"


def absent_comparisons(document: dict[str, Any], rows: pd.DataFrame) -> Iterator[str]:
    """Primary comparisons that the report lacks: every candidate, baseline and task has one."""
    there = {
        (item["task"], item["candidate"], item["baseline"])
        for item in document["comparisons"]
        if item["family"] == "primary"
    }
    losses = {*rows["loss"], *(run["loss"] for run in document["missing"])}
    tasks = dict.fromkeys([*rows["task"], *(run["task"] for run in document["missing"])])
    for task in tasks:
        for candidate in document["candidates"]:
            for baseline in document["baselines"]:
                if {candidate, baseline} <= losses and (task, candidate, baseline) not in there:
                    yield f"report.json: {task}: {candidate} against {baseline} is not there"


def recount(folder: Path) -> tuple[str, list[str]]:
    """A line that says how much agrees, and a line for everything that does not."""
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    rows = _read(folder / "rows.csv")
    path = folder / "configurations.csv"
    every = _read(path) if path.exists() else None
    wrong_rows = [] if every is None else list(check_rows(document, every, rows))
    wrong = [*Recount(document, rows, every).check()]
    absent = list(absent_comparisons(document, rows))
    total = len(document["comparisons"])
    agreed = len(rows) - sum("not there" not in line for line in wrong_rows)
    chosen = f"rows: {agreed} of {len(rows)}" if every is not None else (
        f"rows: {len(rows)}, of which nothing was chosen here"
    )  # fmt: skip
    line = f"{chosen}; comparisons: {total - len(wrong)} of {total + len(absent)}"
    return line, [*wrong_rows, *wrong, *absent]


def _read(path: Path) -> pd.DataFrame:
    """A CSV file with its names as they are written: a loss may be called NA."""
    names = dict.fromkeys((*UNIT, "policy", "status"), str)
    return pd.read_csv(path, dtype=names, keep_default_na=False, na_values={
        name: [""] for name in pd.read_csv(path, nrows=0) if name not in names
    })  # fmt: skip


def main() -> int:
    """Recount the folder that is named on the command line."""
    if len(sys.argv) != 2:
        print("usage: python tests/recount.py REPORT_FOLDER", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    if not (folder / "report.json").is_file():
        print(f"{folder}: is no report's folder: it has no report.json", file=sys.stderr)
        return 2
    line, wrong = recount(folder)
    print(line)
    for each in wrong[:SHOWN]:
        print(each)
    if len(wrong) > SHOWN:
        print(f"... and {len(wrong) - SHOWN} more")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
