"""Numbers in, statistics out: figures, tables, one HTML page, LaTeX, CSV and JSON.

`reports.benchmark.report.write_report` is the front door. Nothing here imports torch.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

KINDS: dict[str, str] = {
    "significance": "reports.benchmark.report:write_report",
    "ablation": "reports.ablation.report:write_ablation",
    "study": "reports.study.report:write_study",
    "compare": "reports.regression.report:write_regression",
    "explanation": "reports.explanation.report:write_explanation",
}
"""Every kind of report, and the function that writes it."""


def writer(kind: str) -> Callable[..., Any]:
    """The function that writes a kind of report; importing it takes a second or more.

    Raises:
        KeyError: there is no such kind.
    """
    module, _, name = KINDS[kind].partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function
