"""The committed load benchmark on a small grid: sizes and outcomes; its times are for reading."""

from pathlib import Path

from measurements import load


def test_four_processes_insert_and_a_full_grid_lacks_nothing(tmp_path: Path) -> None:
    found = load.measure(f"sqlite:///{tmp_path}/mln.db", 1000, tmp_path)
    assert found["cells"] == found["done"] == 1000
    assert found["trained_again"] == 0
    assert found["errors"] == 0
    assert found["inserted"] == 4 * 50
