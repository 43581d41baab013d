"""The GPU's persistent kernel: Triton sources, and a problem and its losses as they read it."""
