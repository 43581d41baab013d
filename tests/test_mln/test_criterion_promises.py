"""What MetaLoss promises for every kind and head, beside cross-entropy's semantics."""

import copy
import io
import pickle
from pathlib import Path

import pytest
import torch
from test_mln.test_criterion import ALL, random_loss
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mln import LossSpec, MetaLoss
from mln.losses.meta import stacked_from_genomes

HARD = {
    **ALL,
    "logp_gate": LossSpec(features="logp,p,y", head="gate"),
    "logit_residual": LossSpec(features="logit,y", head="residual"),
    "silu_deep": LossSpec(depth=2, activation="silu", head="softplus"),
    "relu": LossSpec(activation="relu", features="logp,p,y"),
}
INF = float("inf")
ROWS = {
    "masked": [1.0, 2.0, -INF],
    "two masked": [1.0, -INF, -INF],
    "large": [1e30, -1e30, 0.0],
    "wrong by far": [-1e30, 1e30, 0.0],
    "all large": [1e30, 1e30, 1e30],
    "largest": [3e38, -3e38, 0.0],
}


def value_and_gradient(loss: nn.Module, z: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    at = z.detach().clone().requires_grad_()
    value = loss(at, target)
    (gradient,) = torch.autograd.grad(value.sum(), at)
    return value.detach(), gradient


def test_a_masked_class_counts_as_in_cross_entropy() -> None:
    z, target = torch.tensor([[1.0, 2.0, -INF]]), torch.tensor([0])
    value, gradient = value_and_gradient(MetaLoss(LossSpec(kind="adaptive", state=())), z, target)
    assert float(value) == pytest.approx(1.3133, abs=1e-4)
    residual = MetaLoss(LossSpec(head="residual", normalise=False))
    torch.testing.assert_close(value_and_gradient(residual, z, target), (value, gradient))


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_any_logits_give_numbers(name: str, dtype: torch.dtype) -> None:
    """In both modes of autograd, for labels and probabilities, with and without a batch."""
    loss = random_loss(HARD[name])
    for row in ROWS.values():
        z = torch.tensor([row], dtype=dtype)
        if not cross_entropy(z.float(), torch.tensor([0])).isfinite():
            continue
        soft = torch.tensor([[0.7, 0.3, 0.0]])
        for target in (torch.tensor([0]), soft if row[1] > -1e9 else torch.eye(3)[:1]):
            for logits, wanted in ((z, target), (z[0], target[0]), (z.repeat(5, 1), None)):
                wanted = target.repeat(5, *[1] * (target.dim() - 1)) if wanted is None else wanted
                value, gradient = value_and_gradient(loss, logits, wanted)
                assert value.isfinite()
                assert gradient.isfinite().all()
                assert gradient.dtype == dtype
                with torch.no_grad():
                    assert loss.eval()(logits, wanted).isfinite()
                loss.train()
    assert loss.memory.isfinite().all()


def test_an_ignored_example_may_hold_anything() -> None:
    z = torch.tensor([[1.0, 2.0, 0.0], [float("nan")] * 3, [-INF] * 3])
    value, gradient = value_and_gradient(MetaLoss(), z, torch.tensor([1, -100, -100]))
    assert value == pytest.approx(float(MetaLoss()(z[:1], torch.tensor([1]))), abs=1e-5)
    assert (gradient[1:] == 0).all()
    assert gradient[0].isfinite().all()


@pytest.mark.parametrize("name", HARD)
def test_certainty_of_the_right_answer_costs_nothing(name: str) -> None:
    spec = HARD[name]
    loss = random_loss(spec, reduction="none")
    if spec.kind == "adaptive":
        loss.genome[-3] = -10.0  # smoothing wants no certainty
    for _ in range(3):  # as the state moves
        loss(torch.randn(8, 3).requires_grad_(), torch.randint(3, (8,)))
        for mode in (loss.eval(), loss.train()):
            at = 200 * torch.eye(3)
            largest = float(mode(torch.randn(50, 3) * 3, torch.randint(3, (50,))).abs().max())
            torch.testing.assert_close(
                mode(at, torch.arange(3)), torch.zeros(3), rtol=0, atol=2e-5 * max(1, largest)
            )
    weighted = random_loss(LossSpec(), weight=torch.tensor([1.0, 3.0, 0.5]))
    assert float(weighted(200 * torch.eye(3), torch.arange(3))) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_the_default_falls_to_0_as_a_learner_becomes_right(classes: int) -> None:
    sizes = torch.linspace(-3, 12, 40)
    z = torch.zeros(40, classes)
    z[:, 0] = sizes
    values = MetaLoss(reduction="none")(z, torch.zeros(40, dtype=torch.long))
    assert (values.diff()[values[1:] > 0.1] < 0).all()
    assert values.min() > -0.05 * values[0]  # an imitation, not cross-entropy itself
    assert abs(values[-1]) < 0.002 * values[0]
    assert values[0] > 1


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("soft", [False, True])
def test_the_gradient_is_that_of_the_value(name: str, soft: bool) -> None:
    """Of first and second order, to the precision of float64."""
    torch.manual_seed(1)
    loss = random_loss(HARD[name]).double().eval()
    target = torch.randn(4, 3).double().softmax(1) if soft else torch.tensor([0, 2, 1, -100])
    z = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda at: loss(at, target), z)
    if HARD[name].activation != "relu":
        assert torch.autograd.gradgradcheck(lambda at: loss(at, target), z, atol=1e-4, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's forward mode
@pytest.mark.parametrize("name", ["default", "residual", "taylor", "adaptive_constant"])
def test_transforms_of_torch_func_and_forward_mode(name: str) -> None:
    loss = random_loss(HARD[name]).double().eval()
    z, target = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 2, 1, 1])
    _, expected = value_and_gradient(loss, z, target)
    torch.testing.assert_close(torch.func.grad(lambda at: loss(at, target))(z), expected)
    one = torch.func.vmap(torch.func.grad(lambda at, t: loss(at, t)))(z, target)
    torch.testing.assert_close(one / 4, expected)
    hessian = torch.func.jacrev(torch.func.grad(lambda at: loss(at, target)))(z)
    both = torch.autograd.functional.hessian(lambda at: loss(at, target), z)
    torch.testing.assert_close(hessian, both)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(z.requires_grad_(), torch.ones_like(z))
        tangent = torch.autograd.forward_ad.unpack_dual(loss(dual, target)).tangent
    torch.testing.assert_close(tangent, expected.sum())


