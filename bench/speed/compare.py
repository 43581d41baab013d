"""The comparison: all designs in turn, round after round, each in a process of its own.

Every design is pinned to the same processor and one thread. A design counts only if the weights
it trains are those of the naive loop.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median
from typing import NamedTuple

import numpy as np

from bench.speed.cases import Case, workload
from bench.speed.torch_peers import accuracy
from bench.speed.worker import MadeVariant, Prepared, SpeedJob, measure, prepare, sgemm_peak
from bench.workers.pool import WorkerPool
from bench.workers.processes import default_jobs
from bench.workers.progress import Reporter

DESIGNS = ("naive", "vmap", "reference", "analytic", "fused", "jax")
COMPILED = ("fused", "jax")
WEIGHT_TOLERANCE = 1e-2
ACCURACY_TOLERANCE = 0.02
"""Rounding grows in training: SGD's weights have been seen 5e-4 of their way from naive's. Of Adam
the median member's weights are compared, and every member's accuracy: where a gradient is all
rounding, Adam makes a step of it."""


class SpeedSettings(NamedTuple):
    """designs: among DESIGNS. repeats: rounds. seconds: of one design's measurement in a round."""

    designs: Sequence[str] = DESIGNS
    optimizers: Sequence[str] = ("sgd", "adam")
    repeats: int = 5
    seconds: float = 0.5


@dataclass(frozen=True)
class SpeedRow:
    """The speed of one design: medians over the rounds, and the slowest and fastest round, all per
    second of processor time.

    share_of_peak: of the rate of torch.mm in the same run, counting the learner's products alone.
    compile_seconds: of `fused`, its build with an empty cache, and `warm_seconds` with the library
    there; of `jax`, of the variant measured. break_even_member_steps: after so many the
    compilation is paid for, against the fastest design without one; None if it never is.
    variants: the shortest call of each variant, in member-steps per second.
    """

    case: str
    optimizer: str
    design: str
    member_steps_per_s: float
    slowest: float
    fastest: float
    ratio_to_naive: float
    ratio_to_jax: float | None
    share_of_peak: float
    first_call_seconds: float
    compile_seconds: float | None
    warm_seconds: float | None
    break_even_member_steps: int | None
    variant: str
    variants: dict[str, float]
    sgemm_gflops: float


class SpeedComparison(NamedTuple):
    """Rows, what is missing and why, and what computes something else than naive.

    load: processes that wanted a processor in the last minute, and how many there are.
    """

    rows: list[SpeedRow]
    missing: list[str]
    wrong: list[str]
    load: float = 0.0
    processors: int = 1


def compare(
    cases: Mapping[str, Case], settings: SpeedSettings, reporter: Reporter
) -> SpeedComparison:
    """Measure every design on every case; `naive`, the yardstick, always among them.

    Raises what a measurement raises, and RuntimeError where its process dies.
    """
    designs = [name for name in DESIGNS if name in settings.designs or name == "naive"]
    comparison = SpeedComparison([], [], [])
    rounds = len(cases) * len(settings.optimizers) * (settings.repeats + 1)
    reporter.phase("speed", rounds * len(designs))
    with ExitStack() as stack:
        pools = {name: stack.enter_context(WorkerPool(1)) for name in designs}
        for letter, case in cases.items():
            for optimizer in settings.optimizers:
                measured = _Measured(letter, case, optimizer, settings, pools, reporter)
                measured.prepare(comparison)
                measured.run()
                comparison.rows.extend(measured.rows())
    return comparison._replace(load=os.getloadavg()[0], processors=default_jobs())


class _Measured:
    """One case under one optimiser."""

    def __init__(
        self,
        letter: str,
        case: Case,
        optimizer: str,
        settings: SpeedSettings,
        pools: Mapping[str, WorkerPool],
        reporter: Reporter,
    ) -> None:
        self.letter, self.case, self.optimizer, self.settings = letter, case, optimizer, settings
        self.pools, self.reporter = pools, reporter
        self.made: dict[str, dict[str, MadeVariant]] = {}
        self.flops = 0
        self.rates: dict[str, dict[str, list[float]]] = {}
        self.peaks: list[float] = []

    def job(self, design: str) -> SpeedJob:
        return SpeedJob(design, self.case, self.optimizer, self.settings.seconds)

    def prepare(self, comparison: SpeedComparison) -> None:
        """Make all designs, and keep those that train what naive trains."""
        where = f"case {self.letter}, {self.optimizer}"
        for design in self.pools:
            prepared = self._ask(design)
            self.reporter.advance(1, f"{where}: {design}")
            if isinstance(prepared, str) or prepared.obstacle is not None:
                reason = prepared if isinstance(prepared, str) else prepared.obstacle
                comparison.missing.append(f"{design}, {where}: {reason}")
                continue
            self.made[design], self.flops = prepared.made, prepared.flops
            for variant, made in prepared.made.items():
                reason = self._difference(made)
                if reason is not None:
                    comparison.wrong.append(
                        f"{design} ({variant}), {where}: {reason}; no speed shown"
                    )
                    del self.made[design]
                    break

    def _ask(self, design: str) -> Prepared | str:
        for finished in self.pools[design].run(prepare, [self.job(design)]):
            if finished.result is not None:
                return finished.result
            return str(finished.error).splitlines()[0] if str(finished.error) else "it failed"
        raise AssertionError("a pool ends every job")

    def _difference(self, made: MadeVariant) -> str | None:
        """How weights differ from naive's by more than rounding, or None."""
        (naive,) = self.made["naive"].values()
        return difference(self.case, self.optimizer, made.weights, naive.weights)

    def run(self) -> None:
        """Round after round, every design once. Raises what a measurement raised."""
        for number in range(self.settings.repeats):
            note = f"case {self.letter}, {self.optimizer}, round {number + 1}"
            for design in self.pools:
                self.reporter.advance(1, note)
                if design not in self.made:
                    continue
                for finished in self.pools[design].run(measure, [self.job(design)]):
                    if finished.result is None:
                        raise finished.error or RuntimeError(design)
                    for variant, rate in finished.result.items():
                        self.rates.setdefault(design, {}).setdefault(variant, []).append(rate)
            for peak in self.pools["naive"].run(_peak, [0]):
                if peak.result is not None:
                    self.peaks.append(peak.result)

    def rows(self) -> list[SpeedRow]:
        """What was measured, in the order of DESIGNS."""
        best = {
            design: max((median(rates), name) for name, rates in variants.items())[1]
            for design, variants in self.rates.items()
        }
        rate = {design: median(self.rates[design][name]) for design, name in best.items()}
        builds = build_seconds(self.case, self.optimizer) if "fused" in best else None
        plain = max(value for design, value in rate.items() if design not in COMPILED)
        members = self.case.members * self.case.steps
        rows = []
        for design, variant in best.items():
            made = self.made[design]
            compiling = made[variant].compile_seconds or None
            if design == "fused" and builds is not None:
                compiling = builds.cold
            rows.append(
                SpeedRow(
                    case=self.letter,
                    optimizer=self.optimizer,
                    design=design,
                    member_steps_per_s=rate[design],
                    slowest=min(self.rates[design][variant]),
                    fastest=max(self.rates[design][variant]),
                    ratio_to_naive=rate[design] / rate["naive"],
                    ratio_to_jax=rate[design] / rate["jax"] if "jax" in rate else None,
                    share_of_peak=rate[design] * self.flops / median(self.peaks),
                    first_call_seconds=made[variant].first_call_seconds,
                    compile_seconds=compiling,
                    warm_seconds=builds.warm if design == "fused" and builds else None,
                    break_even_member_steps=break_even(compiling, rate[design], plain),
                    variant=variant,
                    variants={name: members / one.call_seconds for name, one in made.items()},
                    sgemm_gflops=median(self.peaks) / 1e9,
                )
            )
        return rows


