"""Ways of convolving: each trains what autograd trains through one grouped convolution."""

from functools import partial

import numpy as np
import pytest
import torch
from test_mln.test_kernels.test_against_torch import KEEP, MEMBERS, PICTURES, problem_of
from test_mln.test_kernels.test_repeated import as_on_a_device

from mln.config import LearnerSpec, TrainingSpec
from mln.kernels import networks, reference
from mln.losses.formulas import CrossEntropy
from mln.rollout import RolloutResult

LENET = LearnerSpec(kind="cnn", channels=(3, 5), kernel=2, hidden=(6, 4))
WIDE = LearnerSpec(kind="cnn", channels=(2,), kernel=2, padding=1, hidden=())


def trained(
    learner: LearnerSpec, batch: int, monkeypatch: pytest.MonkeyPatch, **how: object
) -> RolloutResult:
    """Trained in double precision, by the steps of a device where `how` says how to convolve."""
    problem = problem_of(learner, TrainingSpec(4, batch, optimizer="sgd"))
    with monkeypatch.context() as patch:
        if how:
            network = partial(networks.Convolutions, problem, 2, **how)
            patch.setattr(reference, "network_of", lambda *_: network())
            patch.setattr(reference, "_train_on_cpu", as_on_a_device(reference))
        return reference.rollout(
            problem, MEMBERS, CrossEntropy(3), [4], KEEP._replace(dtype=torch.float64)
        )


@pytest.mark.parametrize("learner", [PICTURES, LENET, WIDE])
@pytest.mark.parametrize(("pictures", "batch"), [(8, 16), (4, 7), (16, 8)])
def test_products_with_patches_train_as_a_grouped_convolution(
    learner: LearnerSpec, pictures: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Evaluations are larger than what is propagated at a time.
    monkeypatch.setattr(networks, "TOGETHER", 24)
    expected = trained(learner, batch, monkeypatch)
    found = trained(learner, batch, monkeypatch, way="patches", pictures=pictures)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-6, atol=1e-7)
    for ours, theirs in zip(
        found.scores["outer_valid"], expected.scores["outer_valid"], strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_learner_that_diverges_in_patches_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    # Pooling must hand on what is no number.
    h = torch.full((1, 1, 1, 8, 4, 4), float("nan"))
    problem = problem_of(LENET, TrainingSpec(4, 8))
    layer = networks.Convolutions(problem, 2, "patches").plan.convolutions[0]._replace(inputs=1)
    weight, bias = torch.ones(1, 4 * 3), torch.zeros(1, 3)
    assert networks._by_patches(weight, bias, layer, h).isnan().all()


def test_devices_convolve_by_their_own_way() -> None:
    problem = problem_of(LENET, TrainingSpec(4, 8))
    on_cpu = reference.network_of(problem, "cpu", torch.float32)
    on_cuda = reference.network_of(problem, "cuda", torch.float32)
    assert isinstance(on_cpu, networks.Convolutions)
    assert isinstance(on_cuda, networks.Convolutions)
    assert (on_cpu.way, on_cpu.chunk) == ("grouped", (networks.GROUP, networks.GROUP))
    assert (on_cuda.way, on_cuda.chunk) == (
        networks.DEVICE_WAY,
        (networks.DEVICE_CNN_GROUP, networks.DEVICE_CNN_GROUP),
    )
