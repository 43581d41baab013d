"""Several experiments in one report."""

import pytest
from test_reports.simulated import simulated

from bench.cells.seeds import Purpose, drawn
from bench.errors import InputError
from reports.benchmark.comparisons import compare
from reports.benchmark.report import render
from reports.data.load import load
from reports.data.merge import merge
from reports.verdicts import gate

SMALL = {"losses": ("ce", "mse"), "seeds": 8, "runs": 1}


def loaded(path, **settings):
    store, described = simulated(path, **{**SMALL, **settings})
    return load(store, described)


def test_tasks_of_both_stand_side_by_side_in_one_family(tmp_path):
    first = loaded(tmp_path / "a.db", tasks=("moons", "rings"), name="first")
    second = loaded(tmp_path / "b.db", tasks=("rings", "digits"), name="second")
    data = merge([first, second])
    assert data.tasks == ["moons", "rings [first]", "rings [second]", "digits"]
    assert data.candidates == ("mln_1 [first]", "mln_1 [second]")
    items = [item for item in compare(data) if item.family == "primary"]
    assert {item.family_size for item in items} == {8}
    assert {item.verdict for item in items} - {"refused"}
    alone = {
        (i.task, i.baseline): i.p
        for part in (first, second)
        for i in compare(part)
        if i.family == "primary"
    }
    assert {item.p for item in items} == set(alone.values())
    report = render(data, tmp_path / "out")
    assert "first+second" in report.paths.html.read_text()


def test_one_experiment_stays_as_it_is(small):
    assert merge([small]) is small


def test_other_declarations_are_refused(tmp_path):
    first = loaded(tmp_path / "a.db", tasks=("moons",), name="first")
    second = loaded(tmp_path / "b.db", tasks=("rings",), name="second", report={"rope": 0.01})
    with pytest.raises(InputError, match=r"second: report\.rope is 0\.01, but 0\.005 in first"):
        merge([first, second])


def test_one_experiments_tests_must_not_be_anothers_study(tmp_path):
    apart = drawn(1, {Purpose.STUDY: 3, Purpose.TEST: 20})
    assert gate.overlapping_seeds(apart) == ()
    first = loaded(tmp_path / "a.db", tasks=("moons",), name="first")
    second = loaded(tmp_path / "b.db", tasks=("rings",), name="second")
    first.provenance["seeds"] = {"test": apart["test"]}
    second.provenance["seeds"] = {"study": apart["test"][-1:]}
    items = compare(merge([first, second]))
    assert {item.verdict for item in items} == {"refused"}
    assert all("1 seed of test and study overlap" in item.reason for item in items)
