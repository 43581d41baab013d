"""Settings for all tests."""

import torch
from hypothesis import settings
from postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

# Two threads on a busy machine are slower than one, and results are defined for one.
torch.set_num_threads(1)

# The same examples on every run: a change is judged by what it changed.
settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")
