"""The verb `merge`."""

import json
from contextlib import closing
from pathlib import Path

from test_bench.test_cli.calling import SMALL_RUN, Cli, Stored

from bench.store.schema import cells
from bench.store.store import Store

CELLS = 3 * 2 * 7


def test_results_from_elsewhere_are_as_good_as_ones_own(
    run_cli: Cli, tmp_path: Path, benchmarked: Stored
) -> None:
    source = benchmarked.option.removeprefix("--storage=sqlite:///")
    ended = run_cli("merge", source, "--storage=sqlite:///new/mln.db", "--json")
    assert (ended.code, ended.err) == (0, "")
    tables = {row["table"]: row for row in json.loads(ended.out)}
    assert tables["mln_cells"] == {
        "table": "mln_cells",
        "rows": CELLS,
        "added": CELLS,
        "equal": 0,
        "replaced": 0,
        "left_out": 0,
    }
    ended = run_cli("run", *SMALL_RUN, "--json", "--storage=sqlite:///new/mln.db")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)[0]["done"] == CELLS

    again = run_cli("merge", "new", benchmarked.option)
    assert again.code == 0, again.err
    shown = next(line for line in again.out.splitlines() if "mln_cells" in line)
    assert [word.strip() for word in shown.split("│")][2:-1] == [
        str(CELLS),
        "0",
        str(CELLS),
        "0",
        "0",
    ]
    assert "mln_trials" not in again.out


def test_differing_results_are_one_line_and_code_2(
    run_cli: Cli, tmp_path: Path, benchmarked: Stored
) -> None:
    source = benchmarked.option.removeprefix("--storage=sqlite:///")
    assert run_cli("merge", source, "--storage=sqlite:///mln.db").code == 0
    with closing(Store(f"sqlite:///{tmp_path}/mln.db")) as store:
        with store.transaction() as connection:
            connection.execute(cells.update().values(inner={"nll": 9.0}).where(cells.c.seed == 3))
        before = store.rows(cells)
        ended = run_cli("merge", source, "--storage=sqlite:///mln.db")
        assert ended.code == 2
        assert ended.err.startswith("error: merge: mln_cells: task spirals learner mlp-32 loss ")
        assert "nothing was written" in ended.err
        assert source in ended.err
        assert ended.err.count("\n") == 1
        assert store.rows(cells) == before


def test_a_source_that_is_not_there_is_one_line_and_nothing_written(
    run_cli: Cli, tmp_path: Path
) -> None:
    for source in ("absent.db", "."):
        ended = run_cli("merge", source)
        assert ended.code == 2
        assert "no such file or database" in ended.err
        assert ended.err.count("\n") == 1
    ended = run_cli("merge", "sqlite:///absent.db")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert list(tmp_path.iterdir()) == []
