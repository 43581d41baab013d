"""The committed load benchmark on a small grid: sizes and outcomes; its times are for reading."""

from pathlib import Path

from measurements import load


def test_four_processes_insert_and_a_full_grid_lacks_nothing(tmp_path: Path) -> None:
    measured = load.measure(f"sqlite:///{tmp_path}/mln.db", 1250, tmp_path)
    assert measured["cells"] == measured["done"] == 1250
    assert measured["trained_again"] == 0
    assert measured["errors"] == 0
    assert measured["inserted"] == 4 * 62