def difference(case: Case, optimizer: str, weights: np.ndarray, expected: np.ndarray) -> str | None:
    """How final weights [P, W] differ from those expected by more than rounding, or None."""
    work = workload(case, optimizer)
    start = work.problem.initial[work.members.slot]
    if weights.shape != expected.shape:
        return f"weights of shape {weights.shape}, not {expected.shape}"
    way = np.linalg.norm(expected - start, axis=1)
    apart = np.linalg.norm(weights - expected, axis=1) / way
    worst = float(apart.max() if optimizer == "sgd" else np.median(apart))
    if not worst <= WEIGHT_TOLERANCE:
        return f"final weights differ from naive's by {worst:.1e} of their way"
    accuracies = [accuracy(work.problem, rows) for rows in (weights, expected)]
    largest = float(np.abs(accuracies[0] - accuracies[1]).max())
    if not largest <= ACCURACY_TOLERANCE:
        return f"accuracies differ from naive's by {largest:.3f}"
    return None


def break_even(seconds: float | None, rate: float, plain: float) -> int | None:
    """Member-steps after which `seconds` of compilation are paid for: seconds + n / rate equals
    n / plain. None without a compilation, or where the compiled design is not faster."""
    if seconds is None or rate <= plain:
        return None
    return round(seconds / (1 / plain - 1 / rate))


class Builds(NamedTuple):
    """Seconds of processor time until the compiled kernel is ready: with an empty cache, and with
    its library there."""

    cold: float
    warm: float


BUILD = """
import os, sys
from mln.kernels.native.build import Variant
from mln.kernels.native.interface import Trainer, unavailable
variant = Variant(sys.argv[1] == "adam", sys.argv[2])
before = os.times()
assert unavailable() is None
Trainer(variant, None)
print(sum(os.times()[:4]) - sum(before[:4]))  # its own and its compiler's
"""


def build_seconds(case: Case, optimizer: str) -> Builds | None:
    """Build the compiled kernel of a case in a cache of its own, twice; None where that fails."""
    from mln.kernels.native.job import variant_of

    front = variant_of(workload(case, optimizer).problem).front
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", BUILD, optimizer, front]
        seconds = []
        for _ in range(2):
            done = subprocess.run(
                command, env={**os.environ, "MLN_CACHE": cache}, capture_output=True, text=True
            )
            if done.returncode != 0:
                return None
            seconds.append(float(done.stdout))
    return Builds(*seconds)


def _peak(_: int) -> float:
    return sgemm_peak()


def as_dicts(rows: Sequence[SpeedRow]) -> list[dict[str, object]]:
    """Rows for JSON."""
    return [asdict(row) for row in rows]


def table(rows: Sequence[SpeedRow]) -> list[dict[str, object]]:
    """Rows for reading."""
    return [
        {
            "case": row.case,
            "optimizer": row.optimizer,
            "design": row.design,
            "member-steps/s": round(row.member_steps_per_s),
            "x naive": f"{row.ratio_to_naive:.2f}",
            "x JAX": None if row.ratio_to_jax is None else f"{row.ratio_to_jax:.2f}",
            "of sgemm peak": f"{row.share_of_peak:.0%}",
            "first call s": f"{row.first_call_seconds:.2f}",
            "compile s": None if row.compile_seconds is None else f"{row.compile_seconds:.2f}",
            "cached s": None if row.warm_seconds is None else f"{row.warm_seconds:.3f}",
            "break-even member-steps": row.break_even_member_steps,
            "variant": row.variant if row.design == "jax" else None,
        }
        for row in rows
    ]
