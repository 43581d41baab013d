"""Command lines as text: what to type next, and what reproduces a report."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.store.url import DEFAULT_URL

if TYPE_CHECKING:
    from bench.experiment.model import Experiment

ReportKind = Literal["significance", "ablation", "study"]


def command_line(
    verb: str, *words: str, overrides: Sequence[str] = (), storage: str = DEFAULT_URL
) -> str:
    """A command as a shell reads it; the default storage is not named."""
    settings = [word for override in overrides for word in ("--set", override)]
    place = [] if storage == DEFAULT_URL else ["--storage", storage]
    return shlex.join(["mln-bench", verb, *words, *settings, *place])


def after_evolve(
    experiment: "Experiment", source: str, overrides: Sequence[str], file: Path, storage: str
) -> str:
    """The command that tells whether an evolved loss is any good.

    Where the experiment has no benchmark, that of `quickstart`, with the loss from its file.
    """
    if experiment.benchmark is not None and experiment.benchmark.evolved:
        return command_line("run", source, overrides=overrides, storage=storage)
    losses = json.dumps(["ce", "mse", f"file:{file}"])
    return command_line(
        "run", "quickstart", overrides=[f"benchmark.losses={losses}"], storage=storage
    )


def reproducing_commands(
    kind: ReportKind, experiments: Sequence[str], overrides: Sequence[str]
) -> list[str]:
    """The commands that reproduce a report of some experiments, in the order to run them."""
    verb = "ablate" if kind == "ablation" else "run"
    option = () if kind == "significance" else ("--kind", kind)
    studies = experiments[:1] if kind == "study" else ()
    return [
        *(command_line("study", name, overrides=overrides) for name in studies),
        *(command_line(verb, name, overrides=overrides) for name in experiments),
        command_line("report", *experiments, *option, overrides=overrides),
    ]
