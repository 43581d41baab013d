"""Losses that come with the package."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from mln import MetaLoss
from mln.config import LossSpec, StateFeature
from mln.files import load_loss
from mln.law import law
from mln.laws import law as hand_set
from mln.pretrained import HOME, NAMES, card, facts, loss_path
from mln.pretrained.cards import Card, Judged


def trained(loss: nn.Module, steps: int = 100) -> float:
    """The accuracy of a learner on the two signs that it was trained to tell apart."""
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    return (model(x).argmax(1) == y).float().mean().item()


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_a_learner(name: str) -> None:
    assert trained(MetaLoss.from_pretrained(name, total_steps=100)) > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_total_steps_are_needed_where_the_card_says_so(name: str) -> None:
    if facts(name).needs_total_steps:
        with pytest.raises(ValueError, match=r"^this loss follows .* give total_steps$"):
            MetaLoss.from_pretrained(name)
    else:
        assert trained(MetaLoss.from_pretrained(name)) > 0.8


@pytest.mark.parametrize("state", [(), ("accuracy",)])
def test_a_law_without_progress_trains_without_total_steps(
    tmp_path: Path, state: tuple[StateFeature, ...]
) -> None:
    q = {"constant": 0.1, **dict.fromkeys(state, 0.6)}
    spec, genome = hand_set(LossSpec(kind="adaptive", state=state), q=q, eps=0.1)
    MetaLoss(spec, torch.tensor(genome)).save(tmp_path / "mine.safetensors")
    loss = MetaLoss.from_pretrained(tmp_path)
    z, y = torch.tensor([[0.5, 0.0, -1.0]]), torch.tensor([1])
    loss.eval()
    before = loss(z, y).item()
    loss.train()
    assert trained(loss) > 0.8
    loss.eval()
    # Balanced classes and tau = 0: only what follows accuracy has changed.
    assert (loss(z, y).item() != pytest.approx(before, rel=1e-3)) == bool(state)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_what_the_file_holds(name: str) -> None:
    known, saved = facts(name), load_loss(loss_path(name))
    assert card(name) == known.to_markdown()
    assert known.name == name
    assert known.state == saved.spec.state
    assert known.formula == tuple(line.formula for line in law(saved.spec, saved.genome))
    assert all(f"    {line}\n" in card(name) for line in known.formula)
    assert known.evolution.run == saved.provenance["run"] + 1
    assert known.evolution.member_steps == saved.provenance["member_steps"]
    assert {"ce", "mse"} <= {each.baseline for each in known.verdicts}


def test_every_file_of_a_loss_is_there() -> None:
    for suffix in (".json", ".md"):
        assert tuple(sorted(path.stem for path in HOME.glob(f"*{suffix}"))) == NAMES


def test_a_card_tells_where_its_loss_loses() -> None:
    good = Judged("digits", "mlp", "ce", 20, 0.02, 0.01, 0.03, "better")
    bad = Judged("moons", "mlp", "ce", 20, -0.031, -0.04, -0.022, "worse")
    open_ = Judged("moons", "mlp", "gce", 20, -0.01, -0.015, -0.005, "inconclusive")
    known = replace(facts("adaptive"), verdicts=(good, bad, open_))
    text = known.to_markdown()
    assert "| digits | **+2.0±1.0** |  |\n| moons | *−3.1±0.9* | −1.0±0.5 |" in text
    assert "**Better** than ce on 1 of 2." in text
    assert "**Worse** than ce on 1 of 2." in text
    assert "verdict: ce on moons (−3.1±0.9); gce on moons (−1.0±0.5)." in text
    down = (replace(known.protocols[0], direction="minimise"),)
    assert "verdict: ce on digits (+2.0±1.0)." in replace(known, protocols=down).to_markdown()


def test_a_card_tells_that_its_loss_may_be_none_the_better() -> None:
    known = facts("adaptive")
    words = "which does not show it to be better"
    assert (words in known.to_markdown()) == (known.choice.low <= 0)
    unclear = replace(known.choice, low=-0.01)
    assert words in replace(known, choice=unclear).to_markdown()


def test_a_card_that_is_none_is_refused() -> None:
    whole = json.loads(facts("adaptive").to_json())
    assert Card.from_json(json.dumps(whole)) == facts("adaptive")
    for broken in (
        {**whole, "colour": "blue"},
        {key: value for key, value in whole.items() if key != "licence"},
        {**whole, "choice": {**whole["choice"], "luck": 1}},
        {**whole, "verdicts": [3]},
        [],
    ):
        with pytest.raises(ValueError, match="not a card of a loss"):
            Card.from_json(json.dumps(broken))


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
