"""Numbers in, statistics out: figures, tables, one HTML page, LaTeX, CSV and JSON.

`significance` judges anyone's table of results; `reports.benchmark.report.write_report` reports
what is stored. Nothing here imports torch.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.benchmark.api import Terms, significance

__all__ = ["KINDS", "Terms", "significance", "writer"]

KINDS: dict[str, str] = {
    "significance": "reports.benchmark.report:write_report",
    "ablation": "reports.ablation.report:write_ablation",
    "study": "reports.study.report:write_study",
    "studies": "reports.study.pair:write_pair",
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


LAZY = ("significance", "Terms")
"""What `reports.benchmark.api` gives; importing it takes a second or more."""


def __getattr__(name: str) -> Any:
    if name in LAZY:
        return getattr(import_module("reports.benchmark.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
