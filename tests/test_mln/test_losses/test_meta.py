"""Learned losses for the numbers of classes that they are for."""

import pytest
import torch
from test_mln.helpers import VECTOR

from mln.layout import layout
from mln.losses.meta import stacked_from_genomes


def test_a_vector_loss_refuses_other_numbers_of_classes() -> None:
    with pytest.raises(ValueError, match="for 3 classes, not for 4"):
        stacked_from_genomes(VECTOR, torch.zeros(1, layout(VECTOR).size), 4)
