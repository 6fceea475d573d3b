"""Query results as the rows that a plugin gets: lists of dicts of plain Python values.

Source: influxdb3_py_api/src/system_py.rs. Only seven Arrow types can be read; the others raise, and only when a value
that is not null is met.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PanicException", "debug_type", "to_rows"]


class PanicException(BaseException):
    """What a plugin sees when the server's own code panics; no ``except Exception`` catches it."""


PanicException.__module__ = "pyo3_runtime"

_UNITS = {"s": "Second", "ms": "Millisecond", "us": "Microsecond", "ns": "Nanosecond"}


def debug_type(kind: pa.DataType) -> str:
    """Write an Arrow type as Rust's ``Debug`` writes it (arrow-schema/src/datatype.rs)."""
    import pyarrow.types as t

    simple = {
        "bool": "Boolean", "halffloat": "Float16", "float": "Float32", "double": "Float64", "string": "Utf8",
        "large_string": "LargeUtf8", "string_view": "Utf8View", "date32[day]": "Date32", "date64[ms]": "Date64",
        "month_day_nano_interval": "Interval(MonthDayNano)", "null": "Null",
    }  # fmt: skip
    text = str(kind)
    if text in simple:
        return simple[text]
    if t.is_integer(kind):
        return text.replace("uint", "UInt").replace("int", "Int")
    if t.is_timestamp(kind):
        return f"Timestamp({_UNITS[kind.unit]}, {f'Some({_debug_str(kind.tz)})' if kind.tz else 'None'})"
    if t.is_time(kind):
        return f"Time{kind.bit_width}({_UNITS[kind.unit]})"
    if t.is_duration(kind):
        return f"Duration({_UNITS[kind.unit]})"
    if t.is_decimal(kind):
        return f"Decimal{kind.bit_width}({kind.precision}, {kind.scale})"
    if t.is_dictionary(kind):
        return f"Dictionary({debug_type(kind.index_type)}, {debug_type(kind.value_type)})"
    if t.is_struct(kind):
        return f"Struct([{', '.join(_debug_field(kind.field(i)) for i in range(kind.num_fields))}])"
    if t.is_fixed_size_list(kind):
        return f"FixedSizeList({_debug_field(kind.value_field)}, {kind.list_size})"
    if t.is_map(kind):
        entries = f"Struct([{_debug_field(kind.key_field)}, {_debug_field(kind.item_field)}])"
        return f'Map(Field {{ name: "entries", data_type: {entries} }}, {str(kind.keys_sorted).lower()})'
    if text.endswith(">"):
        return f"{_camel(text.split('<')[0])}({_debug_field(kind.value_field)})"
    if t.is_fixed_size_binary(kind):
        return f"FixedSizeBinary({kind.byte_width})"
    return _camel(text)


def _camel(text: str) -> str:
    return "".join(part.capitalize() for part in text.split("_"))


def _debug_str(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _debug_field(field: pa.Field) -> str:
    name = "" if field.name == "item" else f"name: {_debug_str(field.name)}, "
    nullable = ", nullable: true" if field.nullable else ""
    return f"Field {{ {name}data_type: {debug_type(field.type)}{nullable} }}"


def to_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Turn a query's result into the rows that a plugin gets.

    Times become int nanoseconds, tags ``str``, nulls ``None``; of two columns with one name the last wins.

    Raises:
        ValueError: a value that is not null has a type that a plugin cannot read.
        PanicException: a time that is not in nanoseconds, or a dictionary that is no tag.
    """
    readers = [_reader(field.type) for field in table.schema]
    if any(reader is None for reader in readers):
        _refuse(table, [i for i, reader in enumerate(readers) if reader is None])
    names = table.column_names
    columns = [
        [None] * table.num_rows if reader is None else _values(column, reader)
        for column, reader in zip(table.columns, readers, strict=True)
    ]
    return [dict(zip(names, values)) for values in zip(*columns)]  # noqa: B905 (strict costs a third of it all)


def _values(column: pa.ChunkedArray, reader: Callable[[Any], list[Any]]) -> list[Any]:
    values: list[Any] = []
    for chunk in column.chunks:
        values.extend(reader(chunk))
    return values


def _refuse(table: pa.Table, columns: list[int]) -> None:
    """Raise for the first value, row by row, that cannot be read; return if there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: list[tuple[int, int]] = []
    for i in columns:
        column = table.column(i)
        if pa.types.is_null(column.type):
            first = 0 if table.num_rows else -1  # a column of type Null says of its rows that they are not null
        else:
            first = pc.index(column.is_valid(), True).as_py()
        if first >= 0:
            found.append((first, i))
    if not found:
        return
    kind = table.schema.field(min(found)[1]).type
    if pa.types.is_timestamp(kind):
        raise PanicException("called `Option::unwrap()` on a `None` value")
    if pa.types.is_dictionary(kind):
        raise PanicException("unexpected datatype")
    raise ValueError(f"Unsupported data type: {debug_type(kind)}")


def _reader(kind: pa.DataType) -> Callable[[Any], list[Any]] | None:
    import pyarrow as pa

    if kind in (pa.int64(), pa.uint64(), pa.float64()):
        return _numbers
    if kind in (pa.string(), pa.bool_()):
        return _objects
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return lambda chunk: _numbers(chunk.view(pa.int64()))
    if pa.types.is_dictionary(kind) and kind.index_type == pa.int32() and kind.value_type == pa.string():
        return _tags
    return None


def _objects(chunk: pa.Array) -> list[Any]:
    values: list[Any] = chunk.to_numpy(zero_copy_only=False).tolist()
    return values


def _numbers(chunk: pa.Array) -> list[Any]:
    if not chunk.null_count:
        return _objects(chunk)
    import numpy as np

    values = _objects(chunk.fill_null(0))
    for i in np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False)).tolist():
        values[i] = None
    return values


def _tags(chunk: pa.DictionaryArray) -> list[Any]:
    import numpy as np

    if len(chunk.dictionary) > len(chunk):  # decode what is there, not the whole dictionary
        return _objects(chunk.dictionary_decode())
    words = np.empty(len(chunk.dictionary) + 1, dtype=object)  # the last one, None, stands for null
    words[:-1] = chunk.dictionary.to_pylist()
    indices = chunk.indices.fill_null(-1).to_numpy()
    values: list[Any] = words[indices].tolist()
    return values
