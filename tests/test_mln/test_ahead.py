"""Drawing ahead: the next thing is made in the meantime, and no result depends on it."""

import threading

import pytest
from test_mln.test_evolution import SEED, SPEC, TINY, mixed_task, same

from mln import evolution
from mln.ahead import Ahead
from mln.evolution import evolve


def test_the_next_one_is_made_while_the_last_one_is_used() -> None:
    made: list[tuple[int, bool]] = []
    ready = threading.Event()

    def make(number: int) -> int:
        made.append((number, threading.current_thread() is threading.main_thread()))
        if number == 1:
            ready.set()
        return 10 * number

    with Ahead(make, ahead=True) as things:
        assert things.get(0, more=True) == 0
        assert ready.wait(10)
        assert [things.get(1, more=False), things.get(2, more=False)] == [10, 20]
    assert made == [(0, True), (1, False), (2, True)]


def test_nothing_is_made_ahead_where_that_is_not_wanted() -> None:
    made: list[int] = []
    with Ahead(made.append, ahead=False) as things:
        things.get(0, more=True)
        things.get(5, more=True)
    assert made == [0, 5]


def test_what_making_raised_is_raised_where_it_is_asked_for() -> None:
    def make(number: int) -> int:
        if number:
            raise ValueError("no more")
        return number

    with Ahead(make, ahead=True) as things:
        assert things.get(0, more=True) == 0
        with pytest.raises(ValueError, match="no more"):
            things.get(1, more=True)


def test_an_evolution_whose_tasks_are_drawn_ahead_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = evolve(SPEC, TINY, mixed_task, SEED)
    threads = set()

    def draw(seed):  # type: ignore[no-untyped-def]
        threads.add(threading.current_thread().name)
        return mixed_task(seed)

    monkeypatch.setattr(evolution, "Ahead", lambda make, ahead: Ahead(make, ahead=not ahead))
    assert same(evolve(SPEC, TINY, draw, SEED), expected)
    assert any(name.startswith("ahead") for name in threads)
