"""Measures of logits against their definitions."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from mln.measures import measure


def test_measures_against_their_definitions() -> None:
    rng = np.random.default_rng(0)
    z, labels = torch.from_numpy(2 * rng.standard_normal((2, 4, 96))), rng.integers(4, size=(2, 96))
    labels[0][labels[0] == 3] = 0  # a class that does not occur
    padded = torch.from_numpy(labels.copy())
    padded[:, 90:] = -1
    accuracy, nll, balanced, ece = (score.numpy() for score in measure(z, padded))
    for row in range(2):
        y, p = labels[row, :90], z[row, :, :90].softmax(0).numpy()
        chosen, confidence = p.argmax(0), p.max(0)
        assert accuracy[row] == pytest.approx((chosen == y).mean())
        assert nll[row] == pytest.approx(-np.log(p[y, np.arange(90)]).mean())
        with pytest.warns(UserWarning, match="not in y_true") if row == 0 else nullcontext():
            assert balanced[row] == pytest.approx(balanced_accuracy_score(y, chosen))
        bins = np.ceil(confidence * 15)
        expected = sum(
            (bins == b).mean() * abs((chosen == y)[bins == b].mean() - confidence[bins == b].mean())
            for b in np.unique(bins)
        )
        assert ece[row] == pytest.approx(expected)
    z[1, 0, 0] = torch.nan
    assert np.isnan([score[1] for score in measure(z, padded)]).all()
