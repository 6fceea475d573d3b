"""Query results as bytes: JSON, JSON lines, CSV, a drawn table, Parquet.

Forms of values: the Arrow writers that influxdb3_server/src/http.rs uses (``record_batch_stream_to_body``).
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pe_kit.errors import ServerError

__all__ = ["CONTENT_TYPES", "FORMATS", "encode", "float_text", "plain"]

CONTENT_TYPES = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "pretty": "text/plain; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
}
FORMATS = {name: name for name in ("parquet", "csv", "pretty", "json")} | {"json_lines": "jsonl", "jsonl": "jsonl"}
_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_quoted = partial(json.dumps, ensure_ascii=False)


def encode(table: pa.Table, name: str) -> bytes:
    """Write a result in one of ``CONTENT_TYPES``. A result without rows counts as one without batches."""
    writers: dict[str, Callable[[pa.Table], bytes]] = {
        "json": lambda t: b"[" + ",".join(_objects(t)).encode() + b"]",
        "jsonl": lambda t: "".join(f"{line}\n" for line in _objects(t)).encode(),
        "csv": _csv,
        "pretty": _pretty,
        "parquet": _parquet,
    }
    return writers[name](table)


def plain(table: pa.Table) -> pa.Table:
    """The table with dictionaries written out, as both doors of the server send it."""
    columns, fields = [], []
    for column, field in zip(table.columns, table.schema, strict=True):
        if pa.types.is_dictionary(field.type):
            column = column.cast(field.type.value_type)
            field = pa.field(field.name, field.type.value_type, field.nullable, field.metadata)
        columns.append(column)
        fields.append(field)
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, table.schema.metadata))


def float_text(value: float, as_json: bool = False, single: bool = False) -> str:
    """The shortest text that reads back as the same number, as the Arrow writers spell it: ``1.0``, ``1e16``, ``NaN``.

    JSON goes over to an exponent from 1e10 on and keeps a ``.0`` before it. ``single``: the value is a Float32.
    """
    if not math.isfinite(value):
        return "null" if as_json else "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    text = str(np.float32(value)) if single else repr(value)
    if "e" not in text and abs(value) < 1e9:
        return text
    sign, digits, exponent = (number := Decimal(text)).normalize().as_tuple()
    first = len(digits) + int(exponent) - 1
    low, high = (-5, 9) if as_json else (-6, 12) if single else (-5, 15)
    if low <= first <= high:
        plain = f"{number:f}"
        return plain if "." in plain else f"{plain}.0"
    rest = "".join(map(str, digits[1:])) or "0" * as_json
    return f"{'-' * sign}{digits[0]}{'.' * bool(rest)}{rest}e{first}"


def _objects(table: pa.Table) -> list[str]:
    """One JSON object a row; null values are left out, NaN and infinities are null."""
    rows: list[list[str]] = [[] for _ in range(table.num_rows)]
    for name, column in zip(table.column_names, plain(table).columns, strict=True):
        key = _quoted(name) + ":"
        for row, text in zip(rows, _texts(column, True), strict=True):
            if text is not None:
                row.append(key + text)
    return ["{" + ",".join(row) + "}" for row in rows]


def _csv(table: pa.Table) -> bytes:
    if not table.num_rows:
        return b""
    table = plain(table)
    for field in table.schema:
        if pa.types.is_nested(field.type):
            raise _unwritable(f"Csv error: Nested type {field.type} is not supported in CSV", field.name)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    columns = [[text or "" for text in _texts(column, False)] for column in table.columns]
    writer.writerows(zip(*columns, strict=True))
    return out.getvalue().encode()


def _pretty(table: pa.Table) -> bytes:
    if not table.num_rows:
        return b"++\n++"
    columns = [
        [[name], *((text or "").split("\n") for text in _texts(column, False))]
        for name, column in zip(table.column_names, plain(table).columns, strict=True)
    ]
    widths = [max(len(line) for cell in column for line in cell) for column in columns]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |"
        for row in zip(*columns, strict=True)
        for line in itertools.zip_longest(*row, fillvalue="")
    ]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule]).encode()


def _parquet(table: pa.Table) -> bytes:
    if not table.num_rows:
        return b""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _texts(column: pa.ChunkedArray, as_json: bool) -> list[str | None]:
    """The values of a column as text; with ``as_json`` they are JSON values. Null is None."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        texts = _times(column)
    elif pa.types.is_floating(kind):
        single = kind.bit_width < 64
        return [None if v is None else float_text(v, as_json, single) for v in column.to_pylist()]
    elif pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return [None if v is None else str(v) for v in column.to_pylist()]
    elif pa.types.is_interval(kind):
        texts = [None if v is None else _interval(*v) for v in column.to_pylist()]
    elif pa.types.is_time(kind):
        number = pa.int32() if pa.types.is_time32(kind) else pa.int64()
        texts = [None if v is None else _time(v * _NS[kind.unit]) for v in column.cast(number).to_pylist()]
    elif pa.types.is_boolean(kind):
        return [None if v is None else "true" if v else "false" for v in column.to_pylist()]
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        texts = [None if v is None else v.hex() for v in column.to_pylist()]
    elif pa.types.is_map(kind):
        return _maps(column, as_json)
    elif pa.types.is_struct(kind):
        return _structs(column, as_json)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists(column, as_json)
    elif pa.types.is_duration(kind):
        texts = [None if v is None else _duration(v * _NS[kind.unit]) for v in column.cast(pa.int64()).to_pylist()]
    elif pa.types.is_null(kind):
        return [None] * len(column)
    else:
        texts = [None if v is None else str(v) for v in column.to_pylist()]
    return [None if text is None else _quoted(text) for text in texts] if as_json else texts


