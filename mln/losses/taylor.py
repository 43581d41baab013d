"""TaylorGLO's polynomial as a rival representation.

Gonzalez and Miikkulainen 2021, "Optimizing loss functions through multi-variate Taylor
polynomial parameterization": a third-order expansion in the prediction p and the target y of a
class around two evolved constants; terms that do not depend on the prediction are dropped.
With dp = p - theta_1 and dy = y - theta_0 the loss is minus the mean over classes of
    theta_2 dp + theta_3 dp^2 / 2 + theta_4 dp^3 / 6
    + theta_5 dy dp + theta_6 dy dp^2 / 2 + theta_7 dy^2 dp / 2.
"""

from torch import Tensor

from mln.config import LossSpec
from mln.layout import TAYLOR_SIZE
from mln.losses.arrays import Array, numbers
from mln.losses.base import Learned, Step, array_through_softmax, through_softmax
from mln.losses.probe import gradient_scale


class TaylorLoss(Learned):
    """P polynomials for tasks of C classes, from genomes [P, 8]."""

    kind = "taylor"

    def __init__(
        self, spec: LossSpec, theta: Tensor, classes: int, normalise: bool | None = None
    ) -> None:
        self.theta = theta.reshape(-1, TAYLOR_SIZE, 1, 1)
        self.scale = theta.new_ones(len(theta), 1, 1)
        if spec.normalise if normalise is None else normalise:
            unscaled = TaylorLoss(spec, theta.double(), classes, normalise=False)
            scale = gradient_scale(unscaled, classes, device=theta.device)
            self.scale = scale.to(theta.dtype)[:, None, None]

    def __len__(self) -> int:
        return len(self.theta)

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        centre_y, centre_p, t2, t3, t4, t5, t6, t7 = self.theta.unbind(1)
        dp, dy = z.softmax(1) - centre_p, y - centre_y
        linear = t2 + t5 * dy + t7 * dy * dy / 2
        f = dp * (linear + dp * ((t3 + t6 * dy) / 2 + dp * (t4 / 6)))
        return -self.scale[..., 0] * f.mean(1)

    def step(self, z: Array, p: Array, y: Array) -> Step:
        """From one pass over all classes."""
        centre_y, centre_p, t2, t3, t4, t5, t6, t7 = numbers(self.theta)
        (scale,) = numbers(self.scale / -z.shape[1])

        def value_and_slope(p: Array, y: Array) -> tuple[Array, Array]:
            dp, dy = p - centre_p, y - centre_y
            linear, quadratic = t2 + dy * (t5 + dy * (t7 / 2)), t3 + dy * t6
            value = dp * (linear + dp * (quadratic / 2 + dp * (t4 / 6)))
            return value * scale, linear + dp * (quadratic + dp * (t4 / 2))

        value, slope = value_and_slope(p, y)
        zero = value_and_slope(1.0, 1.0)[0] + (z.shape[1] - 1) * value_and_slope(0.0, 0.0)[0]
        return Step(value, array_through_softmax(p * slope * scale, p), zero)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        centre_y, centre_p, t2, t3, t4, t5, t6, t7 = self.theta.unbind(1)
        dp, dy = p - centre_p, y - centre_y
        linear = t2 + t5 * dy + t7 * dy * dy / 2
        slope = linear + dp * (t3 + t6 * dy + dp * (t4 / 2))
        return through_softmax(p * slope * (-self.scale / p.shape[1]), p)
