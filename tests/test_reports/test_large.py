"""A report over very many rows is written, within a bounded memory and without torch."""

import pytest

from benchmarks.report_load import measure


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "mebibytes"), [(100_000, 1024), (1_000_000, 8192)])
def test_many_rows(rows: int, mebibytes: int) -> None:
    found = measure(rows)
    print(f"a report over {found['rows']:,} rows: {found}")
    assert found["rows"] == rows
    assert found["peak_mib"] < mebibytes
