"""Imports point one way, between the packages and within them, and no circle stands.

Imports inside functions count like any other: a circle that is hidden in one is a circle.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from places import ROOT

PACKAGES = ("mln", "bench", "studies", "reports")

LAYERS: tuple[tuple[str, ...], ...] = (
    ("mln",),
    ("bench.errors", "bench.keys"),
    ("bench.files", "bench.register"),
    ("bench.store", "bench.tasks"),
    ("bench.describing",),
    ("bench.catalogue",),
    ("bench.policies",),
    ("bench.experiment",),
    ("bench.cells",),
    ("bench.workers",),
    ("bench.running",),
    ("bench.testing", "bench.doctor", "bench.explanation", "bench.probing", "bench.speed"),
    ("reports.stats",),
    ("reports.verdicts.kinds",),
    ("reports.figures",),
    ("reports.page",),
    ("reports.verdicts",),
    ("reports.data",),
    (
        "reports.benchmark",
        "reports.ablation",
        "reports.study",
        "reports.regression",
        "reports.explanation",
    ),
    ("studies",),
    ("bench.cli",),
)
"""Rooms from the ground up: one imports from lower layers and from itself, never from beside."""

OF_BENCH_IN_REPORTS = (
    "bench.errors",
    "bench.files",
    "bench.keys",
    "bench.store",
    "bench.catalogue.losses",
    "bench.catalogue.metrics",
    "bench.describing.model",
    "bench.experiment",
    "bench.policies",
    "bench.workers.processes",
)
OF_REPORTS_IN_STUDIES = ("reports.figures.palette",)
TORCH_FREE = (
    "bench",
    "bench.catalogue.plugins",
    "bench.cli.app",
    "bench.describing.describe",
    "bench.experiment.checks",
    "bench.experiment.model",
    "bench.running.runner",
    "bench.store.store",
    "mln",
    "mln.config",
)


def modules() -> dict[str, Path]:
    """Every module of the four packages, by name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(source: str, known: Mapping[str, object]) -> Iterator[str]:
    """The modules among `known` that a source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if name in known or node.module in known:
                    yield name if name in known else node.module


def layer_of(module: str) -> int:
    """The layer that a module lies in; -1 for a package's own front door."""
    for number, rooms in enumerate(LAYERS):
        if any(module == room or module.startswith(f"{room}.") for room in rooms):
            return number
    return -1


def room_of(module: str) -> str:
    """The room that a module lies in."""
    names = [room for rooms in LAYERS for room in rooms]
    return next((x for x in names if module == x or module.startswith(f"{x}.")), module)


def is_upward(module: str, other: str) -> bool:
    """Whether an import points up, sideways, or into what the package may not know."""
    own, theirs = layer_of(module), layer_of(other)
    if theirs < 0 or own < 0:
        return False
    if room_of(module) == room_of(other):
        return False
    if theirs >= own:
        return True
    package, target = module.partition(".")[0], other.partition(".")[0]
    if package == "reports" and target != "reports":
        return not is_within(other, OF_BENCH_IN_REPORTS)
    if package == "studies" and target == "reports":
        return not is_within(other, OF_REPORTS_IN_STUDIES)
    return False


def is_within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(
        module == room or module.startswith(f"{room}.") or room.startswith(f"{module}.")
        for room in rooms
    )


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach one another (Tarjan 1972), each sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in arrows.get(module, ()):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            group = []
            while not group or group[-1] != module:
                group.append(stack.pop())
            if len(group) > 1 or module in arrows.get(module, ()):
                found.append(sorted(group))

    for module in arrows:
        if module not in index:
            visit(module)
    return found


MODULES = modules()
ARROWS = {
    module: set(imported(path.read_text(encoding="utf-8"), MODULES)) - {module}
    for module, path in MODULES.items()
}
FRONT_DOORS = {name for name, path in MODULES.items() if path.name == "__init__.py"}


def test_every_module_lies_in_a_room() -> None:
    outside = [name for name in MODULES if layer_of(name) < 0]
    assert set(outside) <= {"bench", "reports"}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_points_up(package: str) -> None:
    wrong = [
        f"{module} imports {other}"
        for module, others in ARROWS.items()
        if module.partition(".")[0] == package
        for other in sorted(others)
        if is_upward(module, other)
    ]
    assert wrong == []


def test_no_circle_of_imports() -> None:
    # A package's __init__ names its parts for users; no module of the package asks it for them.
    assert circles(ARROWS) == []


def test_the_checks_notice_what_is_wrong() -> None:
    wrong = {
        "mln.genome": "bench.store.store",
        "bench.catalogue.losses": "bench.running.runner",
        "bench.store.store": "bench.tasks.resolve",
        "bench.running.session": "bench.cli.console",
        "bench.running.runner": "studies.run",
        "studies.plan": "reports.page.table",
        "studies.dashboard.gallery": "reports.figures.style",
        "reports.stats.paired": "reports.page.wording",
        "reports.study.report": "reports.ablation.report",
        "reports.page.model": "bench.running.runner",
        "reports.data.load": "mln.config",
    }
    for module, other in wrong.items():
        assert is_upward(module, other), f"{module} -> {other}"
    assert not is_upward("bench.cli.study", "studies.run")
    assert not is_upward("reports.data.load", "bench.store.store")
    inner = "def f():\n    from a.b import c, x\n    import d"
    assert list(imported(inner, dict.fromkeys(("a.b.c", "a.b", "d")))) == ["a.b.c", "a.b", "d"]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


@pytest.mark.parametrize("module", TORCH_FREE)
def test_what_reads_a_configuration_imports_no_torch(module: str) -> None:
    """Over all that a module imports at its top, and so on from there."""
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        source = "\n".join(ast.unparse(node) for node in top)
        assert not set(imported(source, {"torch": None, "torch.nn": None})), name
        waiting += [other for other in imported(source, MODULES) if other not in seen]


def test_files_fit_in_one_reading() -> None:
    lengths = sorted(
        len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES.values()
    )
    lengths = [length for length in lengths if length]
    longest = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in longest.items() if length > 350} == {}
    assert lengths[len(lengths) // 2] < 120
    for package, most in (("bench", 10), ("reports", 2)):
        assert len(list((ROOT / package).glob("*.py"))) <= most
