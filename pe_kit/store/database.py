"""One database at work: its tables' rows, its caches, and what queries see of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import pyarrow as pa

from pe_kit.store.catalog import Catalog
from pe_kit.store.distinctcache import DistinctCaches
from pe_kit.store.lastcache import LastCaches
from pe_kit.store.rows import TableRows
from pe_kit.store.system import Rows, system_table, system_table_names
from pe_kit.store.table import Table, TableState
from pe_kit.store.tabledef import TableDef
from pe_kit.types import Now

__all__ = ["Database", "DatabaseState"]


class DatabaseState(NamedTuple):
    """A snapshot of a database: rows shared, cached rows too."""

    tables: Mapping[str, TableState]
    last: Any
    distinct: Any


class Database:
    """A live database of the catalog; the view that :func:`pe_kit.store.sql.run_query` reads.

    Args:
        name: its name.
        catalog: the catalog that defines it.
        now: the engine's time.
        lock: the store's.
        system_sources: name of a system table -> what gives its rows for a database.
    """

    def __init__(
        self,
        name: str,
        catalog: Catalog,
        now: Now,
        lock: AbstractContextManager[Any],
        system_sources: Mapping[str, Callable[[str], Rows | None]],
    ) -> None:
        self.name = name
        self._catalog = catalog
        self._now = now
        self._lock = lock
        self._system_sources = system_sources
        self._tables: dict[str, Table] = {}
        self.last = LastCaches(now, self._find)
        self.distinct = DistinctCaches(now, self._find)

    @property
    def now_ns(self) -> int:
        """The engine's time."""
        return self._now()

    def table_names(self) -> Sequence[str]:
        """The tables, by order of appearance."""
        return tuple(self._catalog.databases[self.name].tables)

    def table(self, name: str) -> Table:
        """Give a table of the catalog.

        Raises:
            NotFoundError: there is none of that name. ConflictError: it was deleted.
        """
        table = self._tables.get(name)
        if table is None:
            self._catalog.table(self.name, name)
            table = Table(lambda: self._catalog.databases[self.name].tables[name], self._cutoff, self._lock)
            self._tables[name] = table
        return table

    def append(self, rows: TableRows) -> None:
        """Take flushed rows into their table, then into its caches."""
        table = self.table(rows.name)
        table.append(rows)
        caches = [caches for caches in (self.last, self.distinct) if rows.name in caches]
        if caches:
            shown = rows.for_caches(self._catalog.table(self.name, rows.name))
            for kind in caches:
                kind.push(rows.name, shown)

    def drop_table(self, name: str) -> None:
        """Forget the rows of a deleted table and its caches."""
        self._tables.pop(name, None)
        self.last.drop_table(name)
        self.distinct.drop_table(name)

    def system_table_names(self) -> Sequence[str]:
        """The tables of schema ``system``."""
        return system_table_names(self.name)

    def system_table(self, name: str) -> pa.Table:
        """Give a system table as it is now."""
        return system_table(name, self._system_sources[name](self.name))

    def last_cache(self, table: str, name: str | None) -> pa.Table:
        """Give what a last-value cache holds."""
        return self.last.query(table, name)

    def distinct_cache(self, table: str, name: str | None) -> pa.Table:
        """Give what a distinct-value cache holds."""
        return self.distinct.query(table, name)

    def freeze(self) -> DatabaseState:
        """Give a snapshot, at no cost per row."""
        tables = {name: table.freeze() for name, table in self._tables.items()}
        return DatabaseState(tables, self.last.snapshot(), self.distinct.snapshot())

    def thaw(self, state: DatabaseState) -> None:
        """Become what a snapshot says; the catalog must be of the same moment."""
        self._tables = {}
        for name, frozen in state.tables.items():
            self.table(name).thaw(frozen)
        self.last.restore(state.last)
        self.distinct.restore(state.distinct)

    def _find(self, name: str) -> TableDef | None:
        return self._catalog.databases[self.name].tables.get(name)

    def _cutoff(self) -> int | None:
        retention = self._catalog.databases[self.name].retention_ns
        return None if retention is None else self._now() - retention
