"""MetaLoss against torch.nn.CrossEntropyLoss, and in other people's training loops."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mln.helpers import SPECS, VECTOR, small_problem, some_genomes
from torch import Tensor, nn

from mln import LossSpec, MetaLoss
from mln.config import LearnerSpec, TrainingSpec
from mln.kernels import reference
from mln.losses.meta import stacked_from_genomes
from mln.rollout import Members, RolloutOptions

ADAPTIVE = LossSpec(kind="adaptive", state=())
"""Cross-entropy itself, at its start genome."""

ALL = {"default": LossSpec(), "vector": VECTOR, **SPECS}


def random_loss(spec: LossSpec, **arguments: object) -> MetaLoss:
    genome = some_genomes(spec, 1)[0].astype(np.float32)
    return MetaLoss(spec, genome, total_steps=10, **arguments)  # type: ignore[arg-type]


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(2, 5), st.sampled_from([(), (3,), (2, 2)])),
    soft=st.booleans(),
    weighted=st.booleans(),
    ignored=st.sampled_from([-100, 0, 1]),
    reduction=st.sampled_from(["mean", "sum", "none"]),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_semantics_are_those_of_cross_entropy(
    shape: tuple[int, int, tuple[int, ...]],
    soft: bool,
    weighted: bool,
    ignored: int,
    reduction: str,
    seed: int,
) -> None:
    number, classes, inner = shape
    torch.manual_seed(seed)
    z = torch.randn(number, classes, *inner, requires_grad=True)
    target = torch.randint(classes, (number, *inner))
    if soft:
        target = torch.randn(z.shape).softmax(1)
    arguments = {
        "weight": torch.rand(classes) if weighted else None,
        "reduction": reduction,
        "ignore_index": -100 if soft else ignored,
    }
    theirs = nn.CrossEntropyLoss(**arguments)(z, target)
    ours = MetaLoss(ADAPTIVE, **arguments)(z, target)  # type: ignore[arg-type]
    torch.testing.assert_close(ours, theirs, equal_nan=True)
    (expected,) = torch.autograd.grad(theirs.sum(), z)
    (gradient,) = torch.autograd.grad(ours.sum(), z)
    torch.testing.assert_close(gradient, expected, equal_nan=True)


def test_a_single_example_needs_no_batch() -> None:
    z, target = torch.randn(4), torch.tensor(2)
    torch.testing.assert_close(MetaLoss(ADAPTIVE)(z, target), nn.CrossEntropyLoss()(z, target))
    assert MetaLoss(ADAPTIVE, reduction="none")(z, z.softmax(0)).shape == ()


@pytest.mark.parametrize("name", ALL)
def test_ignored_and_weightless_examples_change_nothing(name: str) -> None:
    loss = random_loss(ALL[name], ignore_index=2, reduction="sum").eval()
    z, target = torch.randn(6, 3), torch.tensor([0, 2, 1, 2, 1, 0])
    kept = target != 2
    torch.testing.assert_close(loss(z, target), loss(z[kept], target[kept]))
    weighted = random_loss(ALL[name], weight=torch.tensor([1.0, 3.0, 0.0])).eval()
    each = random_loss(ALL[name], reduction="none").eval()(z, target)
    expected = (each[0] + 3 * each[2] + 3 * each[4] + each[5]) / 8
    torch.testing.assert_close(weighted(z, target), expected)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("spread", [1.0, 1e4])
def test_value_and_gradient_are_finite(name: str, spread: float) -> None:
    loss = random_loss(ALL[name])
    torch.manual_seed(0)
    for _ in range(3):
        z = (torch.randn(8, 3) * spread).requires_grad_()
        value = loss(z, torch.randint(3, (8,)))
        value.backward()
        assert value.isfinite()
        assert z.grad is not None
        assert z.grad.isfinite().all()
        assert loss.memory.isfinite().all()


def test_wrong_shapes_and_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="class indices must have the shape"):
        MetaLoss()(torch.randn(4, 3), torch.zeros(4, 1, dtype=torch.long))
    with pytest.raises(ValueError, match="class probabilities must have"):
        MetaLoss()(torch.randn(4, 3), torch.randn(4))
    with pytest.raises(ValueError, match="give total_steps"):
        MetaLoss(LossSpec(state=("progress",)))
    with pytest.raises(ValueError, match="total_steps must be"):
        MetaLoss(LossSpec(state=("progress",)), total_steps=0)
    with pytest.raises(ValueError, match="for 3 classes"):
        MetaLoss(VECTOR)(torch.randn(4, 5), torch.zeros(4, dtype=torch.long))


@pytest.mark.parametrize("name", ["default", "adaptive", "gate", "deep", "residual", "taylor"])
def test_a_plain_loop_trains_as_a_rollout(name: str) -> None:
    """MetaLoss in a loop of one's own is the loss that evolution saw, state and all."""
    spec = ALL[name]
    training = TrainingSpec(steps=15, batch_size=6, optimizer="sgd")
    problem = small_problem(slots=1, learner=LearnerSpec(hidden=()), training=training)
    genome = some_genomes(spec, 1).astype(np.float32)
    losses = stacked_from_genomes(spec, torch.from_numpy(genome).double(), problem.classes)
    members = Members(np.zeros(1, int), np.full(1, 0.1))
    rollout = reference.rollout(
        problem,
        members,
        losses.take(torch.zeros(2, dtype=torch.long)),
        [15],
        RolloutOptions(dtype=torch.float64),
    )
    model = nn.Linear(problem.features, problem.classes).double()
    nn.utils.vector_to_parameters(torch.from_numpy(problem.initial[0]).double(), model.parameters())
    criterion = MetaLoss(spec, genome[0], total_steps=15).double()
    stepper = torch.optim.SGD(model.parameters(), lr=0.1, momentum=training.momentum)
    pool = torch.from_numpy(problem.pool).double()
    for rows, labels in zip(problem.batch_index[0], problem.batch_y[0], strict=True):
        stepper.zero_grad()
        criterion(model(pool[rows]), torch.from_numpy(labels)).backward()
        stepper.step()
    split = problem.phase("outer_valid", 0)
    nll = nn.functional.cross_entropy(model(pool[split.rows[0]]), torch.from_numpy(split.y[0]))
    assert float(nll.detach()) == pytest.approx(
        float(rollout.scores["outer_valid"].nll[0, 0]), rel=1e-9
    )


