"""The objective: evolve with a trial's settings, judge the losses on frozen tasks.

What is judged is what `run` would deliver: where the experiment has families to validate on, the
genome that they choose.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from bench.experiment.model import EvolutionSection
from bench.experiment.study import BUDGET, AblateStudy, ConfirmStudy, ScreenStudy, StudyBase
from bench.running.evolution import evolved_from
from bench.tasks.resolve import mixture
from mln.evolution import (
    EvolutionResult,
    Execution,
    Generation,
    chosen,
    evolve,
)
from mln.pieces import FitnessProtocol
from mln.search.base import Genomes
from studies.judging import judge
from studies.outcome import FamilyGain, ReportValue, Run, TrialJob, TrialOutcome
from studies.plan import instances, points, space_of, study_of
from studies.seeds import EVOLVE, study_seed


class _Stopped(Exception):
    """A screen's trial is not worth its remaining budget."""


def evaluate(job: TrialJob, report: ReportValue) -> TrialOutcome:
    """Evaluate a trial: what it reports, and its value unless it is stopped, are a pure function
    of the job.

    Raises:
        ValueError: the parameters do not fit the experiment's settings.
    """
    # A trial's bits do not depend on the machine's cores.
    torch.set_num_threads(1)
    study = study_of(job.experiment)
    evolution = space_of(job.experiment).apply(job.params, budget=study.budget)
    if isinstance(study, ScreenStudy):
        return _screen(job, study, evolution, report)
    if isinstance(study, ConfirmStudy):
        return _confirm(job, study, evolution, report)
    assert isinstance(study, AblateStudy)
    return _ablate(job, study, evolution, report)


def _screen(
    job: TrialJob, study: ScreenStudy, evolution: EvolutionSection, report: ReportValue
) -> TrialOutcome:
    """One evolution with a seed of the slot's own, judged at each point of its budget.

    What is judged at a point is what a run of that budget would deliver. Choosing it by validation
    is paid for by the budget of that point, as in such a run; the later points do not pay for it.
    """
    settings = evolution.settings
    grid = (settings.budget,) if BUDGET in job.params else points(study)
    reserve = settings.validation_cost if evolution.validation else 0
    judged: list[tuple[FamilyGain, ...]] = []
    history: list[Generation] = []
    genomes: list[Genomes] = []
    stopped: list[_Delivered] = []

    def follow(generation: Generation, genome: Genomes) -> None:
        history.append(generation)
        genomes.append(genome)
        # As evolution itself ends: what a budget of this point would have delivered.
        reach = generation.member_steps + settings.generation_cost
        if len(judged) == len(grid) - 1 or reach <= grid[len(judged)] - reserve:
            return
        delivered = _delivered(job, study, evolution, history, genomes)
        gains = judge(job.experiment, study, evolution.loss, delivered.genome)
        while len(judged) < len(grid) - 1 and reach > grid[len(judged)] - reserve:
            judged.append(gains)
            if report(_mean(gains), grid[len(judged) - 1], True):
                stopped.append(delivered)
                raise _Stopped

    try:
        result = _evolve(job, study, evolution, job.slot, follow)
        genome, steps, history = result.genome, result.member_steps, result.history
        switch = result.handover.member_steps if result.handover else None
        judged.append(judge(job.experiment, study, evolution.loss, genome))
        report(_mean(judged[-1]), grid[-1], False)
    except _Stopped:
        genome, steps = stopped[0]
        switch = _switch(history)
    rows = [asdict(generation) for generation in history]
    run = Run(0, evolution.loss, genome, rows, switch, steps, judged[-1])
    values = tuple(_mean(gains) for gains in judged)
    return TrialOutcome(values[-1], len(values) < len(grid), grid[: len(values)], values, (run,))


def _confirm(
    job: TrialJob, study: ConfirmStudy, evolution: EvolutionSection, report: ReportValue
) -> TrialOutcome:
    """The study's instances in their order; a seed is evolved when its first one is due."""
    runs: dict[int, Run] = {}
    steps: list[int] = []
    values: list[float] = []
    order = instances(job.experiment.seed, study)
    for (seed, task), following in zip(order, [*order[1:], None], strict=True):
        if seed not in runs:
            runs[seed] = _run(job, study, evolution, seed)
        steps.append(seed * study.tasks + task)
        values.append(float(runs[seed].by_task[task]))
        # The other tasks of a seed that has been evolved cost next to nothing.
        is_costly = following is not None and following[0] not in runs
        if report(values[-1], steps[-1], is_costly):
            break
    is_pruned = len(values) < study.seeds * study.tasks
    return TrialOutcome(
        float(np.mean(values)), is_pruned, tuple(steps), tuple(values), tuple(runs.values())
    )


def _ablate(
    job: TrialJob, study: AblateStudy, evolution: EvolutionSection, report: ReportValue
) -> TrialOutcome:
    """Every seed of the study."""
    runs = []
    for seed in range(study.seeds):
        runs.append(_run(job, study, evolution, seed))
        report(float(runs[-1].by_task.mean()), seed, False)
    values = tuple(float(run.by_task.mean()) for run in runs)
    return TrialOutcome(
        float(np.mean(values)), False, tuple(range(len(values))), values, tuple(runs)
    )


def _run(job: TrialJob, study: StudyBase, evolution: EvolutionSection, seed: int) -> Run:
    """An evolution from a seed that all trials share, and what its loss gains."""
    result = _evolve(job, study, evolution, seed)
    return Run(
        seed,
        evolution.loss,
        result.genome,
        [asdict(generation) for generation in result.history],
        result.handover.member_steps if result.handover else None,
        result.member_steps,
        judge(job.experiment, study, evolution.loss, result.genome),
    )


def _evolve(
    job: TrialJob,
    study: StudyBase,
    evolution: EvolutionSection,
    seed: int,
    callback: Callable[[Generation, Genomes], None] | None = None,
) -> EvolutionResult:
    validation = evolution.validation
    return evolve(
        evolved_from(evolution),
        evolution.settings,
        mixture(evolution.families, test=False),
        study_seed(job.experiment.seed, EVOLVE[study.kind], seed),
        Execution(callback=callback, device=job.experiment.device, kernel=job.experiment.kernel),
        mixture(validation, test=False) if validation else None,
    )


class _Delivered(NamedTuple):
    """A genome [G], and the member-steps of evolving and choosing it."""

    genome: Genomes
    member_steps: int


def _delivered(
    job: TrialJob,
    study: StudyBase,
    evolution: EvolutionSection,
    history: Sequence[Generation],
    genomes: Sequence[Genomes],
) -> _Delivered:
    """What the slot's evolution would deliver if it ended here, as `evolve` chooses it."""
    last, settings = history[-1], evolution.settings
    if not evolution.validation:
        return _Delivered(genomes[-1], last.member_steps)
    experiment = job.experiment
    found = chosen(
        settings,
        history,
        genomes,
        mixture(evolution.validation, test=False),
        study_seed(experiment.seed, EVOLVE[study.kind], job.slot),
        FitnessProtocol.of(settings, evolution.loss, experiment.device, experiment.kernel),
    )
    return _Delivered(genomes[found.generation], last.member_steps + found.member_steps)


def _mean(families: Sequence[FamilyGain]) -> float:
    return float(np.concatenate([family.gains for family in families]).mean())


def _switch(history: Sequence[Generation]) -> int | None:
    """Where a GA had handed over in the generations so far."""
    for before, after in pairwise(history):
        if (before.phase, after.phase) == ("ga", "es"):
            return before.member_steps
    return None
