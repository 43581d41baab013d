"""A report over very many rows is written, within a bounded memory and without torch."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "mebibytes"), [(100_000, 1024), (1_000_000, 8192)])
def test_many_rows(rows: int, mebibytes: int) -> None:
    import report_load

    found = report_load.measure(rows)
    print(f"a report over {rows:,} rows: {found}")
    assert found["rows"] == rows
    assert found["peak_mib"] < mebibytes