def batches(count: int) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(3)
    for _ in range(count):
        yield torch.randn(8, 3, generator=generator), torch.randint(3, (8,), generator=generator)


def test_the_state_advances_in_training_alone_and_is_saved() -> None:
    loss = random_loss(SPECS["gate"])
    probe_batch = next(batches(1))
    fresh = loss.eval()(*probe_batch)
    assert loss(*probe_batch) == fresh
    with torch.no_grad():
        loss.train()(*probe_batch)
    assert loss.steps_done == 0
    for z, target in batches(5):
        loss(z, target)
    assert loss.steps_done == 5
    later = loss.eval()(*probe_batch)
    assert later != fresh
    again = random_loss(SPECS["gate"]).eval()
    again.load_state_dict(loss.state_dict())
    assert again(*probe_batch) == later
    loss.reset()
    assert loss(*probe_batch) == fresh


def test_an_overflow_leaves_no_trace_in_the_state() -> None:
    loss = random_loss(SPECS["adaptive"])
    z, target = next(batches(1))
    loss(z, target)
    before = loss.memory.clone()
    loss(torch.full_like(z, torch.nan), target)
    assert torch.equal(loss.memory, before)


SLOW_TO_COMPILE = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("gate", "deep", "taylor")
]


@pytest.mark.parametrize("name", ["default", "adaptive", *SLOW_TO_COMPILE])
def test_compiles_as_one_graph(name: str) -> None:
    torch.compiler.reset()
    plain, compiled = random_loss(ALL[name]), random_loss(ALL[name])
    fast = torch.compile(compiled, fullgraph=True, backend="aot_eager")
    for z, target in batches(3):
        gradients = []
        for loss in (plain, fast):
            at = z.clone().requires_grad_()
            loss(at, target).backward()
            gradients.append(at.grad)
        torch.testing.assert_close(*gradients)
    torch.testing.assert_close(compiled.memory, plain.memory)
    assert compiled.steps_done == plain.steps_done


@pytest.mark.slow
def test_compiles_to_machine_code() -> None:
    torch.compiler.reset()
    fast = torch.compile(random_loss(SPECS["gate"]), fullgraph=True)
    z, target = next(batches(1))
    torch.testing.assert_close(fast(z, target), random_loss(SPECS["gate"])(z, target))


