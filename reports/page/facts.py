"""What it takes to run a report again: seeds, fingerprints, versions, commands."""

import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

from bench.experiment.model import Experiment

LIBRARIES = (
    "numpy", "scipy", "statsmodels", "scikit-posthocs", "pandas", "matplotlib", "seaborn",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of the libraries that compute and draw a report."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def reproduction(experiment: Experiment) -> dict[str, Any]:
    """Root seed, library versions and configuration, as report.json holds them."""
    return {
        "root_seed": experiment.seed,
        "report_versions": versions(),
        "configuration": json.loads(experiment.model_dump_json()),
    }


def facts(
    experiment: Experiment, fingerprint: str, cells: Mapping[str, list[str]], run: Any
) -> dict[str, Any]:
    """The same for the page: sentences, versions and folded details."""
    shown = {f"{name} (report)": version for name, version in versions().items()}
    shown |= {f"{name} (runs)": ", ".join(values) for name, values in cells.items()}
    details = {"Provenance of the run": run} if run else {}
    return {
        "sentences": {
            "Root seed": str(experiment.seed),
            "Fingerprint of the configuration": fingerprint,
        },
        "versions": shown,
        "details": {**details, "Configuration": json.loads(experiment.model_dump_json())},
    }
