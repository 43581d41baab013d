"""The points at which a learning curve is measured."""

from mln.rollout import curve_points


def test_curve_points_end_at_the_last_step() -> None:
    assert curve_points(500, 20)[-1] == 500
    assert curve_points(3, 20) == [1, 2, 3]
    assert len(curve_points(500, 20)) == 20
