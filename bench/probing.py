"""A probe of a mixture of tasks, before anything is evolved on it: do laws set by hand gain and
lose on it what they gain and lose on a reference set that is kept for this?

Evolution finds what its tasks reward and nothing that they do not punish. Each law is trained on
the experiment's families and on the reference under the same regimes, paired with cross-entropy,
each at its own best rate per task by inner_valid; gains are measured on outer_valid. A test split
is never drawn.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.cells.seeds import Purpose, seed_for
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.running.intervals import mean_and_half_width
from bench.tasks.resolve import TaskRef, resolve
from bench.workers.pool import Pool
from bench.workers.progress import Reporter
from mln.laws import SCHEDULE, Exponent, adaptive, law
from mln.random import child

if TYPE_CHECKING:
    from mln.pieces import Draw, Piece, Trained

CLEAN = "clean"
MIXTURE, REFERENCE = "mixture", "reference"
SIDES = (MIXTURE, REFERENCE)
TASK, LEARNER = 0, 1

LAWS: dict[str, Mapping[str, Exponent]] = {
    "q .3": {"q": 0.3},
    "q .5": {"q": 0.5},
    "q .7": {"q": 0.7},
    "eps .1": {"eps": 0.1},
    "gamma 2": {"gamma": 2.0},
    "tau 1": {"tau": 1.0},
    "q .3, tau 1": {"q": 0.3, "tau": 1.0},
    "eps .1, tau 1": {"eps": 0.1, "tau": 1.0},
    "robust": {"q": 0.3, "eps": 0.1, "tau": 1.0},
    "robust, q .5": {"q": 0.5, "eps": 0.1, "tau": 1.0},
    "robust, q .7": {"q": 0.7, "eps": 0.1, "tau": 1.0},
    "robust_schedule": {"q": SCHEDULE, "eps": 0.1, "tau": 1.0},
}
"""Exponents of the adaptive loss: GCE (q), label smoothing (eps), focal (gamma), logit adjustment
by the running class frequencies (tau), alone and together."""

FORM = adaptive("progress", "drop")

SHOWN_SHARE = 0.5
"""Of a gain or a loss of the reference: a mixture that has as much shows it, on few tasks too."""


class Gain(NamedTuple):
    """Mean gain over cross-entropy (fractions; nats for nll) and its 95 % t interval over tasks."""

    gain: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of 0, else 0."""
        return int(self.low > 0) - int(self.high < 0)


class Unseen(NamedTuple):
    """What the reference shows of a law and the mixture does not: its interval lies beside 0, and
    the mixture has neither an interval on the same side nor SHOWN_SHARE of its gain.

    what: `loss` (not punished) or `gain` (not rewarded); contradicted: whether the mixture shows
    the opposite. Intervals are unadjusted.
    """

    law: str
    what: str
    contradicted: bool
    mixture: Gain
    reference: Gain


@dataclass(frozen=True)
class RegimeProbe:
    """One regime: the gains of each law on both sides, and how well the two orders agree.

    rank_correlation: Spearman's, over laws; None where one side has no order. agreement: that of
    the reference's even and odd tasks, the most that so few tasks can show.
    """

    regime: str
    tasks: int
    mixture: tuple[str, ...]
    reference: str
    gains: dict[str, dict[str, Gain]]
    rank_correlation: float | None
    agreement: float | None
    unseen: tuple[Unseen, ...]

    def as_row(self) -> dict[str, Any]:
        """JSON."""
        return {
            "regime": self.regime,
            "tasks": self.tasks,
            "mixture": list(self.mixture),
            "reference": self.reference,
            "laws": [
                {"law": name, **{side: gains[side]._asdict() for side in SIDES}}
                for name, gains in self.gains.items()
            ],
            "rank_correlation": self.rank_correlation,
            "agreement_of_halves": self.agreement,
            "unseen": [
                {
                    **entry._asdict(),
                    MIXTURE: entry.mixture._asdict(),
                    REFERENCE: entry.reference._asdict(),
                }
                for entry in self.unseen
            ],
        }


class Plan(NamedTuple):
    """A regime, the experiment's tasks under it and the reference under it."""

    regime: str
    mixture: tuple[TaskRef, ...]
    reference: TaskRef

    def draws(self, root: int, side: str, tasks: int) -> "Iterator[Draw]":
        """So many tasks of one side, the mixture's from its families in turn."""
        from mln.pieces import Draw

        refs = self.mixture if side == MIXTURE else (self.reference,)
        sources = [ref.source(test=False) for ref in refs]
        # By name: a regime's tasks do not depend on the others.
        place = zlib.crc32(self.regime.encode())
        for k in range(tasks):
            seed = seed_for(root, Purpose.PROBE, place, SIDES.index(side), k)
            task = sources[k % len(sources)](child(seed, TASK))
            yield Draw(task, 0.0, child(seed, LEARNER))


