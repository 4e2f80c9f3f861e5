"""Rows of PostgreSQL as a Parquet file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

# Amounts. More decimals than these are rounded. Both together are within Python's precision of 28 digits.
_DECIMALS = 9
_LARGEST = Decimal(10) ** 18

Rows = Sequence[tuple[Any, ...]]


@contextmanager
def parquet_writer(file: Path, columns: Sequence[tuple[str, str]]) -> Iterator[Callable[[Rows], None]]:
    """Open a new file, and yield a function that writes rows to it. Each call writes a row group.

    :param columns: name and type of each column, as PostgreSQL names the type.
    """
    schema = pyarrow.schema([(name, _arrow_type(kind)) for name, kind in columns])
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:

        def write(rows: Rows) -> None:
            arrays = [
                pyarrow.array([_value(row[number], field.type) for row in rows], type=field.type)
                for number, field in enumerate(schema)
            ]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))

        yield write


def _arrow_type(kind: str) -> pyarrow.DataType:
    """Type of a column in Parquet; text for every other type of PostgreSQL."""
    if kind.endswith("[]"):
        return pyarrow.list_(_arrow_type(kind.removesuffix("[]")))
    return {
        "bigint": pyarrow.int64(),
        "integer": pyarrow.int32(),
        "smallint": pyarrow.int16(),
        "boolean": pyarrow.bool_(),
        "numeric": pyarrow.decimal128(38, _DECIMALS),
        "double precision": pyarrow.float64(),
        "date": pyarrow.date32(),
        "timestamp with time zone": pyarrow.timestamp("us", tz="UTC"),
    }.get(kind, pyarrow.string())


def _value(value: Any, kind: pyarrow.DataType) -> Any:
    if value is None:
        return None
    if pyarrow.types.is_decimal(kind):
        # NaN and amounts beyond 18 digits have no form in a decimal column.
        if math.isfinite(value) and abs(value) < _LARGEST:
            return round(value, _DECIMALS)
        return None
    return str(value) if pyarrow.types.is_string(kind) else value
