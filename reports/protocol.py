"""How the experiment was run, in words, and what it takes to run it again."""

import importlib.metadata
import json
from typing import Any

from bench.experiment import TuningSection
from reports.load import ReportData
from reports.wording import PLUS_MINUS, counted, listed, unit_of

LIBRARIES = ("numpy", "scipy", "statsmodels", "pandas", "matplotlib")


def protocol(data: ReportData) -> list[str]:
    """What is paired, what a seed resamples, which split serves what, and what was declared."""
    experiment = data.experiment
    report, tuning, benchmark = experiment.report, experiment.tuning, experiment.benchmark
    unit = unit_of(report.metric)
    paragraphs = [
        "Every loss is trained on the same tasks from the same initial weights on the same "
        "batches: for a given task and test seed only the loss (and, where it is tuned, its "
        "learning rate and its own parameter) differs. A difference is taken within such a pair, "
        "and the test seed is the unit of replication. The seeds of evolution, tuning, studies "
        "and tests are disjoint by construction.",
        "A task has four disjoint splits: learners are trained on train; inner validation chose "
        "learning rates and parameters; outer validation gave evolution and studies their "
        "fitness; test was used for these numbers only. A regime (label noise, imbalance, few "
        "labels) changes the training split alone; validation and test labels are clean, except "
        "that a task named with valid=noisy has the training noise on inner validation too.",
        "Metrics: accuracy is measured after the last step; accuracy_selected at the step with "
        "the best inner-validation accuracy; area is the mean along the learning curve, which "
        "rewards fast convergence. All three are test accuracies.",
        tuning_in_words(tuning),
        f"Declared before the run: metric {report.metric} ({report.direction}), region of "
        f"practical equivalence {PLUS_MINUS}{unit.value(report.rope)} {unit.difference}, level "
        f"{report.alpha:g}, score of a diverged run {unit.value(report.worst)}, baselines "
        f"{listed(list(report.baselines))}.",
        "Verdicts, in this order: refused (seeds missing, fewer than 6 pairs, unequal tuning "
        "budgets); better or worse (Holm p below the level and the whole interval beyond the "
        "region); equivalent (two one-sided tests); better or worse, size uncertain (Holm p below "
        "the level, the interval reaches into the region); inconclusive. For the last, the "
        "detectable difference is planned from the spread of the differences at the strictest "
        "level of Holm's procedure, never from the observed effect.",
    ]
    if benchmark:
        training = benchmark.training
        paragraphs.insert(
            1,
            f"Learner: multi-layer perceptron with hidden layers "
            f"{', '.join(map(str, benchmark.learner.hidden)) or 'none'}; "
            f"{training.optimizer}, {training.steps} steps of {training.batch_size} examples; "
            f"{counted(benchmark.seeds, 'test seed')} per task.",
        )
    return paragraphs


def tuning_in_words(tuning: TuningSection) -> str:
    """What every loss was tried at, and what the comparison at a common rate leaves untuned."""
    rates = (
        f"{counted(len(tuning.rates), 'learning rate')} "
        f"({listed([f'{rate:g}' for rate in tuning.rates])})"
    )
    where = f"on {counted(tuning.seeds, 'tuning seed')} per task"
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


def reproduction(data: ReportData) -> dict[str, Any]:
    """Root seed, fingerprint and library versions of this report."""
    return {
        "root_seed": data.experiment.seed,
        "report_versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "configuration": json.loads(data.experiment.model_dump_json()),
    }
