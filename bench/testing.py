"""Conformance tests: what every task, loss and learner must fulfil, built in or plugged in.

Each check takes a name and raises AssertionError with the reason. With pytest:

    plugins.load_files([PATH])

    @pytest.mark.parametrize("check", TASK_CHECKS)
    def test_my_task(check): check("my_task")
"""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.random import SeedSequence
from torch import Tensor

from bench.catalogue.learners import learner as learner_named
from bench.catalogue.losses import LOSSES
from bench.cells.loss_ref import LossRef, reference
from bench.tasks.regimes.catalogue import REGIMES, Stage
from bench.tasks.resolve import TaskRef, resolve
from mln.config import LearnerSpec, LossSpec, TrainingSpec
from mln.examples import Examples
from mln.kernels import engine
from mln.kernels.draws import Moment
from mln.kernels.reference import network_of
from mln.learners import build_module, initial_weights, try_module
from mln.losses.base import StackedLoss, logit_gradient
from mln.problem import make_problem
from mln.rollout import Members, RolloutOptions
from mln.task import Split, Task

TASK_SEEDS = (SeedSequence(11), SeedSequence(12))
SPLIT_NAMES = "train", "inner_valid", "outer_valid", "test"
KEEP_WEIGHTS = RolloutOptions(keep_weights=True)


def splits(task: Task) -> dict[str, Split]:
    """The splits that a task has, by name."""
    parts = {name: getattr(task, name) for name in SPLIT_NAMES}
    return {name: split for name, split in parts.items() if split is not None}


def bits(task: Task) -> list[bytes]:
    """All numbers of a task, those after a drift included."""
    own = [np.asarray(part).tobytes() for split in splits(task).values() for part in split]
    return own + (bits(task.drift.after) if task.drift else [])


def task_has_its_form(name: str) -> None:
    """Four splits with the declared shape, finite features and labels of every class."""
    ref = resolve(name)
    task = ref.source(test=True)(TASK_SEEDS[0])
    features, classes = ref.shape
    assert (task.features, task.classes) == (features, classes), "features, classes as declared"
    assert task.name == ref.name
    assert list(splits(task)) == list(SPLIT_NAMES), "four splits are needed"
    if task.image is not None:
        assert np.prod(task.image) == features, "a picture has as many numbers as features"
    for part in (task, *([task.drift.after] if task.drift else [])):
        for label, (x, y) in splits(part).items():
            assert x.shape == (len(y), features), f"{label}: x must be [N, features]"
            assert isinstance(x, Examples) or x.dtype == np.float32, f"{label}: x must be float32"
            assert y.dtype == np.int64, f"{label}: y must be int64"
            assert np.isfinite(np.asarray(x[:1000])).all(), f"{label}: x must be finite"
            assert set(np.unique(y)) <= set(range(classes)), f"{label}: labels from 0 to C - 1"
    assert set(task.train.y) == set(range(classes)), "train must have every class"
    if task.drift:
        assert 0 < task.drift.start < 1
        assert len(task.drift.after.train.y) == len(task.train.y)


def task_is_a_function_of_its_seed(name: str) -> None:
    """The same seed gives the same bits, in another process too; another seed other ones."""
    ref = resolve(name)
    draw = ref.source(test=False)
    again = pickle.loads(pickle.dumps(draw))
    assert bits(draw(TASK_SEEDS[0])) == bits(again(TASK_SEEDS[0])), (
        "a task depends on more than its seed"
    )
    assert bits(draw(TASK_SEEDS[0])) != bits(draw(TASK_SEEDS[1])), "two seeds give the same task"
    assert ref.identity() == resolve(name).identity()


def task_keeps_test_apart(name: str) -> None:
    """Without `test` there is none, nothing else changes, and no split shares an example."""
    ref = resolve(name)
    with_test, without = (ref.source(test=test)(TASK_SEEDS[0]) for test in (True, False))
    assert without.test is None, "test=False must build no test split"
    assert without.drift is None or without.drift.after.test is None
    assert bits(without) == bits(with_test.without_test()), "test=False must change no other split"
    test = set(_examples(with_test, "test"))
    for seed in TASK_SEEDS:
        task = ref.source(test=False)(seed)
        others = {label: _examples(task, label) for label in SPLIT_NAMES[:-1]}
        if not ref.reads_files and not _fixed(ref):
            continue  # generated examples of other seeds are other examples
        for label, examples in others.items():
            assert not test & set(examples), f"{label} has examples of test (or duplicates of them)"
    own = [_examples(with_test, label) for label in SPLIT_NAMES]
    together = [row for examples in own for row in set(examples)]
    assert len(together) == len(set(together)), "splits share examples (or the data duplicates)"


