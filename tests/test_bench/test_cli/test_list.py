"""The verb `list`."""

import json

import pytest
from places import PLUGINS
from test_bench.test_cli.calling import Cli

from bench.catalogue import plugins
from bench.catalogue.losses import LOSSES
from bench.cli.listing import listing
from mln.pretrained import NAMES


@pytest.mark.parametrize("what", ["tasks", "regimes", "losses", "learners", "experiments"])
def test_lists_are_the_same_for_people_and_machines(run_cli: Cli, what: str) -> None:
    names = [row["name"] for row in json.loads(run_cli("list", what, "--json").out)]
    assert names
    shown = run_cli("list", what)
    assert shown.code == 0
    # A long name goes on in the next line of its cell.
    cells = "".join(line.split("│")[1].strip() for line in shown.out.splitlines() if "│" in line)
    assert all(name in cells for name in names)


def test_the_list_of_losses_shows_parameters_and_their_values() -> None:
    rows = {row["name"]: row for row in listing("losses")}
    assert set(rows) == {*LOSSES, *(f"pretrained:{name}" for name in NAMES)}
    assert "mln-bench evolve" in rows["pretrained:adaptive"]["source"]
    assert rows["gce"]["parameter"] == "q"
    assert rows["gce"]["default"] == 0.7
    assert rows["gce"]["grid"] == "0.2 0.4 0.55 0.7 0.9"
    assert rows["ce"]["grid"] is None
    assert all(row["source"] and row["description"] for row in rows.values())


def test_a_plugin_is_listed_too(run_cli: Cli) -> None:
    plugins.forget_files()
    try:
        ended = run_cli("list", "tasks", "--json", "--plugin", str(PLUGINS / "rings.py"))
    finally:
        plugins.forget_files()
    assert "rings" in {row["name"] for row in json.loads(ended.out)}