def test_a_backward_pass_is_of_the_state_that_it_was_called_in() -> None:
    loss, other = random_loss(ALL["gate"]), random_loss(ALL["gate"])
    torch.manual_seed(0)
    z, target = torch.randn(8, 3, requires_grad=True), torch.randint(3, (8,))
    first = loss(z, target)
    loss(torch.randn(8, 3).requires_grad_(), target)
    (late,) = torch.autograd.grad(first, z, create_graph=True)
    (expected,) = torch.autograd.grad(other(z, target), z)
    torch.testing.assert_close(late, expected)


@pytest.mark.parametrize("name", HARD)
def test_autocast_changes_nothing(name: str) -> None:
    torch.manual_seed(0)
    z, target = 3 * torch.randn(16, 3), torch.randint(3, (16,))
    plain, cast = random_loss(HARD[name]), random_loss(HARD[name])
    for _ in range(2):
        expected = value_and_gradient(plain, z, target)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            ours = value_and_gradient(cast, z, target)
        assert torch.equal(ours[0], expected[0])
        assert torch.equal(ours[1], expected[1])
    assert torch.equal(cast.memory, plain.memory)


def test_steps_are_counted_whatever_the_dtype() -> None:
    z, target = torch.randn(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 0])
    for cast in (torch.bfloat16, torch.half, torch.double):
        loss = MetaLoss.from_pretrained("adaptive", total_steps=1000).to(cast)
        for _ in range(300):
            loss(z, target)
        assert int(loss.steps_done) == 300
        assert not loss.steps_done.is_floating_point()
        for again in (
            copy.deepcopy(loss),
            pickle.loads(pickle.dumps(loss)),
            _through(loss),
            MetaLoss.from_pretrained("adaptive", total_steps=1000),
        ):
            again.load_state_dict(loss.state_dict())
            assert int(again.steps_done) == 300
            assert again.eval()(z, target) == loss.eval()(z, target)
            loss.train()


def _through(loss: MetaLoss) -> MetaLoss:
    file = io.BytesIO()
    torch.save(loss, file)
    file.seek(0)
    made: MetaLoss = torch.load(file, weights_only=False)
    return made


def test_a_state_saved_with_a_step_counter_of_floats_is_read() -> None:
    loss = random_loss(ALL["gate"])
    loss.load_state_dict({**loss.state_dict(), "steps_done": torch.tensor(7.0)})
    assert int(loss.steps_done) == 7
    assert not loss.steps_done.is_floating_point()


@pytest.mark.parametrize("name", ["default", "gate", "adaptive"])
def test_half_precision_leaves_the_loss_as_it_is(name: str, tmp_path: Path) -> None:
    """Alone and as a part of a model that is cast."""
    loss = random_loss(HARD[name], weight=torch.tensor([0.1, 0.2, 0.3]))
    z, target = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    expected = loss.eval()(z, target)
    whole = nn.ModuleList([nn.Linear(2, 2), loss]).to(torch.bfloat16)
    assert whole[0].weight.dtype == torch.bfloat16
    assert loss(z, target) == expected
    assert loss.double().genome.dtype == torch.float64
    loss.half().save(tmp_path / "loss.safetensors")
    again = MetaLoss.load(tmp_path / "loss.safetensors", weight=loss.weight, total_steps=10)
    assert torch.equal(again.genome, loss.genome.float())
    assert again.eval()(z.bfloat16().float(), target) == loss(z.bfloat16(), target)


def test_a_compiled_step_is_the_plain_one_for_masked_classes() -> None:
    torch.compiler.reset()
    for name in ("adaptive_constant", "residual"):
        plain = random_loss(HARD[name]).eval()
        fast = torch.compile(plain, fullgraph=True, backend="aot_eager")
        z, target = torch.tensor([[1.0, 2.0, 0.5, -INF]]), torch.tensor([0])
        ours, theirs = (value_and_gradient(loss, z, target) for loss in (fast, plain))
        torch.testing.assert_close(ours[0], theirs[0])
        torch.testing.assert_close(ours[1][:, :3], theirs[1][:, :3])


def test_the_value_of_a_stacked_loss_is_what_it_was() -> None:
    """The constant is MetaLoss's: what evolution sees has none."""
    loss = MetaLoss(reduction="none")
    z, target = torch.randn(6, 3), torch.randint(3, (6,))
    y = nn.functional.one_hot(target, 3).float().t()[None]
    stacked = stacked_from_genomes(loss.spec, loss.genome[None], 3)
    distance = loss(z, target) - stacked.value(z.t()[None], y)[0]
    torch.testing.assert_close(distance, distance[:1].expand(6), rtol=1e-5, atol=1e-5)
    assert distance[0] > 1