def _structs(column: pa.ChunkedArray, as_json: bool) -> list[str | None]:
    names = [field.name for field in column.type]
    parts = [
        _texts(pa.chunked_array([pc.struct_field(column, [i]).combine_chunks()]), as_json) for i in range(len(names))
    ]
    present = column.is_valid().to_pylist()
    keys = [f"{_quoted(n)}:" if as_json else f"{n}: " for n in names]
    rows: list[str | None] = []
    for i, there in enumerate(present):
        inside = [(k, p[i]) for k, p in zip(keys, parts, strict=True)]
        shown = [k + (t or "") for k, t in inside if t is not None or not as_json]
        rows.append("{" + ("," if as_json else ", ").join(shown) + "}" if there else None)
    return rows


def _maps(column: pa.ChunkedArray, as_json: bool) -> list[str | None]:
    rows: list[str | None] = []
    key = column.type.key_type
    if as_json and not (pa.types.is_string(key) or pa.types.is_large_string(key)):
        raise _unwritable(f"Json error: Only UTF8 keys supported by JSON MapArray Writer: got {key}", "")
    for chunk in column.chunks:
        for scalar in chunk:
            if not scalar.is_valid:
                rows.append(None)
                continue
            entries = pa.Table.from_struct_array(scalar.values)
            keys, items = (_texts(part, as_json) for part in plain(entries).columns)
            pairs = [(k, t) for k, t in zip(keys, items, strict=True) if t is not None or not as_json]
            between, colon = (",", ":") if as_json else (", ", ": ")
            rows.append("{" + between.join(f"{k}{colon}{t or ''}" for k, t in pairs) + "}")
    return rows


def _unwritable(text: str, column: str) -> ServerError:
    where = f"column {column!r}" if column else "the column"
    return ServerError(text, status=500, mend=f"Ask for another format, or cast {where} in SQL.")


def _lists(column: pa.ChunkedArray, as_json: bool) -> list[str | None]:
    rows: list[str | None] = []
    for chunk in column.chunks:
        for scalar in chunk:
            if not scalar.is_valid:
                rows.append(None)
                continue
            items = _texts(plain(pa.table({"v": scalar.values}))["v"], as_json)
            rows.append(
                "[" + ("," if as_json else ", ").join(t if t is not None else "null" * as_json for t in items) + "]"
            )
    return rows


def _times(column: pa.ChunkedArray) -> list[str | None]:
    """ISO text; the fraction has 0, 3, 6 or 9 digits, the offset is there for types with a zone."""
    unit, zone = column.type.unit, column.type.tz
    offsets: list[str] | None = None
    if zone is not None:
        utc = zone in ("UTC", "+00:00", "Z")
        local = column if utc else pc.local_timestamp(column)
        moved = pc.subtract(local.cast(pa.int64()), column.cast(pa.int64())).fill_null(0).to_pylist()
        offsets = ["Z" if utc else _offset(ns * _NS[unit] // 1_000_000_000) for ns in moved]
        column = local
    present = column.is_valid().to_numpy(zero_copy_only=False)
    numbers = column.cast(pa.int64()).fill_null(0).to_numpy()
    per = 1_000_000_000 // _NS[unit]
    seconds, rests = np.divmod(numbers, per)
    texts: list[str | None] = list(np.datetime_as_string(seconds.astype("datetime64[s]"), unit="s").tolist())
    for i in np.flatnonzero(rests):
        texts[i] = f"{texts[i]}{_fraction(int(rests[i]) * _NS[unit])}"
    if offsets is not None:
        texts = [f"{text}{offset}" for text, offset in zip(texts, offsets, strict=True)]
    return [text if there else None for text, there in zip(texts, present, strict=True)]


def _fraction(ns: int) -> str:
    """A part of a second: nothing, or a point and 3, 6 or 9 digits."""
    digits = f"{ns:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}" if digits else ""


def _time(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{_fraction(rest)}"


def _interval(months: int, days: int, ns: int) -> str:
    """As Arrow writes it: ``1 mons 2 days 3 hours 4 mins 5.500000000 secs``, parts that are zero left out."""
    sign, (seconds, rest) = -1 if ns < 0 else 1, divmod(abs(ns), 1_000_000_000)
    parts = (
        (months, "mons"),
        (days, "days"),
        (sign * (seconds // 3600), "hours"),
        (sign * (seconds // 60 % 60), "mins"),
    )
    shown = [f"{count} {unit}" for count, unit in parts if count]
    if seconds % 60 or rest:
        shown.append(f"{'-' * (ns < 0)}{seconds % 60}.{rest:09d} secs")
    return " ".join(shown)


def _offset(seconds: int) -> str:
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _duration(ns: int) -> str:
    seconds, rest = divmod(abs(ns), 1_000_000_000)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{'-' if ns < 0 else ''}PT{seconds}{fraction}S"
