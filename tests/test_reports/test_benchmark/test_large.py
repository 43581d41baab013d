"""A report over very many cells is written, within a bounded memory and without torch."""

import pytest

from measurements import report_load


@pytest.mark.slow
@pytest.mark.parametrize(("cells", "mebibytes"), [(100_000, 1024), (500_000, 1536)])
def test_many_cells(cells: int, mebibytes: int) -> None:
    measured = report_load.measure(cells)
    print(f"a report over {cells:,} cells: {measured}")
    assert measured["cells"] == cells
    assert measured["peak_mib"] < mebibytes
