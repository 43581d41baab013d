"""Settings as overrides."""

import shlex
from typing import Any

import pytest

from bench.experiment.overrides import apply_override, override_text


@pytest.mark.parametrize("value", [True, 16, 0.25, 1e-05, "hybrid", "two words", "a'b", [1, 2]])
def test_an_override_that_is_printed_is_read_back(value: Any) -> None:
    option, override = shlex.split(override_text("evolution.settings.key", value))
    content: dict[str, Any] = {}
    apply_override(content, override)
    assert option == "--set"
    assert content == {"evolution": {"settings": {"key": value}}}
