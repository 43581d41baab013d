"""A loss of one's own, from its value alone: autograd finds the gradient."""

from torch import Tensor

from bench import LossEntry


def asymmetric(z: Tensor, y: Tensor, a: Tensor) -> Tensor:
    """(1 - p_t^a) / a + a sum of the squared other probabilities; z, y [P, C, B] -> [P, B]."""
    p = z.softmax(1)
    p_t = (p * y).sum(1)
    a = a[:, 0]
    others = (p**2 * (1 - y)).sum(1)
    return (1 - p_t.clamp_min(1e-7) ** a) / a + a * others


LOSSES = [
    LossEntry(
        "asymmetric",
        "(1 - p_t^a) / a + a sum of p_j^2 over the rivals",
        "this example",
        parameter="a",
        grid=(0.5, 0.25, 0.75, 1.0, 0.1),
        value=asymmetric,
    )
]
