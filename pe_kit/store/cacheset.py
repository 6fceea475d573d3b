"""What the last-value and the distinct-value caches of one database have in common: names, look-up, snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pe_kit.duration import as_duration_ns
from pe_kit.errors import ConflictError, NotFoundError, QueryError, ServerError, near_match
from pe_kit.store.tabledef import TableDef
from pe_kit.types import Now, Row

__all__ = ["EVICTION_NS", "CacheSet", "Rows", "first_seen_codes", "whole_seconds"]

EVICTION_NS = 10_000_000_000
"""How often the server's eviction tasks run by default (``--last-cache-eviction-interval`` and its twin).
The phase of its ticks is that of its start; here they fall on multiples of 10 s since the epoch."""

Rows: TypeAlias = "Sequence[Row] | pa.Table | pa.RecordBatch"


class _Cache(Protocol):
    @property
    def definition(self) -> Any: ...
    def push(self, rows: Rows, schema: pa.Schema, now_ns: int) -> None: ...
    def table(self, now_ns: int) -> pa.Table: ...
    def copy(self) -> Any: ...
    def emptied(self, schema: pa.Schema) -> Any: ...


C = TypeVar("C", bound=_Cache)
D = TypeVar("D")
Snapshot = Mapping[str, Mapping[str, C]]


class CacheSet(Generic[C, D]):
    """The caches of one kind (C) in one database, per table, in the order of their creation; D: their definitions."""

    _unknown_table: Callable[[str], str]
    _unknown_cache: str

    def __init__(self, now: Now, find_table: Callable[[str], TableDef | None]) -> None:
        self._now = now
        self._find_table = find_table
        self._caches: dict[str, dict[str, C]] = {}

    def __contains__(self, table: str) -> bool:
        return table in self._caches

    def _add(self, table: str, name: str, cache: C) -> None:
        if name in self._caches.get(table, {}):
            raise ConflictError(
                "attempted to create a resource that already exists",
                mend=f"The table {table!r} has a cache {name!r}; delete it first or give this one another name.",
            )
        self._caches.setdefault(table, {})[name] = cache

    def delete(self, table: str, name: str) -> None:
        """Drop a cache with its definition.

        Raises:
            NotFoundError: the table has no cache of that name.
        """
        caches = self._caches.get(table, {})
        if name not in caches:
            raise NotFoundError(
                f"the requested resource was not found: {name}", mend=near_match(name, caches, what="caches")
            )
        del caches[name]
        if not caches:
            del self._caches[table]

    def drop_table(self, table: str) -> None:
        """Drop all caches of a table, as deleting the table does."""
        self._caches.pop(table, None)

    def push(self, table: str, rows: Rows) -> None:
        """Show flushed rows of one table to its caches, in order.

        Args:
            table: the table's name; it must be known to ``find_table`` if it has a cache.
            rows: row dicts (absent columns absent, ``time`` int ns) or Arrow (absent values null, ``time`` timestamp).
        """
        caches = self._caches.get(table)
        definition = self._find_table(table) if caches else None
        if caches and definition is not None:
            now_ns, schema = self._now(), definition.schema
            for cache in caches.values():
                cache.push(rows, schema, now_ns)

    def definitions(self) -> list[D]:
        """Give all definitions, per table in the order of creation."""
        return [cache.definition for caches in self._caches.values() for cache in caches.values()]

    def query(self, table: str, name: str | None = None) -> pa.Table:
        """Give what ``last_cache(table, name)`` or ``distinct_cache(table, name)`` gives.

        Raises:
            QueryError: unknown table; unknown cache; no name, and the table has not exactly one cache.
        """
        return self._find(table, name).table(self._now())

    def _find(self, table: str, name: str | None) -> C:
        if self._find_table(table) is None:
            raise QueryError(f"Error during planning: {self._unknown_table(table)}", stage="planning")
        caches = self._caches.get(table, {})
        if name is None and len(caches) == 1:
            return next(iter(caches.values()))
        if name is None or name not in caches:
            mend = near_match(name, caches, what="caches") if name else ""
            if name is None:
                mend = f"Name one of {', '.join(map(repr, caches))}." if caches else "The table has no such cache yet."
            raise QueryError(f"Error during planning: {self._unknown_cache}", stage="planning", mend=mend)
        return caches[name]

    def clear(self) -> None:
        """Forget what is cached and keep the definitions, as a server restart does."""
        for table, caches in self._caches.items():
            definition = self._find_table(table)
            if definition is not None:
                self._caches[table] = {n: c.emptied(definition.schema) for n, c in caches.items()}

    def snapshot(self) -> Snapshot[C]:
        """Give the state as it is; costs nothing per cached row."""
        return {table: {name: cache.copy() for name, cache in caches.items()} for table, caches in self._caches.items()}

    def restore(self, snapshot: Snapshot[C]) -> None:
        """Put back what ``snapshot`` gave; the snapshot stays usable."""
        self._caches = {t: {name: cache.copy() for name, cache in caches.items()} for t, caches in snapshot.items()}


def whole_seconds(value: str | timedelta | float) -> int:
    """Turn an age into whole seconds, cut as the command line cuts it: ``"4h"``, a timedelta, or seconds."""
    return as_duration_ns(value) // 1_000_000_000


def refuse(message: str, mend: str = "") -> ServerError:
    """Give the error for a definition that the catalog refuses (400)."""
    return ServerError(message, status=400, mend=mend)


def first_seen_codes(columns: Sequence[pa.ChunkedArray]) -> np.ndarray[Any, Any]:
    """Number the combinations of values in ``columns`` 0, 1, 2, ... by first appearance; null is a value."""
    codes: np.ndarray[Any, Any] | None = None
    for column in columns:
        part = _codes(column)
        codes = part if codes is None else _codes(pa.array(codes * (int(part.max(initial=0)) + 1) + part))
    return np.zeros(0, np.int64) if codes is None else codes


def _codes(column: pa.Array | pa.ChunkedArray) -> np.ndarray[Any, Any]:
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries().combine_chunks().indices
    encoded = pc.dictionary_encode(column, null_encoding="encode")
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return np.asarray(encoded.indices).astype(np.int64)
