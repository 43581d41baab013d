"""Imports point one way: mln <- bench <- studies, and reports reads stored results alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("mln", "bench", "studies", "reports")
FROM_BENCH_IN_REPORTS = {
    "bench.store", "bench.experiment", "bench.errors", "bench.metrics", "bench.processes",
    "bench.prospects",
}  # fmt: skip
ALLOWED = {
    "mln": {"mln"},
    "bench": {"mln", "bench"},
    "studies": {"mln", "bench", "studies", "reports.figures"},
    "reports": {"reports", *FROM_BENCH_IN_REPORTS},
}
TORCH_FREE = (
    "mln/__init__.py",
    "mln/config.py",
    "mln/random.py",
    "mln/task.py",
    "bench/cli.py",
    "bench/cli_explain.py",
    "bench/cli_speed.py",
    "bench/experiment.py",
    "bench/store.py",
    "bench/registry.py",
)


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def violations(layer: str, path: Path, source: str) -> list[str]:
    """Imports in a file of `layer` that point against the layers."""
    if layer == "bench" and (path.stem == "cli" or path.stem.startswith("cli_")):
        return []
    found = []
    for name in imported(ast.parse(source)):
        own = name.partition(".")[0]
        if own not in LAYERS:
            if layer == "reports" and own in ("torch", "mln"):
                found.append(name)
            continue
        if not any(name == good or name.startswith(f"{good}.") for good in ALLOWED[layer]) and not (
            any(good.startswith(f"{name}.") for good in ALLOWED[layer])
        ):
            found.append(name)
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_layers(layer: str) -> None:
    for path in sorted((ROOT / layer).rglob("*.py")):
        assert violations(layer, path, path.read_text()) == [], path


def test_the_check_notices_an_import_against_the_layers() -> None:
    wrong = {
        "mln": "import bench.store",
        "bench": "from studies.screen import run_study",
        "studies": "import reports.render",
        "reports": "from bench.runner import Runner",
    }
    for layer, source in wrong.items():
        assert violations(layer, Path("somewhere.py"), source), layer
    assert violations("bench", Path("client.py"), wrong["bench"])
    assert not violations("bench", Path("cli_study.py"), wrong["bench"])


def top_level(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)


@pytest.mark.parametrize("file", TORCH_FREE)
def test_configuration_and_command_line_import_no_torch(file: str) -> None:
    names = set(top_level(ast.parse((ROOT / file).read_text())))
    assert not any(name.partition(".")[0] == "torch" for name in names)
