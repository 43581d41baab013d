"""Evaluations to a target: our search algorithms beside cma, evosax and evotorch.

    pip install -e '.[search-peers]'
    python -m measurements.search --out docs

Same population size, start, first step size and target for all; 11 seeds, each with its own
start. It writes search-algorithms.md and search.csv; a library that is not installed is left out,
and what search.csv already holds is not run again.
"""

import argparse
import csv
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from measurements.search_peers import PEER_SETTINGS, RUNNERS, population

SEED_COUNT = 11
MAX_GENERATIONS, PATIENCE, MIN_GAIN = 4000, 500, 0.01
ADAPTIVE = ("snes", "sep-cma-es")


def sphere(x: np.ndarray) -> np.ndarray:
    """Sum of squares [N] of points [N, D]."""
    return np.square(x).sum(1)


def ellipsoid(x: np.ndarray) -> np.ndarray:
    """Sum of squares [N] of points [N, D], with weights from 1 to 1e6."""
    return np.square(x) @ np.logspace(0, 6, x.shape[1])


def rosenbrock(x: np.ndarray) -> np.ndarray:
    """Rosenbrock's valley [N] at points [N, D] (Rosenbrock 1960)."""
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


def rastrigin(x: np.ndarray) -> np.ndarray:
    """Rastrigin's function [N] at points [N, D], with many local minima."""
    return (np.square(x) - 10 * np.cos(2 * np.pi * x) + 10).sum(1)


FUNCTIONS = {f.__name__: f for f in (sphere, ellipsoid, rosenbrock, rastrigin)}
PROBLEMS = [(name, d) for d in (10, 100, 1000) for name in FUNCTIONS]


class SearchCell(NamedTuple):
    """One algorithm of one library (`source`) on a function of some dimension."""

    algorithm: str
    function: str
    dimension: int
    source: str


def share_of(algorithm: str, function: str, dimension: int) -> float:
    """Target as a share of the start's value: one that the algorithm can reach.

    Steps that adapt go further than fixed or scheduled ones, and fewer than 100,000 evaluations
    go less far in 1,000 dimensions. Nobody finds Rastrigin's global minimum from one small
    population: a local one near the start has about a quarter of the start's value.
    """
    if function == "rastrigin":
        return 0.3
    if algorithm in ADAPTIVE:
        return 1e-2 if dimension == 1000 or function == "rosenbrock" else 1e-8
    return 0.1 if dimension == 1000 else 1e-2


def evaluations_to_target(cell: SearchCell) -> list[float]:
    """Evaluations of each seed, infinite where the target is not reached.

    The incumbent's own value is not counted. A run ends after `MAX_GENERATIONS`, or when its
    best value has not fallen by `MIN_GAIN` in `PATIENCE` generations.
    """
    warnings.simplefilter("ignore")
    function = FUNCTIONS[cell.function]
    run = RUNNERS[cell.source][0](cell.algorithm)
    size = population(cell.algorithm, cell.dimension)
    needed = []
    for seed in range(SEED_COUNT):
        start = np.random.default_rng([seed, cell.dimension]).uniform(-3, 3, cell.dimension)
        target = share_of(*cell[:3]) * function(start[None])[0]
        best, checked, used = np.inf, np.inf, np.inf
        for generation, point in enumerate(run(function, start, seed), 1):
            best = min(best, function(np.asarray(point, np.float64)[None])[0])
            if best <= target:
                used = generation * size
                break
            if generation % PATIENCE == 0:
                if generation >= MAX_GENERATIONS or best > (1 - MIN_GAIN) * checked:
                    break
                checked = best
        needed.append(used)
    return needed


def cells(libraries: list[str]) -> Iterator[SearchCell]:
    """All cells that these libraries can run."""
    for function, dimension in PROBLEMS:
        for algorithm in PEER_SETTINGS:
            for library in libraries:
                if algorithm in RUNNERS[library][1]:
                    yield SearchCell(algorithm, function, dimension, library)


def number(value: float, reached: int) -> str:
    """A median for a table, or how many seeds reached the target."""
    return f"{value:,.0f}" if np.isfinite(value) else f"not reached ({reached}/{SEED_COUNT})"


def table(evaluations: dict[SearchCell, list[float]], algorithm: str) -> Iterator[str]:
    """Markdown rows of one algorithm: medians, and ours divided by the best and worst peer's."""
    peers = [n for n in RUNNERS if n != "ours" and algorithm in RUNNERS[n][1]]
    yield (
        f"| function | dimension | population | target | ours | {' | '.join(peers)} | ours / peer |"
    )
    yield "|---" * 3 + "|---:" * (len(peers) + 3) + "|"
    for function, dimension in PROBLEMS:
        columns, ratios, own = [], [], np.inf
        for library in ("ours", *peers):
            runs = evaluations.get(SearchCell(algorithm, function, dimension, library))
            if runs is None:
                columns.append("not run")
                continue
            middle = median(runs)
            columns.append(number(middle, int(np.isfinite(runs).sum())))
            if library == "ours":
                own = middle
            elif np.isfinite(middle) and np.isfinite(own):
                ratios.append(f"{own / middle:.2f}")
        target = f"{share_of(algorithm, function, dimension):g}"
        row = (function, dimension, population(algorithm, dimension), target, *columns)
        yield f"| {' | '.join(map(str, row))} | {', '.join(ratios) or '-'} |"


