"""The embedded database as a whole: writes in, flushes and queries out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from pe_kit.errors import LineProtocolError, QueryError, UsageError, json_body, near_match
from pe_kit.store.catalog import Catalog, CatalogLimits, CatalogState
from pe_kit.store.database import Database, DatabaseState
from pe_kit.store.ingest import Written, take_in
from pe_kit.store.names import check_database_name, check_http_database_name
from pe_kit.store.querylog import QueryLog
from pe_kit.store.rows import GEN1_NS, Part, TableRows
from pe_kit.store.system import own_sources
from pe_kit.store.table import Table
from pe_kit.store.tabledef import TableDef
from pe_kit.store.wal import FlushedBatch, WalBuffer
from pe_kit.types import Now

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Store", "StoreSnapshot", "Written"]

_FIELD_TYPES = {"utf8": "s", "int64": "i", "uint64": "u", "float64": "f", "bool": "b"}


class StoreSnapshot(NamedTuple):
    """The state of a store at one moment; it never changes."""

    catalog: CatalogState
    databases: Mapping[str, DatabaseState]
    buffer: WalBuffer


class Staged(NamedTuple):
    """Admitted rows that are not yet written, and the lines that were refused."""

    tables: list[TableRows]
    errors: tuple[LineProtocolError, ...]


class Store:
    """Databases, their rows and caches, and the WAL buffer. Calls may come from several threads.

    Args:
        now: the engine's time.
        max_databases, max_tables, max_columns: the server's limits.
        lock: a reentrant lock of the owner's, held while something changes.

    Attributes:
        catalog: what exists.
        system_sources: name of a system table -> what gives its rows for a database; an engine puts its own in.
    """

    def __init__(self, now: Now, max_databases: int = 5, max_tables: int = 2000, max_columns: int = 500,
                 lock: AbstractContextManager[Any] | None = None) -> None:  # fmt: skip
        self._now = now
        self._lock = lock or threading.RLock()
        self.catalog = Catalog(CatalogLimits(max_databases, max_tables, max_columns))
        self._databases: dict[str, Database] = {}
        self._buffer, self._queries = WalBuffer(), QueryLog(now)
        self.on_change: Callable[[str, int, dict[str, Any]], None] | None = None
        """Called after each change with the method, the time and the arguments that do it again; a journal."""
        self.system_sources = own_sources(self.catalog, self._database, self._queries, now())

    # -- what exists ------------------------------------------------------------------------------------------

    def create_database(self, name: str, retention_ns: int | None = None) -> None:
        """Create a database, with the errors of :meth:`Catalog.create_database`, or InvalidNameError.

        Rows older than ``retention_ns`` are invisible.
        """
        check_http_database_name(name)
        with self._lock:
            self.catalog.create_database(name, retention_ns)
            self._changed("create_database", self._now(), name=name, retention_ns=retention_ns)

    def delete_database(self, name: str) -> str:
        """Delete a database with its tables and caches, as :meth:`Catalog.delete_database`."""
        with self._lock:
            now = self._now()
            stamped = self.catalog.delete_database(name, now)
            self._databases.pop(name, None)
            self._buffer.drop(name)
            self._changed("delete_database", now, name=name)
        return stamped

    def set_retention(self, name: str, retention_ns: int | None) -> None:
        """Change how long rows of a database are visible, as :meth:`Catalog.set_retention`."""
        with self._lock:
            self.catalog.set_retention(name, retention_ns)
            self._changed("set_retention", self._now(), name=name, retention_ns=retention_ns)

    def create_table(
        self, db: str, table: str, tags: Sequence[str], fields: Mapping[str, str] | Iterable[tuple[str, str]] = ()
    ) -> None:
        """Create a table, and its database if need be.

        Args:
            db: the database. table: the table.
            tags: the tags, in the order of the series key.
            fields: name -> ``utf8``, ``int64``, ``uint64``, ``float64`` or ``bool``.

        Raises:
            InvalidNameError: the database's name. ConflictError: the table exists. ServerError: a limit or a column.
        """
        kinds = {}
        for name, word in dict(fields).items():
            if word not in _FIELD_TYPES:
                raise UsageError(f"field {name!r}: no type {word!r}", mend=near_match(word, _FIELD_TYPES, what="types"))
            kinds[name] = _FIELD_TYPES[word]
        check_http_database_name(db)
        with self._lock:
            self.catalog.create_table(db, table, tags, kinds)
            self._changed("create_table", self._now(), db=db, table=table, tags=list(tags), fields=dict(fields))

    def delete_table(self, db: str, table: str) -> None:
        """Delete a table with its rows and caches, as :meth:`Catalog.delete_table`."""
        with self._lock:
            now = self._now()
            self.catalog.delete_table(db, table, now)
            self._buffer.drop(db, table)
            self._database(db).drop_table(table)
            self._changed("delete_table", now, db=db, table=table)

    def database_names(self) -> list[str]:
        """The databases, ``_internal`` first."""
        return list(self.catalog.databases)

    def has_database(self, name: str) -> bool:
        """Say whether a database exists."""
        return name in self.catalog.databases

    def require_database(self, name: str) -> None:
        """Raise what the server answers where it changes nothing: no such database, a deleted one, ``_internal``."""
        self.catalog.modifiable(name)

    def table_names(self, db: str) -> list[str]:
        """The tables of a database, by order of appearance. Raises as :meth:`Catalog.database`."""
        return list(self.catalog.database(db).tables)

    def has_table(self, db: str, name: str) -> bool:
        """Say whether a table exists."""
        return self.has_database(db) and name in self.catalog.databases[db].tables

    def table(self, db: str, name: str) -> Table:
        """Give a table with its rows. Raises as :meth:`Catalog.table`."""
        with self._lock:
            return self._database(db).table(name)

    def databases_frame(self) -> pd.DataFrame:
        """The databases as a DataFrame: database, retention_period (timedelta, NaT: for ever), tables (how many)."""
        found = list(self.catalog.databases.values())
        columns = {
            "database": [d.name for d in found],
            "retention_period": pa.array([d.retention_ns for d in found], pa.duration("ns")),
            "tables": [len(d.tables) for d in found],
        }
        frame: pd.DataFrame = pa.table(columns).to_pandas()
        return frame

    def tables_frame(self, db: str) -> pd.DataFrame:
        """The tables of a database as a DataFrame: table, rows, columns, first_time, last_time (datetime64[ns]).

        Raises as :meth:`Catalog.database`.
        """
        with self._lock:
            names = self.table_names(db)
            tables = [self.table(db, name) for name in names]
            rows, first, last = zip(*(t.extent() for t in tables), strict=True) if tables else ((), (), ())
        columns = {
            "table": pa.array(names, pa.utf8()),
            "rows": pa.array(rows, pa.int64()),
            "columns": pa.array([len(t.schema) for t in tables], pa.int64()),
            "first_time": pa.array(first, pa.timestamp("ns")),
            "last_time": pa.array(last, pa.timestamp("ns")),
        }
        frame: pd.DataFrame = pa.table(columns).to_pandas()
        return frame

    # -- data ---------------------------------------------------------------------------------------------------

    def write(
        self,
        data: Any,
        db: str,
        precision: str = "auto",
        accept_partial: bool = False,
        table: str | None = None,
        tags: Sequence[str] = (),
        http_name: bool = True,
    ) -> Written:
        """Put data into the WAL buffer; the database and its schema grow at once.

        Args:
            data: what :func:`pe_kit.store.frames.as_payload` takes.
            db: the database; created if need be.
            precision: the unit of times on lines and of integer times in frames.
            accept_partial: store the good lines of a write that has bad ones.
            table: for frames, the table they go to. tags: which columns are tags.
            http_name: check the name as the HTTP face does; False: as for plugins.

        Returns:
            How many rows came in; with ``accept_partial`` the refused lines too.

        Raises:
            LineProtocolError: the first bad line, unless ``accept_partial``; then nothing has changed.
            InvalidNameError, ServerError: the database's name or number, a deleted one, an empty write, bad UTF-8.
            UsageError: data that cannot be written.
        """
        options: dict[str, Any] = {"precision": precision, "accept_partial": accept_partial, "table": table}
        options |= {"tags": tags, "http_name": http_name}
        with self._lock:
            now = self._now()
            written = take_in(self.catalog, self._buffer, now, data, db, **options)
            self._changed("write", now, data=data, db=db, **options)
        return written

    def stage(self, data: Any, db: str, table: str | None = None, tags: Sequence[str] = ()) -> Staged:
        """Admit data as :meth:`write` does, bad lines aside, but hand the rows back: :meth:`put` writes them later.

        Times are in nanoseconds.
        """
        buffer = WalBuffer()
        with self._lock:
            before = self.catalog.state
            now = self._now()
            written = take_in(self.catalog, buffer, now, data, db, "nanosecond", True, table, tags)
            staged = Staged([rows for batch in buffer.take(GEN1_NS) for rows in batch.tables], written.errors)
            for rows in staged.tables if before is not self.catalog.state else ():
                columns = self.catalog.table(db, rows.name).columns
                self._changed("declare", now, db=db, table=rows.name, columns=columns)
        return staged

    def declare(self, db: str, table: str, columns: Mapping[str, str]) -> None:
        """Add the columns (name -> letter of its kind) that a table lacks, and the table if need be."""
        with self._lock:
            transaction = self.catalog.begin(db)
            found = transaction.tables.get(table) or transaction.add_table(table)
            for name, kind in columns.items():
                if name not in found.columns:
                    found = transaction.add_column(found, name, kind)
            transaction.commit()

    def put(self, db: str, table: str, part: Part) -> None:
        """Put admitted rows into the WAL buffer."""
        with self._lock:
            self._changed("put", self._now(), db=db, table=table, part=Part(part.rows, part.columns, part.numbers))
            self._buffer.add(db, table, [part])

    def load(self, data: Any, db: str, **options: Any) -> Written:
        """Put data straight into tables and caches, past the WAL. Arguments, result and errors as :meth:`write`."""
        buffer = WalBuffer()
        with self._lock:
            now = self._now()
            written = take_in(self.catalog, buffer, now, data, db, **options)
            self._apply(buffer.take(GEN1_NS))
            self._changed("load", now, data=data, db=db, **options)
        return written

    @property
    def pending(self) -> bool:
        """True when rows wait for a flush."""
        return bool(self._buffer)

    def flush(self, chunk_ns: int = GEN1_NS) -> list[FlushedBatch]:
        """Move the WAL buffer into tables and caches.

        Args:
            chunk_ns: the span of time whose rows stay together on their way to plugins.

        Returns:
            One batch per database, in the order of the first write to each.
        """
        with self._lock:
            batches = self._buffer.take(chunk_ns)
            self._apply(batches)
            if batches:
                self._changed("flush", self._now())
        return batches

    def _apply(self, batches: list[FlushedBatch]) -> None:
        for batch in batches:
            database = self._database(batch.database)
            for rows in batch.tables:
                database.append(rows)

    def query_arrow(
        self, sql: str, db: str, params: Mapping[str, Any] | None = None, http_name: bool = True
    ) -> pa.Table:
        """Run one SQL statement; ``http_name=False`` checks the name first, as for plugins.

        Raises:
            QueryError: with the server's text. InvalidNameError: the name, if it is checked.
        """
        from pe_kit.store.sql import run_query

        if not http_name:
            check_database_name(db)
        with self._queries.query(sql):
            if db not in self.catalog.databases:
                text, mend = f"database not found: {db}", self.catalog.nearest_database(db)
                body = json_body(f"query error: {text}")
                raise QueryError(text, stage="database", status=404, body=body, mend=mend)
            return run_query(self._database(db), sql, params)

    # -- caches -------------------------------------------------------------------------------------------------

    def create_last_cache(self, db: str, table: str, **options: Any) -> str:
        """Create a last-value cache and give its name; options and errors: :meth:`LastCaches.create`."""
        with self._lock:
            database, definition = self._changeable(db, table)
            name = database.last.create(definition, **options).name
            self._changed("create_last_cache", self._now(), db=db, table=table, **options)
        return name

    def delete_last_cache(self, db: str, table: str, name: str) -> None:
        """Delete a last-value cache. Raises NotFoundError."""
        with self._lock:
            self._changeable(db, table)[0].last.delete(table, name)
            self._changed("delete_last_cache", self._now(), db=db, table=table, name=name)

    def create_distinct_cache(self, db: str, table: str, columns: Sequence[str], **options: Any) -> str:
        """Create a distinct-value cache and give its name; options and errors: :meth:`DistinctCaches.create`."""
        with self._lock:
            database, definition = self._changeable(db, table)
            name = database.distinct.create(definition, columns, **options).name
            self._changed("create_distinct_cache", self._now(), db=db, table=table, columns=list(columns), **options)
        return name

    def delete_distinct_cache(self, db: str, table: str, name: str) -> None:
        """Delete a distinct-value cache. Raises NotFoundError."""
        with self._lock:
            self._changeable(db, table)[0].distinct.delete(table, name)
            self._changed("delete_distinct_cache", self._now(), db=db, table=table, name=name)

    def _changeable(self, db: str, table: str) -> tuple[Database, TableDef]:
        self.catalog.modifiable(db)
        return self._database(db), self.catalog.table(db, table)

    def clear_caches(self) -> None:
        """Forget what a restart forgets: cached rows and the log of queries; the caches' definitions stay."""
        with self._lock:
            for database in self._databases.values():
                database.last.clear()
                database.distinct.clear()
            self._queries.clear()

    def _changed(self, method: str, now_ns: int, **arguments: Any) -> None:
        if self.on_change is not None:
            self.on_change(method, now_ns, arguments)

    # -- what a data folder keeps ---------------------------------------------------------------------------------

    @property
    def live(self) -> Mapping[str, Database]:
        """The databases at work, by name."""
        with self._lock:
            return {name: self._database(name) for name in self.catalog.databases}

    def waiting(self) -> list[tuple[str, str, list[Part]]]:
        """Give what waits for the flush: database, table, parts."""
        return self._buffer.content()

    def wait(self, db: str, table: str, parts: list[Part]) -> None:
        """Put back what :meth:`waiting` gave, into a buffer that has nothing for the table."""
        self._buffer.add(db, table, parts)

    # -- moments ------------------------------------------------------------------------------------------------

    def snapshot(self) -> StoreSnapshot:
        """Give the state as it is, at no cost per row."""
        with self._lock:
            databases = {name: database.freeze() for name, database in self._databases.items()}
            return StoreSnapshot(self.catalog.state, databases, self._buffer.copy())

    def restore(self, snapshot: StoreSnapshot) -> None:
        """Become what a snapshot says; it may come from another store, and stays usable."""
        with self._lock:
            self.catalog.state = snapshot.catalog
            self._buffer = snapshot.buffer.copy()
            self._databases = {}
            for name, state in snapshot.databases.items():
                self._database(name).thaw(state)

    def scratch(self) -> Store:
        """Give a store with the same catalog and no rows, to try writes on."""
        twin = Store(self._now, *self.catalog.limits)
        twin.catalog.state = self.catalog.state
        return twin

    def _database(self, name: str) -> Database:
        found = self._databases.get(name)
        if found is None:
            self.catalog.database(name)
            found = Database(name, self.catalog, self._now, self._lock, self.system_sources)
            self._databases[name] = found
        return found
