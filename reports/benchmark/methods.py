"""The methods paragraphs of a significance report, written from what was declared and done.

Citations are keys of references.bib, as [@holm1979].
"""

from bench.experiment.sections import TuningSection
from reports.benchmark.given_text import given_methods
from reports.benchmark.material import Material
from reports.data.given.data import GivenData
from reports.data.model import REACHED
from reports.page.wording import PLUS_MINUS, counted, listed, unit_of
from reports.verdicts.gate import MIN_SEEDS
from reports.verdicts.prospects import MIN_RUNS
from reports.verdicts.sentences import COARSE


def methods(material: Material) -> list[str]:
    """What is paired, what a seed resamples, what was declared, and how it was decided."""
    data = material.data
    if isinstance(data, GivenData):
        paragraphs = given_methods(data)
    else:
        paragraphs = [_design(material), _splits(material), tuning_in_words(_tuning(material))]
    paragraphs += [_tests(material), _verdicts(), *_wider(material)]
    return [text for text in paragraphs if text]


def _tuning(material: Material) -> TuningSection:
    return material.data.experiment.tuning


def _design(material: Material) -> str:
    data = material.data
    benchmark = data.experiment.benchmark
    text = (
        f"We compared {listed(list(data.candidates))} with "
        f"{listed(list(data.experiment.report.baselines))} "
        f"on {counted(len(data.tasks), 'task')} (Adaptive Meta-Loss Networks [@yunita2026]). "
        "Every loss is trained on the same tasks from the same initial weights on the same "
        "batches: for a given task and test seed only the loss (and, where it is tuned, its "
        "learning rate and its own parameter) differs. A difference is taken within such a pair, "
        "and the test seed is the unit of replication. The seeds of evolution, studies and "
        "tests are disjoint by construction."
    )
    if data.saved:
        several = len(data.saved) > 1
        text += (
            f" {listed(list(data.saved))} {'were' if several else 'was'} read from "
            f"{'files' if several else 'a file'} and not evolved here: "
            f"{'each is one fixed loss' if several else 'it is one fixed loss'}, which is judged "
            "over test seeds and counts in no claim about the method."
        )
    if benchmark:
        training = benchmark.training
        text += (
            f" Learner: {listed(list(dict.fromkeys(data.plan['learner'])))}; "
            f"{training.optimizer}, {training.steps} steps of {training.batch_size} examples; "
            f"{counted(benchmark.seeds, 'test seed')} per task."
        )
    return text


def _splits(material: Material) -> str:
    text = (
        "A task has four disjoint splits: learners are trained on train; inner validation chose "
        "learning rates and parameters; outer validation gave evolution and studies their "
        "fitness; test was used for these numbers only. A regime (label noise, imbalance, few "
        "labels) changes the training split alone; validation and test labels are clean, except "
        "that a task named with valid=noisy has the training noise on inner validation too. "
        "Accuracy is measured after the last step; accuracy_selected at the step with "
        "the best inner-validation accuracy; area is the mean along the learning curve, which "
        "rewards fast convergence."
    )
    if REACHED in material.data.rows:
        text += (
            " Time to tuned CE's accuracy is the first recorded step at which a run has the mean "
            "final test accuracy of tuned CE on its task; a run that never gets there, or "
            "diverges, counts with its whole budget, so that the mean is a restricted mean and "
            "paired tests apply to it; curves are Kaplan-Meier estimates [@kaplan1958]."
        )
    return text


def _tests(material: Material) -> str:
    report = material.data.experiment.report
    unit = unit_of(report.metric)
    return (
        f"Declared {'for this report' if material.data.is_given else 'before the run'}: "
        f"metric {report.metric} ({report.direction}), region of "
        f"practical equivalence {PLUS_MINUS}{unit.value(report.rope)} {unit.difference}, level "
        f"{report.alpha:g}, score of a diverged run {unit.value(report.worst)}, baselines "
        f"{listed(list(report.baselines))}. Differences were tested with the two-sided sign-flip "
        "permutation test [@fisher1935], computed exactly [@pagano1983], with Wilcoxon's "
        "signed-rank test [@wilcoxon1945] as a sensitivity analysis, and corrected after Holm "
        f"[@holm1979] over the {counted(len(material.primary), 'comparison')} of the primary "
        "family; every secondary family is corrected by itself. Intervals are t intervals of the "
        "mean difference, not corrected. Equivalence was tested with two one-sided t tests "
        f"[@schuirmann1987]{COARSE}; d_z is the mean over the standard deviation of the "
        "differences [@lakens2013]."
    )


def _verdicts() -> str:
    return (
        "Verdicts, in this order: refused (seeds missing, fewer than "
        f"{MIN_SEEDS} pairs, unequal tuning budgets); better or worse (Holm p below the level "
        "and the whole interval beyond the region); equivalent (two one-sided tests); better or "
        "worse, size uncertain (Holm p below the level, the interval reaches into the region); "
        "inconclusive. For the last, the detectable difference is planned from the spread of the "
        "differences at the strictest level of Holm's procedure, never from the observed effect. "
        "Diverged runs keep their pair with the declared worst score."
    )


def _wider(material: Material) -> list[str]:
    paragraphs = []
    if material.claims:
        runs = len(material.data.evolved)
        paragraphs.append(
            "A claim about the method, rather than about one evolved loss, treats both evolution "
            "runs and test seeds as drawn [@clark1973]"
            + (
                "."
                if runs >= MIN_RUNS
                else f"; it takes at least {MIN_RUNS} independent runs, and with {runs} is "
                "descriptive."
            )
        )
    across = material.across
    if across:
        text = (
            "Over all tasks, interquartile means and probabilities of improvement have percentile "
            f"bootstrap intervals ({len(across.weights):,} resamples), stratified by task and "
            "paired by seed [@agarwal2021]. A claim about new tasks takes the task, mean over its "
            "seeds, as the unit, with Wilcoxon's test; pooled differences come from a "
            "random-effects model [@paule1982]."
        )
        if across.friedman:
            text += (
                " Losses were ranked after Friedman, with Nemenyi's critical difference "
                "[@demsar2006], and compared by the Bayesian signed-rank test [@benavoli2017]."
            )
        paragraphs.append(text)
    return paragraphs


def tuning_in_words(tuning: TuningSection) -> str:
    """What every loss was tried at, and what the comparison at a common rate leaves untuned."""
    rates = (
        f"{counted(len(tuning.rates), 'learning rate')} "
        f"({listed([f'{rate:g}' for rate in tuning.rates])})"
    )
    where = (
        "on every test seed, and each seed took what was best by "
        f"{tuning.metric.replace('_', ' ')} on its own inner validation split: a seed is one "
        "whole run of the procedure, so that the luck of tuning is inside every interval and the "
        "sign-flip test is exact for the procedure, tuning included"
    )
    common = f"the common-rate comparison uses {tuning.common_rate:g} for every loss"
    values = tuning.parameter_values
    if values == 1:
        return (
            f"Tuning: every loss was tried at {rates} {where}, with its own parameter, if it has "
            f"one, at its published default; {common}."
        )
    total = values * len(tuning.rates)
    return (
        f"Tuning: every loss was tried in {total} configurations {where}. A loss with a "
        f"parameter of its own was tried at {rates} times {values} declared values of it; a loss "
        f"without one at {total} rates, a finer geometric grid over the same span. For equal "
        f"scores the smaller rate was taken; {common}, with its parameter at the published "
        "default."
    )
