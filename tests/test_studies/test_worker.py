"""Real processes: the number of workers does not matter; failures and deaths are outcomes."""

import multiprocessing

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
    jobs = [Job(tiny.experiment(), ES, slot) for slot in (2, 0, 1)]
    with Workers(2) as crew:
        kept, dead, raised = crew.evaluate(jobs)
        assert isinstance(kept, TrialOutcome)
        assert isinstance(dead, TrialFailure)
        assert raised == TrialFailure("RuntimeError: oh no")
        assert crew.evaluate(jobs[:1]) == [kept]


def interrupted(crew):
    with crew:
        for _ in crew.run(tiny.sabotaged, [Job(tiny.experiment(), ES, slot) for slot in (2, 3)]):
            raise KeyboardInterrupt


def test_an_interruption_ends_the_processes_without_waiting_for_the_trials():
    with pytest.raises(KeyboardInterrupt):
        interrupted(Workers(1))
    assert multiprocessing.active_children() == []
