"""The probe of a mixture: what it compares, what it finds, and what must not matter to it."""

import numpy as np
import pytest

from bench import probing
from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.probing import LAWS, Plan, compared, mean_correlation, plans, probe, rank_correlation
from bench.tasks.resolve import resolve
from bench.workers.pool import Finished, WorkerPool
from bench.workers.progress import Silent

FAMILIES = ["moons", "blobs_2+noise=0.2:0.4", "moons+noise=0.2:0.4", "blobs_10+imbalance=20"]


def experiment(families: list[str], **changes) -> Experiment:
    settings = {
        "training": {"steps": 12, "batch_size": 8},
        "learner": {"hidden": [4]},
        "budget": 10**6,
    }
    evolution = {"families": families, "settings": settings}
    return Experiment.model_validate(
        {"name": "probed", "seed": 4, "evolution": evolution, "tuning": {"rates": [0.1, 0.01]}}
        | changes
    )


def test_regimes_are_those_of_the_families_each_on_the_reference_too() -> None:
    planned = plans(experiment(FAMILIES), "digits")
    shown = [(p.regime, [ref.name for ref in p.mixture], p.reference.name) for p in planned]
    assert shown == [
        ("clean", ["moons"], "digits"),
        (
            "noise=0.2:0.4",
            ["blobs_2+noise=0.2:0.4", "moons+noise=0.2:0.4"],
            "digits+noise=0.2:0.4",
        ),
        ("imbalance=20", ["blobs_10+imbalance=20"], "digits+imbalance=20"),
    ]
    draws = list(planned[1].draws(4, probing.MIXTURE, 4))
    assert [draw.task.name for draw in draws] == 2 * [ref.name for ref in planned[1].mixture]
    assert all(draw.task.test is None for plan in planned for draw in plan.draws(4, "reference", 2))
    # No regime's tasks depend on the others that are probed.
    alone = plans(experiment(FAMILIES[1:3]), "digits")[0]
    for one, other in zip(draws, alone.draws(4, probing.MIXTURE, 4), strict=True):
        np.testing.assert_array_equal(one.task.train.x, other.task.train.x)
        assert one.seed.spawn_key == other.seed.spawn_key


class Here:
    """A pool of this process alone."""

    workers = 1

    def run(self, work, jobs, on_message=None):
        for job in jobs:
            yield Finished(job, work(job), None)


def test_gains_are_those_of_a_rollout_whatever_the_other_regimes() -> None:
    from mln.fitness import tuned_gain
    from mln.laws import law
    from mln.pieces import FitnessProtocol

    tried = experiment(FAMILIES[:3])
    planned = plans(tried, "digits")
    found = probe(tried, planned, 3, Here(), Silent())
    assert probe(tried, planned[1:], 3, Here(), Silent()) == found[1:]
    assert [each.regime for each in found] == ["clean", "noise=0.2:0.4"]
    assert tried.evolution is not None
    settings = tried.evolution.settings
    protocol = FitnessProtocol(probing.FORM, settings.learner, settings.training)
    draws = list(planned[1].draws(4, probing.REFERENCE, 3))
    for name in ("robust", "q .7"):
        genome = np.array([law(probing.FORM, **LAWS[name]).genome], np.float32)
        gain = tuned_gain(genome, draws, [0.01, 0.1], protocol).gain[0]
        assert found[1].gains[name][probing.REFERENCE].gain == pytest.approx(gain.mean())


@pytest.mark.slow
def test_workers_change_no_number() -> None:
    tried = experiment(FAMILIES[:3])
    planned = plans(tried, "digits")
    with WorkerPool(2) as pool:
        assert probe(tried, planned, 3, pool, Silent()) == probe(
            tried, planned, 3, Here(), Silent()
        )


def gains(**rows: tuple[list[float], list[float]]) -> np.ndarray:
    """Gains [laws, 2, 4]: those given, and a small noise of every other law."""
    rng = np.random.default_rng(0)
    gain = 1e-4 * rng.standard_normal((len(LAWS), 2, 4))
    for name, both in rows.items():
        gain[list(LAWS).index(name)] = both
    return gain


PLAN = Plan("imbalance=20", (resolve("moons+imbalance=20"),), resolve("digits+imbalance=20"))
LOST = [-0.04, -0.05, -0.03, -0.04]
GAINED = [0.04, 0.05, 0.03, 0.04]
NOTHING = [0.001, -0.001, 0.002, -0.002]
UNSURE = [-0.01, -0.09, 0.02, -0.04]


def test_what_the_mixture_does_not_punish_or_reward_is_named() -> None:
    gain = gains(**{
        "q .7": (NOTHING, LOST),
        "q .5": (UNSURE, LOST),  # as much, on too few tasks to be sure
        "q .3": (LOST, LOST),
        "robust": (LOST, GAINED),
        "gamma 2": (GAINED, NOTHING),
    })  # fmt: skip
    found = compared(PLAN, gain)
    named = {entry.law: (entry.what, entry.contradicted) for entry in found.unseen}
    assert named.pop("q .7") == ("loss", False)
    assert named.pop("robust") == ("gain", True)
    assert not {"q .5", "q .3", "gamma 2"} & set(named)
    sizes = [abs(entry.reference.gain) for entry in found.unseen]
    assert sizes == sorted(sizes, reverse=True)
    assert found.gains["q .7"]["reference"].gain == pytest.approx(-0.04)
    row = found.as_row()
    assert [law["law"] for law in row["laws"]] == list(LAWS)
    assert row["unseen"][0]["reference"]["low"] < row["unseen"][0]["reference"]["gain"]


def test_a_mixture_that_orders_the_laws_as_the_reference_does_has_a_correlation_of_one() -> None:
    order = np.linspace(-0.1, 0.1, len(LAWS))
    noise = 1e-4 * np.random.default_rng(0).standard_normal((len(LAWS), 2, 6))
    same = compared(PLAN, order[:, None, None] + noise)
    assert same.rank_correlation == pytest.approx(1)
    assert same.agreement == pytest.approx(1)
    turned = noise + order[:, None, None] * np.array([1, -1])[:, None]
    assert compared(PLAN, turned).rank_correlation == pytest.approx(-1)
    assert rank_correlation(np.zeros(3), np.arange(3.0)) is None
    assert mean_correlation([same, compared(PLAN, turned)]) == pytest.approx(0)
    assert mean_correlation([]) is None


@pytest.mark.parametrize(
    ("families", "reference", "message"),
    [
        (FAMILIES, "moons", "evolution draws from it"),
        (FAMILIES, "digits+noise=0.1", "without regimes"),
        (FAMILIES, "digit", "did you mean 'digits'"),
        (["moons+rotation_drift=0.5"], "wine", "is for pictures and for points of the plane"),
    ],
)
def test_what_cannot_be_a_reference_is_refused_in_one_line(families, reference, message) -> None:
    with pytest.raises(InputError, match=message):
        plans(experiment(families), reference)


def test_an_experiment_without_an_evolution_has_nothing_to_probe() -> None:
    with pytest.raises(InputError, match="no \\[evolution\\] section"):
        plans(experiment(FAMILIES, evolution=None), "digits")
