"""A resolved task: read once, then handed on, compared and sent to other processes."""

import pickle

import numpy as np
import pytest
from numpy.random import SeedSequence

from bench.tasks import resolve as resolve_module
from bench.tasks.catalogue import family_of
from bench.tasks.resolve import mixture, resolve
from bench.tasks.task_ref import Setting

NAME = "digits + valid=noisy + noise=.2:0.4 + few=300"


def test_a_reference_holds_all_that_a_name_says() -> None:
    ref = resolve(NAME)
    assert ref.name == "digits+few=300+noise=0.2:0.4+valid=noisy"
    assert ref.family is family_of("digits", "")
    assert ref.regimes == (Setting("few", 300, 300), Setting("noise", 0.2, 0.4))
    assert ref.noisy_valid
    assert ref.shape == (64, 10)
    assert ref.image == (1, 8, 8)
    assert not ref.drifts
    assert not ref.reads_files
    assert ref.identity() == [ref.name, ""]
    assert resolve("moons+label_drift=0.5").drifts
    assert resolve("moons").image is None


def test_a_reference_is_equal_by_name_and_crosses_processes() -> None:
    ref = resolve(NAME)
    assert ref == resolve(ref.name)
    assert len({ref, resolve(ref.name), resolve("digits")}) == 2
    again = pickle.loads(pickle.dumps(ref))
    assert again == ref
    seed = SeedSequence(4)
    task, copy = (one.source(test=True)(seed) for one in (ref, again))
    assert task.name == ref.name
    np.testing.assert_array_equal(task.train.x, copy.train.x)
    np.testing.assert_array_equal(task.train.y, copy.train.y)


def test_drawing_reads_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    source = mixture(["moons+noise=0.2", "circles"])
    ref = resolve(NAME)

    def refuse(*_: object) -> None:
        raise AssertionError("a name is read again")

    monkeypatch.setattr(resolve_module, "family_of", refuse)
    assert ref.shape == (64, 10)
    assert ref.identity()
    for index in range(3):
        source(SeedSequence(index))
        ref.source(test=False)(SeedSequence(index))