def task_takes_every_regime(name: str) -> None:
    """Every regime that fits the family gives a task of the same form, test untouched by noise."""
    ref = resolve(name)
    family = ref.family
    for regime in REGIMES.values():
        if regime.obstacle(family) is not None or regime.stage is Stage.OVER or regime.content:
            continue
        low, high = regime.limits(family)
        value = 2 * low + 2 if regime.whole or regime.neutral == 1 else 0.3
        changed = f"{name}+{regime.key}={min(value, high):g}"
        task_has_its_form(changed)
        clean, task = (each.source(test=True)(TASK_SEEDS[0]) for each in (ref, resolve(changed)))
        for label in ("outer_valid", "test"):
            old, new = splits(clean)[label], splits(task)[label]
            assert np.array_equal(old.y, new.y), f"{regime.key} changed the labels of {label}"
            sample = slice(0, 200)
            assert np.array_equal(np.asarray(old.x[sample]), np.asarray(new.x[sample])), (
                f"{regime.key} changed the examples of {label}"
            )


TASK_CHECKS: tuple[Callable[[str], None], ...] = (
    task_has_its_form,
    task_is_a_function_of_its_seed,
    task_keeps_test_apart,
    task_takes_every_regime,
)


def loss_has_a_finite_value(name: str) -> None:
    """One number for each example, finite for every logit that a learner may give."""
    for classes in (2, 10):
        z, y = _batch(classes, scale=10.0)
        value = _stacked(name, 3, classes).value(z, y)
        assert value.shape == (3, z.shape[2]), "value must be [P, B]"
        assert value.isfinite().all(), "value must be finite for logits up to +-50"


def loss_gradient_is_that_of_its_value(name: str) -> None:
    """The gradient is autograd's of the value, through softmax, to float32's precision."""
    for classes in (2, 10):
        z, y = _batch(classes, scale=1.5)
        loss = _stacked(name, 3, classes)
        z.requires_grad_()
        (expected,) = torch.autograd.grad(loss.value(z, y).sum(), z)
        gradient = logit_gradient(loss, z.detach(), z.detach().softmax(1), y)
        torch.testing.assert_close(gradient, expected, rtol=2e-3, atol=2e-5)


def loss_treats_learners_and_examples_alone(name: str) -> None:
    """No learner and no example changes the loss of another."""
    z, y = _batch(4, scale=1.5)
    loss = _stacked(name, 3, 4)
    whole = loss.value(z, y)
    one = loss.take(torch.tensor([1]))
    assert len(one) == 1, "take must give as many losses as it gets numbers"
    torch.testing.assert_close(one.value(z[1:2], y[1:2]), whole[1:2], rtol=1e-5, atol=1e-6)
    few = loss.value(z[:, :, :5].contiguous(), y[:, :, :5].contiguous())
    torch.testing.assert_close(few, whole[:, :5], rtol=1e-5, atol=1e-6)


def loss_trains_a_learner(name: str) -> None:
    """A learner trained under it does not diverge, and its numbers are the same again."""
    spec = TrainingSpec(steps=40, batch_size=16)
    task = resolve("moons").source(test=False)(TASK_SEEDS[0])
    learner = learner_named("mlp")
    problem = make_problem([task], [TASK_SEEDS[0]], learner, spec, ("inner_valid",))
    members = Members(np.zeros(2, np.int64), np.array([0.01, 0.01]))
    runs = [
        engine.rollout(problem, members, _stacked(name, 2, 2), [40], KEEP_WEIGHTS) for _ in range(2)
    ]
    assert (runs[0].diverged_at < 0).all(), "a learner diverged"
    assert runs[0].weights is not None
    assert runs[1].weights is not None
    assert not np.array_equal(runs[0].weights[0], problem.initial[0]), "nothing was learnt"
    assert np.array_equal(runs[0].weights, runs[1].weights), "training is not reproducible"


LOSS_CHECKS: tuple[Callable[[str], None], ...] = (
    loss_has_a_finite_value,
    loss_gradient_is_that_of_its_value,
    loss_treats_learners_and_examples_alone,
    loss_trains_a_learner,
)


def learner_gives_logits(name: str) -> None:
    """Logits [B, C] from features [B, D], in training and after it."""
    for task in _tasks_for(name):
        module = build_module(learner_named(name), *_shape(task))
        for training in (True, False):
            z = module.train(training)(torch.zeros(5, task.features))
            assert z.shape == (5, task.classes), "logits must be [B, classes]"
            assert z.isfinite().all()