def verdict(evaluations: dict[SearchCell, list[float]], algorithm: str) -> Iterator[str]:
    """In words: the largest ratio to a peer, and the targets that nobody reaches."""
    by_problem = {
        problem: {
            library: median(evaluations[cell])
            for library in RUNNERS
            if (cell := SearchCell(algorithm, *problem, library)) in evaluations
        }
        for problem in PROBLEMS
    }
    ratios = [
        (medians["ours"] / middle, library, problem)
        for problem, medians in by_problem.items()
        for library, middle in medians.items()
        if library != "ours" and "ours" in medians and np.isfinite(middle)
    ]
    if ratios:
        ratio, library, (function, dimension) = max(ratios)
        yield f"Largest ratio to a peer: {ratio:.2f} ({library}, {function}, {dimension})."
    nobody = [
        f"{function} {dimension}"
        for (function, dimension), medians in by_problem.items()
        if medians and not np.isfinite(list(medians.values())).any()
    ]
    if nobody:
        yield f"Reached in the median by nobody who was run: {', '.join(nobody)}."


HEAD = f"""# Search algorithms beside their peers

Median evaluations over {SEED_COUNT} seeds until the delivered point (a strategy's mean, a genetic
algorithm's best) reaches a share of the start's value, the target: a smaller one for SNES and
sep-CMA-ES, which adapt their step, than for the others; 0.3 on Rastrigin, whose local minima near
the start have about 0.25; a larger one in 1,000 dimensions. Starts are uniform in [-3, 3]^D, one
per seed, the same for all.
"Not reached (k/{SEED_COUNT})": only k runs came there within {MAX_GENERATIONS:,} generations; a run
that did not improve by {MIN_GAIN:.0%} in {PATIENCE} generations is ended. The ellipsoid has
condition 1e6 and its axes along the coordinates.
"Not run": the table was written before that cell was done; the command below completes it.
The last column divides our median by each peer's that reached the target, in the columns' order.

    pip install -e '.[search-peers]'
    python -m measurements.search --out docs
"""

NOTES = {
    "openai-es": "Step 0.1, Adam with rate 0.1. evosax: Open_ES with Adam. evotorch: PGPE with "
    "antithetic samples, centred ranks, Adam and a fixed step, which is the same algorithm.",
    "snes": "First step 1.",
    "sep-cma-es": "First step 1. cma: CMA-ES with CMA_diagonal. cma, evotorch and ours use "
    "negative weights too (active CMA), evosax does not. From 300 dimensions on cma and ours "
    "adapt the step size by two points.",
    "ga-truncation": "Best half as parents, no crossover, mutation 0.3 x 0.99 per generation, on "
    "all genes. evosax: SimpleGA, which has no elite; ours has one, the fewest it allows.",
    "ga-sbx": "Tournament of 4, SBX with index 10, mutation 0.1 on all genes. evotorch: "
    "GeneticAlgorithm, where the best half of parents and children together survives without a new "
    "evaluation; ours keeps half of the population and evaluates it again, as noise demands.",
}


def versions(libraries: list[str]) -> Iterator[str]:
    """The installed versions, of numpy and of these libraries."""
    for library in ("numpy", *libraries):
        try:
            yield f"{library} {version(library)}"
        except PackageNotFoundError:
            continue


def stored(out: Path) -> dict[SearchCell, list[float]]:
    """The cells of a search.csv written before, but for those whose target was another."""
    evaluations: dict[SearchCell, list[float]] = {}
    if (out / "search.csv").exists():
        with (out / "search.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                place = row["algorithm"], row["function"], int(row["dimension"])
                cell = SearchCell(*place, row["source"])
                if float(row.get("target", "nan")) == share_of(*cell[:3]):
                    evaluations.setdefault(cell, []).append(float(row["evaluations"] or "inf"))
    return evaluations


def write(out: Path, evaluations: dict[SearchCell, list[float]], libraries: list[str]) -> None:
    """search.csv with every run, search-algorithms.md with the medians."""
    with (out / "search.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*SearchCell._fields, "population", "target", "seed", "evaluations"])
        for cell in cells(libraries):
            for seed, used in enumerate(evaluations.get(cell, [])):
                size, target = population(cell.algorithm, cell.dimension), share_of(*cell[:3])
                rows.writerow([*cell, size, target, seed, int(used) if np.isfinite(used) else ""])
    parts = [HEAD, f"Versions: {', '.join(versions(libraries))}.\n"]
    for algorithm in PEER_SETTINGS:
        parts += [f"## {algorithm}\n", *table(evaluations, algorithm), ""]
        parts += [" ".join([*verdict(evaluations, algorithm), NOTES[algorithm]]) + "\n"]
    (out / "search-algorithms.md").write_text("\n".join(parts))


def main() -> None:
    """Read the arguments, run what is missing, write."""
    parser = argparse.ArgumentParser(description="Evaluations to a target, ours and the peers'.")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    libraries = [name for name in RUNNERS if name == "ours" or find_spec(name)]
    for name in sorted(set(RUNNERS) - set(libraries)):
        print(f"{name} is not installed: left out")
    evaluations = stored(options.out)
    missing = [cell for cell in cells(libraries) if cell not in evaluations]
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        waiting = {pool.submit(evaluations_to_target, cell): cell for cell in missing}
        for done in as_completed(waiting):
            cell = waiting[done]
            evaluations[cell] = done.result()
            runs = evaluations[cell]
            print(*cell, number(median(runs), sum(np.isfinite(runs))), flush=True)
            write(options.out, evaluations, libraries)
    write(options.out, evaluations, libraries)


if __name__ == "__main__":
    main()
