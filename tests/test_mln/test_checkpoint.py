"""Checkpoints: any state comes back bit for bit, and the file has the same bytes each time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from test_mln.helpers import START, sphere

from mln import checkpoint
from mln.config import EvolutionConfig
from mln.search import hybrid
from mln.search.config import HandoverConfig, StrategyConfig
from mln.search.hybrid import SearchState

KINDS = ("openai-es", "snes", "sep-cma-es")
RUNS = [("ga", "openai-es"), ("random", "openai-es")]
RUNS += [(mode, kind) for mode in ("es", "hybrid") for kind in KINDS]


def searched(mode, kind, generations: int) -> tuple[EvolutionConfig, SearchState]:
    config = EvolutionConfig(
        mode=mode,
        population=8,
        switch_point=0.5,
        strategy=StrategyConfig(kind=kind),
        handover=HandoverConfig(spread="elite"),
    )
    rng = np.random.default_rng(0)
    state = hybrid.init(config, START, rng)
    for generation in range(generations):
        spent = generation * config.budget // 6
        state = hybrid.hand_over_if_due(config, state, spent, generation)
        asked = hybrid.ask(config, state, rng)
        state = hybrid.tell(config, asked, sphere(asked.candidates))
    return config, state


def assert_same(a: object, b: object) -> None:
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    elif hasattr(a, "__dataclass_fields__"):
        for name in a.__dataclass_fields__:
            assert_same(getattr(a, name), getattr(b, name))
    else:
        assert a == b


@pytest.mark.parametrize(("mode", "kind"), RUNS)
@pytest.mark.parametrize("generations", [0, 1, 5])
def test_a_state_comes_back_bit_for_bit(mode, kind, generations: int, tmp_path: Path) -> None:
    config, state = searched(mode, kind, generations)
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    history = [{"number": 0, "best": 0.1 + 0.2}]
    checkpoint.write(first, "me", state, history)
    loaded = checkpoint.read(first, "me")
    assert loaded is not None
    assert_same(state, loaded.state)
    assert loaded.history == history
    checkpoint.write(second, "me", loaded.state, loaded.history)
    assert first.read_bytes() == second.read_bytes()
    before, after = (
        hybrid.ask(config, s, np.random.default_rng(1)).candidates for s in (state, loaded.state)
    )
    assert np.array_equal(before, after)
    assert (state.handover is not None) == (mode == "hybrid" and generations == 5)


def test_a_file_of_another_run_another_format_or_no_file_is_no_checkpoint(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    file = tmp_path / "x.safetensors"
    assert checkpoint.read(file, "me") is None
    _, state = searched("ga", "snes", 1)
    checkpoint.write(file, "you", state, [])
    assert checkpoint.read(file, "me") is None
    save_file({"population": np.zeros(3)}, file, {"identity": "me", "phase": "ga"})
    assert checkpoint.read(file, "me") is None


def test_a_state_that_is_not_registered_is_refused() -> None:
    @dataclass(frozen=True)
    class Unknown:
        x: int = 0

    for part in (Unknown(), {1}, np.float64(2.0)):
        with pytest.raises(TypeError, match="state cannot be saved"):
            checkpoint.flatten(part, {})
