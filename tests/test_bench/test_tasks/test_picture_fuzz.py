"""Generated folders of pictures: each is read as it was made, or refused in one line."""

import shutil
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from numpy.random import SeedSequence
from test_bench.test_tasks.picture_plans import Plan, as_read, is_good, made, plans

from bench.errors import InputError
from bench.tasks.resolve import resolve
from mln.examples import Examples

FAST, SLOW = 30, 2_000


def check(plan: Plan, folder: Path) -> bool:
    """Whether a plan's folder was read, which must be as it was made."""
    there = made(plan, folder)
    size = "" if plan.size is None else f",size={plan.size}"
    name = f"folder:{quote(str(there.place))}{size}"
    if not is_good(plan, there.pixels):
        with pytest.raises(InputError) as caught:
            resolve(name).source(test=True)(SeedSequence(1))
        assert str(caught.value).isprintable()
        return False
    task = resolve(name).source(test=True)(SeedSequence(1))
    facts = resolve(name).family.facts()  # type: ignore[attr-defined]
    order = [part for part in ("", "train", "valid", "test") if part in plan.counts]
    expected = as_read([each for part in order for each in there.pixels[part]], plan.size)
    channels, height, width = expected.shape[1:]
    assert facts.classes == tuple(sorted(next(iter(plan.counts.values()))))
    assert (facts.picture.width, facts.picture.height) == (width, height)
    assert facts.picture.mode == ("grey" if channels == 1 else "colour")
    assert task.image == (channels, height, width)
    assert isinstance(task.train.x, Examples)
    table = np.asarray(task.train.x.table).reshape(expected.shape)
    np.testing.assert_array_equal(table, expected)
    assert task.test is not None
    names = [label for part in order for label in there.labels[part]]
    seen = []
    for split in (task.train, task.inner_valid, task.outer_valid, task.test):
        assert isinstance(split.x, Examples)
        assert [names[row] for row in split.x.rows] == [facts.classes[label] for label in split.y]
        seen.extend(split.x.rows)
    assert sorted(seen) == list(range(len(names)))
    if len(order) > 1:
        held_out = len(names) - len(there.labels[order[-1]])
        assert sorted(task.test.x.rows) == list(range(held_out, len(names)))
    return True


@pytest.mark.parametrize("count", [FAST, pytest.param(SLOW, marks=pytest.mark.slow)])
def test_a_folder_of_pictures_is_read_as_it_was_made_or_refused(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes: list[bool] = []

    @settings(
        max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(plans())
    def property_(plan: Plan) -> None:
        folder = tmp_path / f"f{len(outcomes)}"
        monkeypatch.setenv("MLN_CACHE", str(folder / "cache"))
        outcomes.append(False)
        outcomes[-1] = check(plan, folder / "data")
        shutil.rmtree(folder)

    property_()
    print(f"{len(outcomes)} folders, {sum(outcomes)} read")
    assert count * 0.2 < sum(outcomes) < count * 0.8
