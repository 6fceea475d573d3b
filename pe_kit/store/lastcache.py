"""Last-value caches: the newest rows of each key, kept in memory for ``last_cache()``.

Source of the behaviour: influxdb3_cache/src/last_cache/{cache,provider,table_function}.rs and
influxdb3_catalog/src/catalog/versions/v3/ops/cache.rs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pe_kit.errors import near_match
from pe_kit.store.cacheset import EVICTION_NS, CacheSet, Rows, first_seen_codes, refuse, whole_seconds
from pe_kit.store.tabledef import TableDef
from pe_kit.types import Row

__all__ = ["LastCacheDefinition", "LastCaches"]


@dataclass(frozen=True, slots=True)
class LastCacheDefinition:
    """A last-value cache as the catalog keeps it. ``value_columns`` None: all other columns, later ones included."""

    table: str
    name: str
    key_columns: tuple[str, ...]
    value_columns: tuple[str, ...] | None
    count: int
    ttl_seconds: int


class _Leaf(NamedTuple):
    last_time: int
    entries: tuple[tuple[int, Row], ...]  # (inserted, row), newest first


class _LastCache:
    def __init__(self, definition: LastCacheDefinition, schema: pa.Schema) -> None:
        self.definition = definition
        self._keys = tuple(dict.fromkeys(definition.key_columns))
        self._ttl = definition.ttl_seconds * 1_000_000_000
        self._leaves: dict[tuple[Any, ...], _Leaf] = {}
        self._shared = False
        self._sweep_at = 1000
        self._take_schema(schema, key_nullable=True)

    def _take_schema(self, schema: pa.Schema, key_nullable: bool) -> None:
        fields = []
        for name in self._keys:
            field = schema.field(name)
            tag = pa.types.is_dictionary(field.type)
            fields.append(pa.field(name, pa.utf8() if tag else field.type, nullable=key_nullable and not tag))
        wanted = self.definition.value_columns
        if wanted is None:
            names = [n for n in schema.names if n not in self._keys]
        else:
            names = [n for n in dict.fromkeys(wanted) if n != "time" and n not in self._keys]
            names += ["time"] if "time" in schema.names else []
        self._values = names
        self._schema = pa.schema([*fields, *(pa.field(n, schema.field(n).type) for n in names)])
        self._seen = frozenset(self._keys) | frozenset(names)

    def copy(self) -> _LastCache:
        twin = object.__new__(_LastCache)
        self._shared = True
        twin.__dict__.update(self.__dict__)
        return twin

    def emptied(self, schema: pa.Schema) -> _LastCache:
        return _LastCache(self.definition, schema)

    def push(self, rows: Rows, schema: pa.Schema, now_ns: int) -> None:
        if self._shared:
            self._leaves, self._shared = dict(self._leaves), False
        if isinstance(rows, pa.Table | pa.RecordBatch):
            self._push_arrow(rows, schema, now_ns)
        else:
            self._push_rows(rows, schema, now_ns)
        if len(self._leaves) > self._sweep_at:
            self._leaves = {k: leaf for k, leaf in self._leaves.items() if not self._evicted(leaf, now_ns)}
            self._sweep_at = 2 * len(self._leaves) + 1000

    def _evicted(self, leaf: _Leaf, now_ns: int) -> bool:
        """Say whether the last eviction tick has emptied the leaf, its ``last_time`` included."""
        return now_ns - now_ns % EVICTION_NS - leaf.entries[0][0] >= self._ttl

    def _leaf(self, key: tuple[Any, ...], now_ns: int) -> _Leaf:
        leaf = self._leaves.get(key)
        if leaf is not None and self._evicted(leaf, now_ns):
            del self._leaves[key]
            leaf = None
        return leaf or _Leaf(0, ())

    def _push_rows(self, rows: Sequence[Row], schema: pa.Schema, now_ns: int) -> None:
        keys, count, growing = self._keys, self.definition.count, self.definition.value_columns is None
        for row in rows:
            try:
                key = tuple([row[name] for name in keys])
            except KeyError:
                continue
            leaf, time = self._leaf(key, now_ns), row["time"]
            assert isinstance(time, int)
            if time > leaf.last_time:
                self._leaves[key] = _Leaf(time, ((now_ns, row), *leaf.entries[: count - 1]))
            if growing and not row.keys() <= self._seen:
                self._take_schema(schema, key_nullable=False)

    def _push_arrow(self, rows: pa.Table | pa.RecordBatch, schema: pa.Schema, now_ns: int) -> None:
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
        if not set(self._keys) <= set(table.column_names):
            return
        for name in self._keys:
            if table[name].null_count:
                table = table.filter(pc.is_valid(table[name]))
        if not table.num_rows:
            return
        fresh = set(table.column_names) - self._seen if self.definition.value_columns is None else ()
        if any(table[name].null_count < table.num_rows for name in fresh):
            self._take_schema(schema, key_nullable=False)
        newest, keys, newest_per_leaf = self._newest(table, now_ns)
        wanted = [name for name in self._values if name in table.column_names]
        picked = table.select(wanted).take(pa.array(newest, pa.int64()))
        times = picked.column_names.index("time")
        picked = picked.set_column(times, "time", picked["time"].cast(pa.int64())).to_pylist()
        at = 0
        for key, n in zip(keys, newest_per_leaf, strict=True):
            added = tuple((now_ns, row) for row in reversed(picked[at : at + n]))
            at += n
            entries = (added + self._leaf(key, now_ns).entries)[: self.definition.count]
            self._leaves[key] = _Leaf(entries[0][1]["time"], entries)

    def _newest(self, table: pa.Table, now_ns: int) -> tuple[list[int], list[tuple[Any, ...]], list[int]]:
        """Find the rows that stay: per key, by first appearance, the last ``count`` that were newer than all before."""
        count = self.definition.count
        times = np.asarray(table["time"].cast(pa.int64()))
        codes = first_seen_codes([table[k] for k in self._keys]) if self._keys else np.zeros(len(times), np.int64)
        top = int(codes.max(initial=0))
        order = np.argsort(codes.astype(np.uint16) if top < 65536 else codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(top + 2))
        heads = table.select(self._keys).take(pa.array(order[bounds[:-1]])) if self._keys else None
        columns = [c.to_pylist() for c in heads.columns] if heads is not None else []
        every_key = list(zip(*columns, strict=True)) if columns else [()]
        newest: list[int] = []
        keys, sizes = [], []
        for key, start, stop in zip(every_key, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            rows = order[start:stop]
            last = self._leaf(key, now_ns).last_time
            before = np.maximum.accumulate(np.concatenate(([last], times[rows])))[:-1]
            accepted = rows[times[rows] > before][-count:].tolist()
            if accepted:
                newest += accepted
                keys.append(key)
                sizes.append(len(accepted))
        return newest, keys, sizes

    def table(self, now_ns: int) -> pa.Table:
        found = [
            (key, row)
            for key, leaf in self._leaves.items()
            for inserted, row in leaf.entries
            if now_ns - inserted < self._ttl
        ]
        columns = [[key[i] for key, _ in found] for i in range(len(self._keys))]
        columns += [[row.get(name) for _, row in found] for name in self._values]
        arrays = [pa.array(v, f.type) for v, f in zip(columns, self._schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self._schema)


class LastCaches(CacheSet[_LastCache, LastCacheDefinition]):
    """The last-value caches of one database.

    A query gives key columns, value columns; keys in the order in which they were first seen (the server's order is
    that of a hash map), per key the newest row first.
    """

    _unknown_table = staticmethod(lambda _: "provided table name is invalid")
    _unknown_cache = "could not find cache for the given arguments"

    def create(
        self,
        table: TableDef,
        name: str | None = None,
        key_columns: Sequence[str] | None = None,
        value_columns: Sequence[str] | None = None,
        count: int = 1,
        ttl: str | timedelta | float = "4h",
    ) -> LastCacheDefinition:
        """Define a cache; it starts empty and sees what is flushed from now on.

        Args:
            table: the table.
            name: default ``{table}_{key columns}_last_cache``.
            key_columns: default the table's tags as they are now; an empty sequence keeps the newest rows of all.
            value_columns: default all columns that are no key, those to come included; ``time`` is always added.
            count: rows kept per key, at least 1.
            ttl: how long a row is kept after it was flushed, on the engine's clock; cut to whole seconds.

        Raises:
            ServerError: (400) an unknown column, a key of a type that the cache refuses, a count below 1.
            ConflictError: (409) the table has a cache of that name.
        """
        if count < 1:
            raise refuse("last cache size must be greater than 0")
        keys = tuple(table.series_key if key_columns is None else key_columns)
        for column in keys:
            if column not in table.schema.names:
                raise _unknown_column("key", column, table)
            kind = table.schema.field(column).type
            if pa.types.is_floating(kind) or pa.types.is_timestamp(kind):
                raise refuse(
                    "only uint64, int64, bool, tag, and string columns are supported in the last cache",
                    f"{column!r} is {kind}.",
                )
        for column in value_columns or ():
            if column not in table.schema.names:
                raise _unknown_column("value", column, table)
        definition = LastCacheDefinition(
            table=table.name,
            name=f"{table.name}_{'_'.join(keys)}_last_cache" if name is None else name,
            key_columns=keys,
            value_columns=None if value_columns is None else tuple(value_columns),
            count=count,
            ttl_seconds=whole_seconds(ttl),
        )
        self._add(table.name, definition.name, _LastCache(definition, table.schema))
        return definition


def _unknown_column(kind: str, column: str, table: TableDef) -> Exception:
    return refuse(
        f"invalid configuration provided: invalid {kind} column provided: {column}",
        near_match(column, table.schema.names, what="columns"),
    )