def plans(experiment: Experiment, reference: str) -> list[Plan]:
    """What is probed: each regime of the experiment's families, in their order.

    Raises InputError where there is no evolution, and where the reference is one of its families
    or cannot have one of their regimes.
    """
    if experiment.evolution is None:
        raise InputError(f"experiment {experiment.name}: has no [evolution] section to probe")
    base = resolve(reference)
    if base.regimes:
        raise InputError(f"--reference {reference}: name a task without regimes")
    by_regime: dict[str, list[TaskRef]] = {}
    for name in experiment.evolution.families:
        ref = resolve(name)
        if ref.family.stem == base.family.stem:
            raise InputError(f"--reference {reference}: evolution draws from it ({ref.name})")
        by_regime.setdefault(ref.regime, []).append(ref)
    return [
        Plan(regime or CLEAN, tuple(refs), resolve("+".join(filter(None, [base.name, regime]))))
        for regime, refs in by_regime.items()
    ]


def probe(
    experiment: Experiment, planned: Sequence[Plan], tasks: int, pool: Pool, reporter: Reporter
) -> list[RegimeProbe]:
    """Train all laws and cross-entropy on `tasks` tasks of each side of each regime.

    A pure function of the experiment's learner, training, fitness metric, rates of tuning and root
    seed, of the regimes' tasks and of the kernel. Raises `WorkerDied` or what a rollout raised.
    """
    from mln.fitness import tuned_gain
    from mln.pieces import FitnessProtocol

    assert experiment.evolution is not None
    settings = experiment.evolution.settings
    protocol = FitnessProtocol.of(settings, FORM, experiment.device, experiment.kernel)
    genomes = np.array([law(FORM, **exponents).genome for exponents in LAWS.values()], np.float32)
    places = [(plan, side) for plan in planned for side in SIDES]
    draws = [d for plan, side in places for d in plan.draws(experiment.seed, side, tasks)]
    rates = sorted(experiment.tuning.rates)
    learners = (len(LAWS) + 1) * len(draws) * len(rates)
    reporter.phase(f"probe {len(LAWS)} laws", learners * settings.training.steps)
    spread = Reported(pool, reporter)
    gain = tuned_gain(genomes, draws, rates, protocol, map=spread).gain
    by_place = gain.reshape(len(LAWS), len(planned), len(SIDES), tasks)
    return [compared(plan, by_place[:, at]) for at, plan in enumerate(planned)]


def compared(plan: Plan, gain: NDArray[np.float64]) -> RegimeProbe:
    """What a regime's gains [laws, 2 sides, tasks] say."""
    gains = {
        name: {side: _mean(gain[row, column]) for column, side in enumerate(SIDES)}
        for row, name in enumerate(LAWS)
    }
    unseen = [
        Unseen(
            name,
            "gain" if at[REFERENCE].sign > 0 else "loss",
            at[MIXTURE].sign == -at[REFERENCE].sign,
            at[MIXTURE],
            at[REFERENCE],
        )
        for name, at in gains.items()
        if at[REFERENCE].sign != 0
        and at[MIXTURE].sign != at[REFERENCE].sign
        and at[MIXTURE].gain / at[REFERENCE].gain < SHOWN_SHARE
    ]
    means = gain.mean(2)
    halves = [gain[:, 1, start::2].mean(1) for start in (0, 1)]
    return RegimeProbe(
        plan.regime,
        gain.shape[2],
        tuple(ref.name for ref in plan.mixture),
        plan.reference.name,
        gains,
        rank_correlation(means[:, 0], means[:, 1]),
        rank_correlation(*halves),
        tuple(sorted(unseen, key=lambda entry: -abs(entry.reference.gain))),
    )


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Spearman's, of two orders of the same laws; None where all of one are equal."""
    from scipy.stats import spearmanr

    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic)


def mean_correlation(probes: Sequence[RegimeProbe]) -> float | None:
    """The mean over regimes of those rank correlations that there are."""
    known = [each.rank_correlation for each in probes if each.rank_correlation is not None]
    return float(np.mean(known)) if known else None


def _mean(gains: NDArray[np.float64]) -> Gain:
    mean, half = mean_and_half_width(gains.tolist())
    assert mean is not None
    assert half is not None
    return Gain(mean, mean - half, mean + half)


class _Numbered(NamedTuple):
    number: int
    piece: "Piece"


def _train(job: _Numbered) -> "Trained":
    from mln.pieces import train_piece

    return train_piece(job.piece)


class Reported:
    """`mln.pieces.Map` on a pool that says how far it is."""

    def __init__(self, pool: Pool, reporter: Reporter) -> None:
        self.pool, self.reporter = pool, reporter

    def __call__(self, _work: Any, pieces: "Iterable[Piece]") -> "Iterator[Trained]":
        """Train all pieces; return when the last one is done."""
        jobs = [_Numbered(number, piece) for number, piece in enumerate(pieces)]
        results: dict[int, Trained] = {}
        for finished in self.pool.run(_train, jobs):
            if finished.error is not None:
                raise finished.error
            piece = finished.job.piece
            learners = (len(piece.genomes) + 1) * piece.rates.size
            self.reporter.advance(learners * piece.protocol.training.steps)
            results[finished.job.number] = finished.result  # type: ignore[assignment]
        return iter([results[job.number] for job in jobs])
