"""Losses from files in a report: each is one fixed loss, and no run of the method."""

import pytest
from test_reports.simulated import experiment, fill

from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.store.store import Store
from reports.benchmark.claims import method_claims
from reports.benchmark.comparisons import compare
from reports.benchmark.material import Material
from reports.benchmark.methods import methods
from reports.data.load import load
from reports.data.merge import merge
from reports.verdicts.prospects import prospects

SHIPPED = "pretrained:adaptive"
EFFECTS = {SHIPPED: 0.03, "mln_1": 0.0, "mln_2": 0.0, "mse": -0.012}


def with_saved(path, *, genome=(0.0,), baseline=False, **settings):
    """Data of an experiment with a loss from a file among its losses, better than all others."""
    design = {"tasks": ("moons", "rings"), "losses": ("ce", "mse", "gce"), "seeds": 8, "runs": 2}
    content = experiment(**design | settings).model_dump(mode="json")
    content["benchmark"]["losses"].append(SHIPPED)
    content["benchmark"]["saved_losses"] = {SHIPPED: {"spec": {}, "genome": list(genome)}}
    if baseline:
        content["report"]["baselines"] = ["ce", SHIPPED]
    described = Experiment.model_validate(content)
    store = Store(f"sqlite:///{path}")
    fill(store, described, effects=EFFECTS)
    return load(store, described)


def test_it_is_a_candidate_judged_over_seeds(tmp_path):
    data = with_saved(tmp_path / "a.db")
    assert data.candidates == (SHIPPED, "mln_1", "mln_2")
    assert (data.saved, data.evolved) == ((SHIPPED,), ("mln_1", "mln_2"))
    own = [item for item in compare(data) if item.candidate == SHIPPED]
    primary = [item for item in own if item.family == "primary"]
    assert {item.baseline for item in primary} == {"ce", "mse"}
    assert {item.unit for item in own} == {"seed"}
    assert {item.family_size for item in primary} == {2 * 3 * 2}
    assert "gce" in {item.baseline for item in own}
    assert min(item.mean_difference for item in primary) > 0.02


def test_no_claim_about_the_method_counts_it(tmp_path):
    claims, _ = method_claims(with_saved(tmp_path / "a.db"))
    assert len(claims) == 4
    for claim in claims:
        assert set(claim.gains) == {"mln_1", "mln_2"}
        assert claim.mean < 0.02


def test_the_report_says_what_it_is(tmp_path):
    data = with_saved(tmp_path / "a.db")
    text = methods(Material(data, compare(data), [], [], [], None))[0]
    assert f"{SHIPPED} was read from a file and not evolved here" in text


def test_without_evolution_it_is_the_candidate_beside_hand_made_losses(tmp_path):
    data = with_saved(tmp_path / "a.db", runs=0)
    assert data.candidates == (SHIPPED,)
    baselines = {item.baseline for item in compare(data) if item.metric == "accuracy"}
    assert baselines == {"ce", "mse", "gce"}


def test_as_a_baseline_it_is_no_candidate(tmp_path):
    data = with_saved(tmp_path / "a.db", baseline=True)
    assert data.candidates == ("mln_1", "mln_2")
    assert data.saved == ()


def test_what_an_experiment_cannot_show_counts_it(tmp_path):
    small = with_saved(tmp_path / "a.db", seeds=6).experiment
    assert "too few for 12 primary comparisons" in prospects(small)[0]


def test_merged_with_the_same_loss_it_stays_one_and_with_another_it_is_two(tmp_path):
    first = with_saved(tmp_path / "a.db", tasks=("moons",), name="first")
    same = with_saved(tmp_path / "b.db", tasks=("rings",), name="second")
    other = with_saved(tmp_path / "c.db", tasks=("rings",), name="second", genome=(1.0,))
    assert merge([first, same]).saved == (SHIPPED,)
    apart = merge([first, other])
    assert apart.saved == (f"{SHIPPED} [first]", f"{SHIPPED} [second]")
    assert set(apart.candidates) == {
        *apart.saved, *(f"mln_{k} [{part}]" for k in (1, 2) for part in ("first", "second")),
    }  # fmt: skip
    assert {item.candidate for item in compare(apart)} == set(apart.candidates)


def test_a_baseline_that_is_another_loss_elsewhere_is_refused(tmp_path):
    parts = [
        with_saved(tmp_path / f"{name}.db", name=name, genome=(gene,), baseline=True)
        for name, gene in (("first", 0.0), ("second", 1.0))
    ]
    with pytest.raises(InputError, match="the baseline 'pretrained:adaptive' is another loss"):
        merge(parts)
