"""Command lines as text."""

import shlex

import pytest

from bench.cli.commands import ReportKind, command_line, reproducing_commands
from bench.store.url import DEFAULT_URL


def test_a_command_is_what_a_shell_reads_back() -> None:
    overrides = ["benchmark.tasks=['moons']", "seed=7"]
    line = command_line("run", "my file.toml", overrides=overrides, storage="sqlite:///a b.db")
    assert shlex.split(line) == [
        *("mln-bench", "run", "my file.toml"),
        *("--set", "benchmark.tasks=['moons']", "--set", "seed=7"),
        *("--storage", "sqlite:///a b.db"),
    ]
    assert command_line("dashboard", storage=DEFAULT_URL) == "mln-bench dashboard"


@pytest.mark.parametrize(
    ("kind", "names", "expected"),
    [
        (
            "significance",
            ["a", "b"],
            ["run a --set seed=7", "run b --set seed=7", "report a b --set seed=7"],
        ),
        (
            "ablation",
            ["a"],
            ["ablate a --set seed=7", "report a --kind ablation --set seed=7"],
        ),
        (
            "study",
            ["w w", "d"],
            [
                "study 'w w' --set seed=7",
                "run 'w w' --set seed=7",
                "run d --set seed=7",
                "report 'w w' d --kind study --set seed=7",
            ],
        ),
    ],
)
def test_the_commands_behind_a_report(
    kind: ReportKind, names: list[str], expected: list[str]
) -> None:
    commands = reproducing_commands(kind, names, ["seed=7"])
    assert commands == [f"mln-bench {line}" for line in expected]