@pytest.mark.parametrize("name", ["default", "adaptive"])
def test_trains_a_skorch_classifier(name: str) -> None:
    from skorch import NeuralNetClassifier

    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 4)).astype(np.float32)
    y = (x[:, 0] + 0.1 * rng.standard_normal(200) > 0).astype(np.int64)
    torch.manual_seed(0)
    net = NeuralNetClassifier(
        nn.Linear,
        module__in_features=4,
        module__out_features=2,
        criterion=MetaLoss,
        criterion__spec=ALL[name],
        criterion__total_steps=100,
        optimizer=torch.optim.Adam,
        lr=0.1,
        max_epochs=10,
        batch_size=20,
        predict_nonlinearity=nn.Softmax(dim=-1),  # the learner gives logits, as to cross-entropy
        verbose=0,
    )
    net.fit(x, y)
    assert net.score(x, y) > 0.9
    probabilities = net.predict_proba(x)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    logits = net.forward(x)
    np.testing.assert_allclose(probabilities, logits.softmax(1), rtol=1e-5, atol=1e-7)
    # 160 of the 200 are trained on, in 8 batches; validation does not advance the state.
    assert net.criterion_.steps_done == (80 if SPECS.get(name) else 0)


def test_a_file_keeps_the_whole_specification(tmp_path: Path) -> None:
    path = tmp_path / "loss.safetensors"
    for name, spec in ALL.items():
        loss = random_loss(spec)
        loss.save(path, {"experiment": name, "seed": 1, "budget": 10, "fitness": 0.5})
        again = MetaLoss.load(path, total_steps=10, reduction="sum")
        assert again.spec == spec
        assert again.provenance["experiment"] == name
        assert torch.equal(again.genome, loss.genome)
        assert again.reduction == "sum"


def test_another_genome_and_other_classes_are_noticed() -> None:
    a, b = random_loss(LossSpec()), MetaLoss()
    z, target = next(batches(1))
    first = a(z, target)
    assert a(z.double(), target) == pytest.approx(float(first), rel=1e-5)
    wide = torch.cat([z, z[:, :1]], dim=1)
    assert torch.equal(a(wide, target), random_loss(LossSpec())(wide, target))
    assert torch.equal(a(z, target), first)
    with torch.inference_mode():
        b(z, target)
    a.load_state_dict(b.state_dict())
    assert torch.equal(a(z, target), b(z, target))
    leaf = z.clone().requires_grad_()
    b(leaf, target).backward()
    assert leaf.grad is not None


LOGITS = torch.from_numpy(np.random.default_rng(0).standard_normal((6, 4))).float()
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def test_trains_like_cross_entropy() -> None:
    """The imitation brings a linear classifier to the accuracy that CE brings it to."""
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.standard_normal((300, 5))).float()
    y = (x @ torch.from_numpy(rng.standard_normal((5, 3))).float()).argmax(1)
    accuracy = {}
    for criterion in (nn.CrossEntropyLoss(), MetaLoss()):
        model = nn.Linear(5, 3)
        with torch.no_grad():
            model.weight.zero_()
            model.bias.zero_()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(100):
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        accuracy[type(criterion)] = float((model(x).argmax(1) == y).float().mean())
    assert accuracy[MetaLoss] > 0.93
    assert abs(accuracy[MetaLoss] - accuracy[nn.CrossEntropyLoss]) < 0.03


def test_reductions_shapes_and_soft_targets_agree() -> None:
    each = MetaLoss(reduction="none")(LOGITS, LABELS)
    assert each.shape == (6,)
    torch.testing.assert_close(MetaLoss()(LOGITS, LABELS), each.mean())
    torch.testing.assert_close(MetaLoss(reduction="sum")(LOGITS, LABELS), each.sum())
    one_hot = nn.functional.one_hot(LABELS, 4).float()
    torch.testing.assert_close(MetaLoss()(LOGITS, one_hot), each.mean())
    pixels = LOGITS.view(2, 3, 4).movedim(2, 1)
    spread = MetaLoss(reduction="none")(pixels, LABELS.view(2, 3))
    torch.testing.assert_close(spread, each.view(2, 3))


def test_the_genome_is_not_trained() -> None:
    loss = MetaLoss()
    assert list(loss.parameters()) == []
    assert "genome" in loss.state_dict()


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="reduction must be"):
        MetaLoss(reduction="median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="33 numbers"):
        MetaLoss(genome=np.zeros(4, np.float32))
