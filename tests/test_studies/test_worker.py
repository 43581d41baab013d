"""Real processes: the number of workers does not matter; failures and deaths are outcomes."""

import os
import time

import pytest
from test_studies import tiny

from studies import worker
from studies.outcome import TrialFailure, TrialOutcome
from studies.screen import run_study
from studies.space import MODE, POPULATION
from studies.worker import Job, Workers

ES = {MODE: "es", POPULATION: 4}


@pytest.mark.slow
def test_the_number_of_workers_does_not_matter(tmp_path):
    one, two = (
        run_study(tiny.experiment(), f"sqlite:///{tmp_path}/{count}.db", workers=count)
        for count in (1, 2)
    )
    assert tiny.content(one) == tiny.content(two)
    assert one.best_params == two.best_params


def test_a_death_fails_the_trial_alone(monkeypatch):
    monkeypatch.setattr(worker, "evaluate", tiny.sabotaged)
    monkeypatch.setattr(worker, "_set_up", tiny.light_set_up)
    jobs = [Job(tiny.experiment(), ES, slot) for slot in (2, 0, 1)]
    with Workers(2) as crew:
        kept, dead, raised = crew.evaluate(jobs)
        assert isinstance(kept, TrialOutcome)
        assert isinstance(dead, TrialFailure)
        assert raised == TrialFailure("RuntimeError: oh no")
        assert crew.evaluate(jobs[:1]) == [kept]


def interrupted(crew, processes):
    with crew:
        crew.evaluate([Job(tiny.experiment(), ES, 2)])
        processes.extend(crew._pool._processes)
        crew._pool.submit(tiny.sabotaged, Job(tiny.experiment(), ES, 3))
        raise KeyboardInterrupt


def test_an_interruption_does_not_wait_for_the_trials(monkeypatch):
    monkeypatch.setattr(worker, "evaluate", tiny.sabotaged)
    processes = []
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted(Workers(1), processes)
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(processes[0], 0)
