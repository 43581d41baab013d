"""Losses that come with the package."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from mln import MetaLoss
from mln.files import load_loss
from mln.law import law
from mln.pretrained import NAMES, card, loss_path


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_a_learner(name: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    loss = MetaLoss.from_pretrained(name, total_steps=100)
    for _ in range(100):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    assert (model(x).argmax(1) == y).float().mean() > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_the_card_states_its_law(name: str) -> None:
    saved = load_loss(loss_path(name))
    text = card(name)
    for line in law(saved.spec, saved.genome):
        stated = re.search(rf"{line.exponent} += (.*), in ", text)
        assert stated is not None
        numbers = sorted(float(x) for x in re.findall(r"\.\d+|\d+\.\d+", stated[1]))
        wanted = sorted(float(x) for x in re.findall(r"\.\d+|\d+\.\d+", line.formula.split(",")[0]))
        assert numbers == wanted


def test_a_folder_and_a_file(tmp_path: Path) -> None:
    MetaLoss().save(tmp_path / "mine.safetensors")
    of_file = MetaLoss.from_pretrained(tmp_path / "mine.safetensors")
    of_folder = MetaLoss.from_pretrained(tmp_path)
    assert torch.equal(of_file.genome, of_folder.genome)
    MetaLoss().save(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="holds 2 loss files"):
        MetaLoss.from_pretrained(tmp_path)


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'adaptive'"):
        MetaLoss.from_pretrained("adaptve", total_steps=10)
