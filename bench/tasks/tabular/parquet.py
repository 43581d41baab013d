"""Parquet files: their columns have types, which are taken over; texts are read as in CSV."""

import io
import math
import warnings
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.tasks.tabular.raw import RawColumn, RawTable, name_key, named

MAGIC = b"PAR1"


def read_parquet(where: str, inside: str, content: bytes, label: str) -> RawTable:
    """The columns of a file; the label's values are texts. Raises InputError, one line, where it
    cannot be read."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(
            f"{where}: Parquet needs pyarrow: pip install 'mln-bench[parquet]'"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = parquet.ParquetFile(io.BytesIO(content)).read()
    except Exception as error:  # each reader has exceptions of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{inside} cannot be read: {reason}") from error
    if not table.num_rows:
        raise InputError(f"{inside} has no row")
    # The row numbers that pandas writes beside a table are not the user's.
    kept = [
        number
        for number, name in enumerate(table.column_names)
        if not name.startswith("__index_level_")
    ]
    names, _ = named(inside, [table.column_names[number] for number in kept])
    is_label = [name_key(name) == name_key(label) for name in names]
    return RawTable(
        tuple(
            _column(name, table.column(number), arrow.types, own)
            for number, name, own in zip(kept, names, is_label, strict=True)
        )
    )


def _column(name: str, values: Any, types: Any, is_label: bool) -> RawColumn:
    kind, declared = values.type, False
    if types.is_dictionary(kind):
        kind, declared = kind.value_type, True
        values = values.cast(kind)
    if types.is_null(kind):
        return RawColumn(name, [""] * len(values))
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    if is_number and not (declared or is_label):
        plain = (np.nan if value is None else float(value) for value in values.to_pylist())
        return RawColumn(name, np.fromiter(plain, np.float64, len(values)))
    if is_number or is_text or types.is_boolean(kind):
        texts = ["" if _is_empty(value) else str(value).strip() for value in values.to_pylist()]
        return RawColumn(name, texts, declared or types.is_boolean(kind))
    what = "times" if types.is_temporal(kind) else f"values of type {kind}"
    return RawColumn(name, [], obstacle=f"holds {what}")


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
