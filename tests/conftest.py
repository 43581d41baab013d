"""Settings for all tests."""

import torch

# Two threads on a busy machine are slower than one, and results are defined for one.
torch.set_num_threads(1)
