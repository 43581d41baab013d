"""A report over very many rows is written, within a bounded memory and without torch."""

import pytest

from measurements import report_load


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "mebibytes"), [(100_000, 1024), (1_000_000, 8192)])
def test_many_rows(rows: int, mebibytes: int) -> None:
    measured = report_load.measure(rows)
    print(f"a report over {rows:,} rows: {measured}")
    assert measured["rows"] == rows
    assert measured["peak_mib"] < mebibytes
