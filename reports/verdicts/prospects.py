"""What an experiment of the declared size cannot show, whatever it finds: said before it runs."""

from bench.experiment.model import Experiment

MIN_RUNS = 6
"""Independent evolution runs below which nothing is claimed about the method."""


def lowest_p(n: int, family: int) -> float:
    """The smallest Holm p that n pairs can give the most significant of a family's comparisons.

    An exact sign-flip test of n pairs has 2^n outcomes, two of which are extreme.
    """
    return min(1.0, family * 2.0 ** (1 - n))


def enough(family: int, alpha: float) -> int:
    """The fewest pairs with which a comparison of such a family can be significant."""
    return next(n for n in range(2, 1000) if lowest_p(n, family) < alpha)


def prospects(experiment: Experiment) -> list[str]:
    """A sentence for each kind of claim that the experiment is too small for."""
    benchmark, report = experiment.benchmark, experiment.report
    if benchmark is None:
        return []
    runs = len(experiment.evolved_losses())
    candidates = len(experiment.candidates())
    places = len(benchmark.tasks) * len(report.baselines)
    sentences = [
        shortfall(
            benchmark.seeds, places * candidates, report.alpha,
            "paired seeds", "primary comparisons", "benchmark.seeds",
        )
    ]  # fmt: skip
    if runs >= MIN_RUNS:
        sentences.append(
            shortfall(
                runs, places, report.alpha,
                "evolution runs", "comparisons of the method", "evolution.runs",
            )
        )  # fmt: skip
    return [sentence for sentence in sentences if sentence]


def shortfall(n: int, family: int, alpha: float, units: str, comparisons: str, key: str) -> str:
    """Why nothing can be shown with n units, and how many could; empty where something can."""
    if not family or lowest_p(n, family) < alpha:
        return ""
    return (
        f"{n} {units} are too few for {family} {comparisons}: no Holm p can fall below "
        f"{lowest_p(n, family):.2g}, so nothing can be shown, however large it is; it takes "
        f"{enough(family, alpha)} ({key})"
    )
