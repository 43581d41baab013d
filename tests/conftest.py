"""Settings for all tests."""

import os
from pathlib import Path

# Read when triton is first imported: its kernel is tested on the interpreter, on any machine.
os.environ.setdefault("TRITON_INTERPRET", "1")

import pytest
import torch
from hypothesis import settings
from postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

# Two threads on a busy machine are slower than one, and results are defined for one.
torch.set_num_threads(1)

# The same examples on every run: a change is judged by what it changed.
settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")


REAL_DATA = os.environ.get("MLN_DATA_ROOT")


@pytest.fixture
def real_data() -> Path:
    """The folder of real pictures; tests marked `data` are skipped where none is named."""
    if not REAL_DATA or not Path(REAL_DATA).is_dir():
        pytest.skip("MLN_DATA_ROOT names no folder of real pictures")
    return Path(REAL_DATA)
