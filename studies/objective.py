"""The objective: evolve with a trial's settings, judge the losses on frozen tasks."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import torch

from bench.experiment.model import EvolutionSection
from bench.experiment.study import AblateStudy, ConfirmStudy, ScreenStudy, StudyBase
from bench.tasks.resolve import mixture
from mln.evolution import EvolutionResult, Execution, Generation, evolve
from mln.search.base import Genomes
from studies.judging import judge
from studies.outcome import FamilyGain, ReportValue, Run, TrialJob, TrialOutcome
from studies.plan import instances, points, space_of, study_of
from studies.seeds import EVOLVE, study_seed
from studies.space import BUDGET


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
    """One evolution with a seed of the slot's own, judged at each point of its budget."""
    settings = evolution.settings
    grid = (settings.budget,) if BUDGET in job.params else points(study)
    judged: list[tuple[FamilyGain, ...]] = []
    history: list[Generation] = []
    last: list[Genomes] = []

    def follow(generation: Generation, genome: Genomes) -> None:
        history.append(generation)
        last[:] = [genome]
        # As evolution itself ends: what a budget of this point would have delivered.
        reach = generation.member_steps + settings.generation_cost
        while len(judged) < len(grid) - 1 and reach > grid[len(judged)]:
            judged.append(judge(job.experiment, study, evolution.loss, genome))
            if report(_mean(judged[-1]), grid[len(judged) - 1], True):
                raise _Stopped

    switch = None
    try:
        result = _evolve(job, study, evolution, job.slot, follow)
        switch = result.handover.member_steps if result.handover else None
        judged.append(judge(job.experiment, study, evolution.loss, result.genome))
        report(_mean(judged[-1]), grid[-1], False)
        last[:] = [result.genome]
    except _Stopped:
        switch = _switch(history)
    run = Run(
        0,
        evolution.loss,
        last[0],
        [asdict(generation) for generation in history],
        switch,
        history[-1].member_steps,
        judged[-1],
    )
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
    return evolve(
        evolution.loss,
        evolution.settings,
        mixture(evolution.families, test=False),
        study_seed(job.experiment.seed, EVOLVE[study.kind], seed),
        Execution(callback=callback, device=job.experiment.device, kernel=job.experiment.kernel),
    )


def _mean(families: Sequence[FamilyGain]) -> float:
    return float(np.concatenate([family.gains for family in families]).mean())


def _switch(history: Sequence[Generation]) -> int | None:
    """Where a GA had handed over in the generations so far."""
    for before, after in pairwise(history):
        if (before.phase, after.phase) == ("ga", "es"):
            return before.member_steps
    return None
