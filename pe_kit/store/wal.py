"""Written but not yet flushed: one flush takes one batch per database."""

from __future__ import annotations

from typing import NamedTuple

from pe_kit.store.rows import Part, TableRows
from pe_kit.types import Row, TableBatch

__all__ = ["FlushedBatch", "WalBuffer"]


class FlushedBatch(NamedTuple):
    """What one flush brought to one database: its tables in the order of the first write to each."""

    database: str
    tables: list[TableRows]

    def sizes(self) -> list[tuple[str, int]]:
        """Table names and how many rows each has."""
        return [(table.name, len(table)) for table in self.tables]

    def table_batches(self, only: str | None = None) -> list[TableBatch]:
        """Make what ``process_writes`` gets; fresh dicts with every call. ``only``: nothing but that table."""
        return [
            {"table_name": table.name, "rows": table.dicts()} for table in self.tables if only in (None, table.name)
        ]


class WalBuffer:
    """The rows of each database since the last flush, databases and tables in the order of the first write to them."""

    def __init__(self) -> None:
        self._databases: dict[str, dict[str, TableRows]] = {}

    def __bool__(self) -> bool:
        return bool(self._databases)

    def add_row(self, database: str, table: str, row: Row) -> None:
        """Add one row."""
        self._rows(database, table).add_row(row)

    def add(self, database: str, table: str, parts: list[Part]) -> None:
        """Add what one write brought to one table."""
        self._rows(database, table).add(parts)

    def _rows(self, database: str, table: str) -> TableRows:
        tables = self._databases.setdefault(database, {})
        rows = tables.get(table)
        if rows is None:
            rows = tables[table] = TableRows(table)
        return rows

    def drop(self, database: str, table: str | None = None) -> None:
        """Forget what waits for a database, or for one table of it, because it was deleted."""
        tables = self._databases.get(database, {})
        if table is not None:
            tables.pop(table, None)
        if table is None or not tables:
            self._databases.pop(database, None)

    def take(self, chunk_ns: int) -> list[FlushedBatch]:
        """Empty the buffer; ``chunk_ns``: see :meth:`TableRows.close`."""
        databases, self._databases = self._databases, {}
        batches = [FlushedBatch(name, list(tables.values())) for name, tables in databases.items()]
        for batch in batches:
            for table in batch.tables:
                table.close(chunk_ns)
        return batches

    def content(self) -> list[tuple[str, str, list[Part]]]:
        """Give what waits: database, table, parts; nothing of it may be changed."""
        return [(d, t, rows.parts) for d, tables in self._databases.items() for t, rows in tables.items()]

    def copy(self) -> WalBuffer:
        """Give a buffer that goes on by itself."""
        twin = WalBuffer()
        twin._databases = {d: {t: rows.copy() for t, rows in ts.items()} for d, ts in self._databases.items()}
        return twin
