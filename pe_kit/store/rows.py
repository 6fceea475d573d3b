"""Rows of one table on their way: as dicts (small writes) or Arrow (bulk), each made from the other when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from pe_kit.store.conversion import to_rows
from pe_kit.store.kinds import KINDS
from pe_kit.types import Row

if TYPE_CHECKING:
    from pe_kit.store.tabledef import TableDef

__all__ = ["GEN1_NS", "Ints", "Part", "TableRows", "times_of"]

GEN1_NS = 600_000_000_000
"""Rows that fall in one such span of time stay together on their way to a plugin (``--gen1-duration``, 10 minutes)."""

Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


def times_of(column: pa.Array) -> Ints:
    """Give a time column as int64 nanoseconds, without a copy."""
    return column.view(pa.int64()).to_numpy()  # type: ignore[no-any-return]


class Part:
    """Rows that came in one way: ``rows`` or ``columns`` is set.

    Attributes:
        rows: dicts, never handed out as they are.
        columns: name -> Arrow array, in the order of the lines: tags, fields, ``time``; nulls are absent values.
        numbers: places of the rows among those of the whole :class:`TableRows`, where parts interleave; else None.
        start: the place of the first row, if ``numbers`` is None.
    """

    __slots__ = ("columns", "numbers", "rows", "start")

    def __init__(
        self,
        rows: list[Row] | None = None,
        columns: Mapping[str, pa.Array] | None = None,
        numbers: Ints | None = None,
    ) -> None:
        self.rows, self.columns, self.numbers, self.start = rows, columns, numbers, 0

    def __len__(self) -> int:
        return len(self.rows) if self.rows is not None else len(self._columns["time"])

    @property
    def _columns(self) -> Mapping[str, pa.Array]:
        assert self.columns is not None
        return self.columns

    def places(self) -> Ints:
        """Give each row's place among those of the whole :class:`TableRows`."""
        return np.arange(self.start, self.start + len(self)) if self.numbers is None else self.numbers

    def times(self) -> Ints:
        """Give each row's time in nanoseconds."""
        if self.rows is not None:
            return np.fromiter((row["time"] for row in self.rows), np.int64, len(self.rows))
        return times_of(self._columns["time"])

    def fresh_dicts(self) -> list[Row]:
        """Make new dicts of the rows; absent values are absent."""
        if self.rows is not None:
            return [dict(row) for row in self.rows]
        columns = self._columns
        rows = to_rows(pa.Table.from_arrays(list(columns.values()), names=list(columns)))
        for name, column in columns.items():
            if column.null_count:
                for at in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
                    del rows[at][name]
        return rows

    def batch(self, table: TableDef) -> pa.RecordBatch:
        """Give the rows as Arrow: their columns byte-sorted by name, typed as the table says."""
        if self.rows is not None:
            rows = self.rows
            names = sorted(rows[0]) if len(rows) == 1 else sorted({name for row in rows for name in row})
            arrays = [pa.array([row.get(name) for row in rows], KINDS[table.columns[name]].arrow) for name in names]
        else:
            names = sorted(self._columns)
            arrays = [self._columns[name] for name in names]
        fields = [KINDS[table.columns[name]].field(name) for name in names]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


class TableRows:
    """The rows of one table in one flush, in the order of writing.

    Attributes:
        name: the table. parts: its rows. span: no row's place is this or beyond.
    """

    __slots__ = ("_chunk_ns", "_order", "_ordered", "name", "parts", "span")

    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: list[Part] = []
        self.span = 0
        self._chunk_ns = GEN1_NS
        self._ordered = False
        self._order: Ints | None = None

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def add_row(self, row: Row) -> None:
        """Add one row at the end."""
        last = self.parts[-1] if self.parts else None
        if last is None or last.rows is None or last.numbers is not None:
            self.add([Part([row])])
        else:
            last.rows.append(row)
            self.span += 1

    def add(self, parts: Iterable[Part]) -> None:
        """Add what one write brought; where parts have numbers, these count the lines of the write."""
        start = self.span
        for part in parts:
            if part.numbers is None:
                part.start = self.span
                self.span += len(part)
            else:
                part.numbers = part.numbers + start
                self.span = max(self.span, int(part.numbers[-1]) + 1)
            self.parts.append(part)

    def copy(self) -> TableRows:
        """Give rows that grow by themselves; what is in them is shared."""
        twin = TableRows(self.name)
        twin.span = self.span
        for part in self.parts:
            other = Part(None if part.rows is None else list(part.rows), part.columns, part.numbers)
            other.start = part.start
            twin.parts.append(other)
        return twin

    def close(self, chunk_ns: int) -> None:
        """End the collecting; ``chunk_ns`` is the length of the spans of time that stay together."""
        self._chunk_ns = chunk_ns

    def dicts(self) -> list[Row]:
        """Make new row dicts, ordered as plugins get them: by span of time as these came up, within one as written.

        Source: influxdb3_wal/src/lib.rs; there the spans come in the order of a hash map.
        """
        rows = self.parts[0].fresh_dicts()
        for part in self.parts[1:]:
            rows += part.fresh_dicts()
        order = self._find_order()
        return rows if order is None else [rows[at] for at in order.tolist()]

    def for_caches(self, table: TableDef) -> list[Row] | pa.Table:
        """Give the rows in the same order to read only: the stored dicts, or Arrow with nulls for absent values."""
        order = self._find_order()
        if all(part.rows is not None for part in self.parts):
            rows = [row for part in self.parts for row in part.rows or ()]
            return rows if order is None else [rows[at] for at in order.tolist()]
        parts = [pa.Table.from_batches([part.batch(table)]) for part in self.parts]
        together = pa.concat_tables(parts, promote_options="default")
        return together if order is None else together.unify_dictionaries().take(pa.array(order))

    def _find_order(self) -> Ints | None:
        """Find the order in which rows go to plugins, unless it is that of the parts one after the other."""
        if not self._ordered:
            self._order = None if len(self.parts) == 1 and len(self.parts[0]) == 1 else self._sort()
            self._ordered = True
        return self._order

    def _sort(self) -> Ints | None:
        only = self.parts[0]
        if len(self.parts) == 1 and only.rows is not None and only.numbers is None:  # a small write: most lie in one
            moments: list[Any] = [row["time"] for row in only.rows]
            if 0 <= min(moments) // self._chunk_ns == max(moments) // self._chunk_ns:
                return None
        times = np.concatenate([part.times() for part in self.parts])
        order = None
        if any(part.numbers is not None for part in self.parts):
            order = np.argsort(np.concatenate([part.places() for part in self.parts]), kind="stable")
            times = times[order]
        span = times - np.fmod(times, self._chunk_ns)  # toward zero, as Rust's remainder
        heads = np.flatnonzero(np.concatenate(([True], span[1:] != span[:-1])))
        if len(heads) > 1:
            _, first, which = np.unique(span[heads], return_index=True, return_inverse=True)
            if len(first) < len(heads):
                rank = np.repeat(first[which], np.diff(np.append(heads, len(span))))
                by_span = np.argsort(rank, kind="stable")
                order = by_span if order is None else order[by_span]
        return order
