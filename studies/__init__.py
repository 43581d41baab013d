"""Optuna studies that tune the settings of an evolution."""
