"""pandas, polars and Arrow tables as rows of one table, without passing through text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pe_kit.errors import ServerError, UsageError, near_match
from pe_kit.lineprotocol.columns import nanoseconds
from pe_kit.lineprotocol.grammar import STRING_LIMIT, Line
from pe_kit.lineprotocol.timestamps import Precision
from pe_kit.store.kinds import KINDS, TAG
from pe_kit.store.rows import Part
from pe_kit.store.upsert import CHUNK_ROWS
from pe_kit.types import Value

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Frame", "as_payload"]


def as_payload(data: Any, table: str | None = None) -> str | pa.Table:
    """Turn what ``write`` takes into plain data that does not change any more.

    Args:
        data: line protocol as text, UTF-8 bytes or a list of lines; a pandas or polars DataFrame; a ``pyarrow.Table``.
        table: the table that a frame goes to.

    Raises:
        UsageError: something else; a frame without ``table``, or text with it.
        ServerError: (400) text that is not UTF-8.
    """
    if isinstance(data, str | bytes | bytearray) or (isinstance(data, list | tuple) and not hasattr(data, "_fields")):
        if table is not None:
            raise UsageError("table= is for frames: line protocol names its tables itself", mend="Leave table out.")
        return _as_text(data)
    origin = type(data).__module__.partition(".")[0]
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    elif origin == "pandas" and hasattr(data, "columns"):
        data = _from_pandas(data)
    elif origin == "polars" and hasattr(data, "to_arrow") and hasattr(data, "columns"):
        data = data.to_arrow()
    if not isinstance(data, pa.Table):
        raise UsageError(
            f"data is {type(data).__name__}, which cannot be written",
            mend="Pass line protocol as text or a list of lines, a pandas or polars DataFrame, or a pyarrow.Table.",
        )
    if not table:
        raise UsageError("a frame needs the name of its table", mend="Pass table='...', and tags=[...] for its tags.")
    return data


def _as_text(data: str | bytes | bytearray | Sequence[Any]) -> str:
    if isinstance(data, list | tuple):
        if not all(isinstance(line, str) for line in data):
            raise UsageError("a list of lines holds str", mend="Call .build() on a LineBuilder to get its line.")
        data = "\n".join(data)
    try:
        if isinstance(data, bytes | bytearray):
            return data.decode()
        text = str(data)
        return text if text.isascii() else text.encode().decode()
    except UnicodeEncodeError as error:
        at = len(error.object[: error.start].encode())
        found = f"invalid utf-8 sequence of 1 bytes from index {at}"
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            found = f"incomplete utf-8 byte sequence from index {error.start}"
        else:
            found = f"invalid utf-8 sequence of {error.end - error.start} bytes from index {error.start}"
    raise ServerError(f"body content is not valid utf8: {found}", status=400, mend="Line protocol is UTF-8 text.")


def _from_pandas(data: pd.DataFrame) -> pa.Table:
    import pandas as pd

    if isinstance(data.index, pd.DatetimeIndex) and "time" not in data.columns:
        data = data.rename_axis("time").reset_index()
    elif any(name is not None for name in data.index.names):
        data = data.reset_index()
    for name in data.columns:
        if not isinstance(name, str):
            raise UsageError(f"column {name!r} has no text as its name", mend="Rename it: df.columns = [...].")
    try:
        return pa.Table.from_pandas(data.copy(), preserve_index=False)  # Arrow would share the frame's memory
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        reason = " ".join(str(part) for part in error.args)
        raise UsageError(f"the frame cannot be written: {reason}", mend="Give each column one type.") from None


class Frame:
    """An Arrow table as rows of one table.

    Null, NaN and an empty tag mean that the row lacks the value; a row that lacks all fields is no row.

    Attributes:
        measurement: the table.
        tags: the tags, in the order given. fields: pairs of field and letter of its kind, in the order of the columns.
        precision: the unit of integer times; ``nanosecond`` where the times are timestamps.

    Raises:
        UsageError: a column of a type that the database does not have, a tag that is no column, a time out of range.
    """

    def __init__(self, data: pa.Table, measurement: str, tags: Sequence[str], precision: Precision) -> None:
        self.measurement = measurement
        names = data.column_names
        for name in names:
            if names.count(name) > 1 or not name:
                raise UsageError(f"the frame has more than one column {name!r}" if name else "a column has no name")
        self.tags = tuple(dict.fromkeys([tags] if isinstance(tags, str) else tags))
        for tag in self.tags:
            if tag not in names or tag == "time":
                mend = near_match(tag, (n for n in names if n != "time"), what="columns")
                raise UsageError(f"tags= names {tag!r}, which is no column that can be a tag", mend=mend)
        kinds = {f.name: TAG if f.name in self.tags else _kind_of(f) for f in data.schema if f.name != "time"}
        time_type = data.schema.field("time").type if "time" in names else pa.timestamp("ns")
        self.precision: Precision = precision if pa.types.is_integer(time_type) else "nanosecond"
        columns = {name: data[name] for name in (*self.tags, *kinds) if data[name].null_count < data.num_rows}
        self._raw = [self._raw_columns(b, kinds) for b in _batches(data, [*columns, *({"time"} & {*names})])]
        self._raw = [raw for raw in self._raw if raw]
        seen = {name for raw in self._raw for name in raw}
        self.tags = tuple(tag for tag in self.tags if tag in seen)
        self.fields = [(name, kind) for name, kind in kinds.items() if kind != TAG and name in seen]

    def _raw_columns(self, batch: pa.RecordBatch, kinds: dict[str, str]) -> dict[str, pa.Array]:
        columns = {}
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if name != "time":
                columns[name] = _values(name, array, kinds[name])
        fields = [array for name, array in columns.items() if kinds[name] != TAG]
        columns["time"] = _raw_times(batch)
        if all(array.null_count for array in fields):
            kept = np.zeros(batch.num_rows, bool)
            for array in fields:
                kept |= array.is_valid().to_numpy(zero_copy_only=False)
            if not kept.any():
                return {}
            columns = {name: array.filter(pa.array(kept)) for name, array in columns.items()}
        return {name: array for name, array in columns.items() if name == "time" or array.null_count < len(array)}

    def parts(self, missing_ns: int) -> list[Part] | None:
        """Give the rows, times filled and in nanoseconds; None if a time is out of range for the precision."""
        parts = []
        for raw in self._raw:
            times = raw["time"]
            if self.precision != "nanosecond":
                ns, good = nanoseconds(times.fill_null(0).to_numpy(), self.precision)
                if not good.all():
                    return None
                times = pa.array(ns, mask=times.is_null().to_numpy(zero_copy_only=False))
            if times.null_count:
                times = times.fill_null(missing_ns)
            parts.append(Part(columns={**raw, "time": times.view(pa.timestamp("ns"))}))
        return parts

    def lines(self) -> Iterator[Line]:
        """Give the rows as parsed lines."""
        kinds = dict(self.fields)
        for raw in self._raw:
            for row in Part(columns=raw).fresh_dicts():
                time = row.pop("time", None)
                tags = tuple((tag, str(row.pop(tag))) for tag in self.tags if tag in row)
                fields: tuple[tuple[str, str, Value], ...] = tuple((k, kinds[k], v) for k, v in row.items())
                yield Line(self.measurement, tags, fields, None if time is None else int(time))


def _batches(data: pa.Table, names: list[str]) -> list[pa.RecordBatch]:
    return [b for b in data.select(names).to_batches(max_chunksize=CHUNK_ROWS) if b.num_rows]


def _kind_of(field: pa.Field) -> str:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    t = pa.types
    if t.is_signed_integer(kind):
        return "i"
    if t.is_unsigned_integer(kind):
        return "u"
    if t.is_floating(kind):
        return "f"
    if t.is_boolean(kind):
        return "b"
    if _is_text(kind) or t.is_null(kind):
        return "s"
    cast = ".astype(float)" if t.is_decimal(kind) else ".astype('int64')" if t.is_temporal(kind) else ".astype(str)"
    raise UsageError(
        f"column {field.name!r} is {field.type}: a field is an integer, a float, text or a bool",
        mend=f"Convert it, for example df[{field.name!r}]{cast}, or leave it out.",
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _values(name: str, array: pa.Array, kind: str) -> pa.Array:
    """Give a column the type that the database has for its kind."""
    wanted = KINDS[kind].arrow
    if kind == TAG:
        return _tag(name, array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if array.type != wanted:
        array = array.cast(wanted)
    if kind == "f":
        odd = pc.is_nan(array)
        if pc.any(odd).as_py():
            array = pc.if_else(odd, pa.scalar(None, wanted), array)
    if kind == "s":
        _check_sizes(name, array)
    return array


def _tag(name: str, array: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        words = array.dictionary
        plain = array.type == KINDS[TAG].arrow and not words.null_count and len(words.unique()) == len(words)
        if plain and not pc.any(pc.equal(words, "")).as_py():
            _check_sizes(name, words)
            return array
        array = array.dictionary_decode()
    if not (_is_text(array.type) or pa.types.is_integer(array.type) or pa.types.is_null(array.type)):
        raise UsageError(
            f"column {name!r} is {array.type}: a tag is text", mend=f"Convert it: df[{name!r}].astype(str)."
        )
    array = array.cast(pa.utf8())
    empty = pc.equal(array, "")
    if pc.any(empty).as_py():
        array = pc.if_else(empty, pa.scalar(None, pa.utf8()), array)
    encoded = array.dictionary_encode()
    _check_sizes(name, encoded.dictionary)
    return encoded


def _check_sizes(name: str, texts: pa.Array) -> None:
    longest = pc.max(pc.binary_length(texts)).as_py()
    if longest is not None and longest > STRING_LIMIT:
        raise UsageError(
            f"column {name!r}: String is greater than 1MB", mend="Text in the database holds at most 1 MiB."
        )


def _raw_times(batch: pa.RecordBatch) -> pa.Array:
    """Give the times as int64: nanoseconds of timestamps and dates, numbers as they are; null where there is none."""
    if "time" not in batch.schema.names:
        return pa.nulls(batch.num_rows, pa.int64())
    times = batch.column("time")
    if pa.types.is_null(times.type):
        return times.cast(pa.int64())
    try:
        if pa.types.is_integer(times.type):
            return times.cast(pa.int64())
        if pa.types.is_timestamp(times.type):
            return times.cast(pa.timestamp("ns", times.type.tz)).view(pa.int64())
        if pa.types.is_date(times.type):
            return times.cast(pa.timestamp("ns")).view(pa.int64())
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"column 'time' does not fit int64 nanoseconds: {error}", mend="Times lie between 1677 and 2262."
        ) from None
    raise UsageError(
        f"column 'time' is {times.type}: times are timestamps, dates or integers",
        mend="Convert it: df['time'] = pd.to_datetime(df['time']).",
    )
