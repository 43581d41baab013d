"""What is measured from a learner's logits, one piece of code for every kernel."""

import torch
from torch import Tensor

CALIBRATION_BINS = 15
"""Bins of equal width, as in Guo et al. 2017."""


def measure(z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Accuracy, nll, balanced accuracy and expected calibration error, [P] each, from logits
    z [P, C, E] and labels [P, E], where -1 is padding; NaN where logits are not finite."""
    real = labels >= 0
    count = real.sum(1)
    log_p = z.log_softmax(1)
    confidence, chosen = log_p.max(1)
    hits = (chosen == labels) & real
    nll = -(log_p.gather(1, labels.clamp_min(0)[:, None])[:, 0] * real).sum(1) / count
    scores = (
        (hits.sum(1) / count).to(z.dtype),
        nll,
        balanced_accuracy(hits, labels, z.shape[1]).to(z.dtype),
        calibration_error(confidence.exp(), hits, real),
    )
    # argmax of NaN is a class like any other: such a learner has no score.
    finite = z.sum((1, 2)).isfinite()
    return tuple(torch.where(finite, score, torch.nan) for score in scores)  # type: ignore[return-value]


def balanced_accuracy(hits: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Mean recall over the classes that occur, [P] (Brodersen et
    al. 2010); hits: bool [P, E], labels [P, E] with -1 as padding."""
    place = torch.where(labels < 0, classes, labels)
    total = torch.zeros(len(labels), classes + 1, dtype=torch.float64, device=labels.device)
    right = torch.zeros_like(total)
    total.scatter_add_(1, place, torch.ones_like(place, dtype=torch.float64))
    right.scatter_add_(1, place, hits.double())
    total, right = total[:, :classes], right[:, :classes]
    occurs = total > 0
    shares = torch.where(occurs, right / total.clamp_min(1), 0.0)
    return shares.sum(1) / occurs.sum(1)


def calibration_error(confidence: Tensor, hits: Tensor, real: Tensor) -> Tensor:
    """Expected calibration error, [P]: over bins of confidence, the mean distance of accuracy and
    confidence, weighted by examples (Guo et al. 2017, equation 3). confidence, hits, real: [P, E].
    """
    # Bins are (a, b], so that a confidence of 1 lies in the last one.
    place = (confidence * CALIBRATION_BINS).ceil().long().clamp(1, CALIBRATION_BINS) - 1
    shape = len(confidence), CALIBRATION_BINS
    over = (hits.double() - confidence.double()) * real
    if confidence.is_cuda:  # where the order in which numbers are scattered is left to chance
        bins = torch.arange(CALIBRATION_BINS, device=place.device)
        surplus = torch.where(place[..., None] == bins, over[..., None], 0.0).sum(1)
    else:
        surplus = torch.zeros(shape, dtype=torch.float64, device=confidence.device)
        surplus.scatter_add_(1, place, over)
    error: Tensor = surplus.abs().sum(1) / real.sum(1)
    return error.to(confidence.dtype)