def learner_evaluates_examples_alone(name: str) -> None:
    """Where it is not trained, no example changes another's logits, none is random, and nothing
    of the learner changes."""
    task = next(_tasks_for(name))
    module = build_module(learner_named(name), *_shape(task)).eval()
    kept = {part: value.clone() for part, value in module.state_dict().items()}
    x = torch.from_numpy(np.asarray(task.train.x[:8]))
    whole, few = module(x), module(x[:3])
    torch.testing.assert_close(few, whole[:3], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(module(x), whole, rtol=0, atol=0)
    for part, value in module.state_dict().items():
        assert torch.equal(value, kept[part]), f"an evaluation changes {part}"


def learner_is_paired(name: str) -> None:
    """What is random in a training step, dropout for example, comes from the learner's own seed:
    every loss sees the same, and torch's generator is left as it was."""
    spec, training = learner_named(name), TrainingSpec(steps=1, batch_size=8)
    task = next(_tasks_for(name))
    problem = make_problem([task], [TASK_SEEDS[0]], spec, training, ("inner_valid",))
    network = network_of(problem, "cpu", torch.float32)
    before = torch.get_rng_state()
    x = torch.from_numpy(np.asarray(task.train.x[:8])).T[None]
    weights = torch.from_numpy(problem.initial)
    step = Moment(torch.from_numpy(problem.draws), 0)
    with torch.no_grad():
        (z, left), (again, left_again) = (network.trained(weights, x, step) for _ in range(2))
    same = torch.equal(z, again) and (
        left is None or left_again is None or torch.equal(left, left_again)
    )
    assert same, "a training step depends on more than the learner's seed"
    assert torch.equal(before, torch.get_rng_state()), "training moves torch's own generator"


def learner_trains(name: str) -> None:
    """The initial weights are a function of the seed, and training changes them, reproducibly."""
    spec, training = learner_named(name), TrainingSpec(steps=10, batch_size=8)
    for task in _tasks_for(name):
        first, again, other = (
            initial_weights(spec, task.features, task.classes, np.random.default_rng(k), task.image)
            for k in (1, 1, 2)
        )
        assert np.array_equal(first, again), "the initial weights depend on more than the seed"
        assert not np.array_equal(first, other), "all seeds give the same initial weights"
        problem = make_problem([task], [TASK_SEEDS[0]], spec, training, ("inner_valid",))
        members = Members(np.zeros(2, np.int64), np.array([0.01, 0.01]))
        runs = [
            engine.rollout(problem, members, _stacked("ce", 2, task.classes), [10], KEEP_WEIGHTS)
            for _ in range(2)
        ]
        assert runs[0].weights is not None
        assert runs[1].weights is not None
        assert (runs[0].diverged_at < 0).all(), "a learner diverged"
        assert not np.array_equal(runs[0].weights[0], problem.initial[0]), "nothing was learnt"
        assert np.array_equal(runs[0].weights, runs[1].weights), "training is not reproducible"


LEARNER_CHECKS: tuple[Callable[[str], None], ...] = (
    learner_gives_logits,
    learner_evaluates_examples_alone,
    learner_is_paired,
    learner_trains,
)
"""The first two are for modules; of built-in kinds the kernels' own tests prove as much."""


def _examples(task: Task, label: str) -> list[bytes]:
    x = splits(task)[label].x
    if isinstance(x, Examples):  # a row of a table is an example, whatever its picture
        return [bytes(row) for row in x.rows[:, None]]
    return [row.tobytes() for row in x]


def _fixed(ref: TaskRef) -> bool:
    """Whether the test split is the same for every seed."""
    first, second = (ref.source(test=True)(seed).test for seed in TASK_SEEDS)
    assert first is not None
    assert second is not None
    return bool(np.array_equal(first.y, second.y)) and np.array_equal(
        np.asarray(first.x), np.asarray(second.x)
    )


def _batch(classes: int, scale: float) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(5)
    z = torch.randn(3, classes, 24, generator=rng) * scale
    labels = torch.randint(classes, (3, 24), generator=rng)
    return z, torch.nn.functional.one_hot(labels, classes).transpose(1, 2).float()


def _stacked(name: str, members: int, classes: int) -> StackedLoss:
    ref: LossRef = reference(name, LossSpec())
    counts = np.arange(1, classes + 1, dtype=np.int64) * 10
    wanted = LOSSES.get(name).needs_class_counts
    return ref.stacked(members, classes, "cpu", np.tile(counts, (members, 1)) if wanted else None)


def _tasks_for(name: str) -> Iterator[Task]:
    """Tasks that a learner can learn from; for a module it may raise ValueError to say not."""
    spec = learner_named(name)
    drawn = [
        resolve(task).source(test=False)(TASK_SEEDS[0]) for task in ("digits", "moons", "wine")
    ]
    fitting = [task for task in drawn if _fits(spec, task)]
    fitting = fitting or [task for task in [_twice_as_large(drawn[0])] if _fits(spec, task)]
    assert fitting, "learns neither from 64 numbers, pictures of 16 x 16, nor tables"
    yield from fitting


def _fits(spec: LearnerSpec, task: Task) -> bool:
    if spec.kind != "module":
        return spec.kind != "cnn" or task.image is not None
    try:
        try_module(spec, (task.features, task.classes), task.image, 2)
    except ValueError:
        return False
    return True


def _twice_as_large(task: Task) -> Task:
    """A task of pictures whose pixels are squares of four."""
    assert task.image is not None
    channels, height, width = task.image

    def grown(split: Split) -> Split:
        x = np.asarray(split.x[:100]).reshape(-1, *task.image)  # type: ignore[misc]
        large = x.repeat(2, axis=2).repeat(2, axis=3).reshape(len(x), -1)
        return Split(np.ascontiguousarray(large), split.y[:100])

    return replace(
        task,
        features=4 * task.features,
        image=(channels, 2 * height, 2 * width),
        train=grown(task.train),
        inner_valid=grown(task.inner_valid),
        outer_valid=grown(task.outer_valid),
    )


def _shape(task: Task) -> tuple[int, int, tuple[int, int, int] | None]:
    return task.features, task.classes, task.image
