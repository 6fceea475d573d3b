"""A table in pages, in the order of time: only the rows of one page are made; and the SQL that does the same."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pe_kit.clock import as_text

if TYPE_CHECKING:
    import pyarrow as pa

    from pe_kit.store.table import Table

__all__ = ["PAGE", "Page", "Pager", "chart_sql", "drawable", "page_sql"]

PAGE = 50
_DRAWN = 5_000
_STRETCHES = 120


class Page(NamedTuple):
    """Rows ``first`` to ``first + len(rows) - 1`` of ``total``, counted from 1; times as text."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    first: int
    total: int

    @property
    def number(self) -> int:
        """Which page it is, from 1."""
        return max(self.first - 1, 0) // PAGE + 1

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // PAGE))


class Pager:
    """Gives the pages of tables; for the table that it gave last it keeps the order of the rows."""

    def __init__(self) -> None:
        self._of: tuple[Table, int] | None = None
        self._order: np.ndarray[Any, Any] | None = None

    def page(self, table: Table, number: int) -> Page:
        """Give a page, the last one where ``number`` is too large."""
        import pyarrow as pa

        whole = pa.Table.from_batches(table.batches(), schema=table.schema)
        total = whole.num_rows
        if self._of is None or self._of[0] is not table or self._of[1] != table.version:
            self._of, self._order = (table, table.version), _order(whole)
        first = min(max(number - 1, 0), max(-(-total // PAGE) - 1, 0)) * PAGE
        end = first + PAGE
        part = whole.slice(first, PAGE) if self._order is None else whole.take(self._order[first:end])
        columns = [_values(part.column(name)) for name in part.column_names]
        types = [str(f.type.value_type) if pa.types.is_dictionary(f.type) else str(f.type) for f in table.schema]
        rows = [list(row) for row in zip(*columns, strict=True)]
        return Page(part.column_names, types, rows, first + 1 if total else 0, total)


def _order(table: pa.Table) -> np.ndarray[Any, Any] | None:
    """The order of time; None when the rows already have it, as data that comes in time does."""
    times = [chunk.cast("int64").to_numpy(zero_copy_only=False) for chunk in table.column("time").chunks if len(chunk)]
    ends = [(int(t[0]), int(t[-1])) for t in times]
    if all(a[1] <= b[0] for a, b in pairwise(ends)) and all(np.all(t[1:] >= t[:-1]) for t in times):
        return None
    return np.argsort(np.concatenate(times), kind="stable")


def _values(column: pa.ChunkedArray) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return [as_text(ns) for ns in column.cast("int64").to_pylist()]
    return list(column.to_pylist())


def drawable(table: Table) -> list[str]:
    """Name the fields that are numbers."""
    import pyarrow as pa

    return [f.name for f in table.schema if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)]


def chart_sql(table: Table, field: str) -> str:
    """Write the SQL for one field over time by tag, or for the first few.

    Of many rows it asks for the mean of each stretch of time, so that drawing stays quick.
    """
    numbers = drawable(table)
    chosen = [_quoted(name) for name in ([field] if field in numbers else numbers[:4])]
    tags = [_quoted(name) for name in table.series_key]
    rows, first, last = table.extent()
    if rows <= _DRAWN or not chosen or first is None or last is None:
        return f"SELECT {', '.join(['time', *tags, *chosen])} FROM {_quoted(table.name)} ORDER BY time"
    seconds = max(1, (last - first) // _STRETCHES // 1_000_000_000)
    stretch = f"date_bin(INTERVAL '{seconds} seconds', time) AS time"
    columns = ", ".join([stretch, *tags, *(f"avg({name}) AS {name}" for name in chosen)])
    groups = ", ".join(map(str, range(1, len(tags) + 2)))
    return f"SELECT {columns} FROM {_quoted(table.name)} GROUP BY {groups} ORDER BY time"


def page_sql(name: str, number: int) -> str:
    """Write the SQL for the rows of a page."""
    return f"SELECT * FROM {_quoted(name)} ORDER BY time LIMIT {PAGE} OFFSET {(number - 1) * PAGE}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
