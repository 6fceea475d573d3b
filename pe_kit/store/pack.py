"""Values in a data folder: tagged JSON, and Arrow beside it for frames, arrays and rows in bulk.

Tags beyond those of :mod:`pe_kit.tagged`: ``$arrow``, ``$pandas`` (the number of an Arrow IPC stream), ``$series``
(stream, name), ``$numpy`` (stream, type, shape) and ``$part``, rows on their way into a table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pe_kit.store.rows import Part
from pe_kit.tagged import TAGS, Tags, Unwritable, decode, encode, unwritable

__all__ = ["Packer", "unpack", "unwritable"]


class Packer:
    """Packs values that share one record; ``blobs`` are the streams."""

    def __init__(self) -> None:
        self.blobs: list[bytes] = []

    def pack(self, value: Any) -> Any:
        """Give what JSON has for a value; see :func:`pe_kit.tagged.unwritable` for what is not in it."""
        return encode(value, 0, self._other)

    def _other(self, value: Any) -> dict[str, Any] | None:
        kind = type(value)
        try:
            if isinstance(value, Path):
                return encode(str(value))  # type: ignore[no-any-return]
            if kind is Unwritable:
                return {"$unwritable": value.kind}
            if kind is Part:
                return {"$part": self._part(value)}
            if kind is pa.Table:
                return {"$arrow": self._stream(value)}
            if kind is pa.RecordBatch:
                return {"$arrow": self._stream(pa.Table.from_batches([value]))}
            if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
                array = np.asarray(value)
                column = pa.array(array.ravel())
                return {"$numpy": [self._stream(pa.table({"": column})), array.dtype.str, list(array.shape)]}
            if kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "DataFrame":
                return {"$pandas": self._stream(pa.Table.from_pandas(value))}
            if kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "Series":
                return {"$series": [self._stream(pa.Table.from_pandas(value.to_frame(""))), self.pack(value.name)]}
        except (pa.ArrowException, TypeError, ValueError):
            return None
        return None

    def _part(self, part: Part) -> dict[str, Any]:
        if part.rows is not None:
            body: dict[str, Any] = {"rows": encode(part.rows)}
        else:
            assert part.columns is not None
            columns = part.columns
            body = {"columns": self._stream(pa.Table.from_arrays(list(columns.values()), names=list(columns)))}
        if part.numbers is not None:
            body["numbers"] = self._stream(pa.table({"": part.numbers}))
        return body

    def _stream(self, table: pa.Table) -> int:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.unify_dictionaries())
        self.blobs.append(sink.getvalue().to_pybytes())
        return len(self.blobs) - 1


def unpack(data: Any, blobs: list[bytes]) -> Any:
    """Give the value that was packed."""

    def table(number: int) -> pa.Table:
        return pa.ipc.open_stream(blobs[number]).read_all()

    def numpy(found: list[Any]) -> Any:
        array = table(found[0])[""].to_numpy().astype(found[1]).reshape(found[2])
        return array if found[2] else array[()]

    def part(body: dict[str, Any]) -> Part:
        numbers = table(body["numbers"])[""].to_numpy() if "numbers" in body else None
        if "rows" in body:
            return Part(decode(body["rows"]), None, numbers)
        columns = table(body["columns"]).combine_chunks()
        names = columns.column_names
        return Part(None, {n: _array(c) for n, c in zip(names, columns.columns, strict=True)}, numbers)

    own: Tags = {
        "$arrow": table,
        "$pandas": lambda number: table(number).to_pandas(),
        "$series": lambda found: table(found[0]).to_pandas()[""].rename(decode(found[1])),
        "$numpy": numpy,
        "$part": part,
    }
    return decode(data, {**TAGS, **own})


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)
