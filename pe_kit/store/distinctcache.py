"""Distinct-value caches: the combinations of values that some columns have had, for ``distinct_cache()``.

Source of the behaviour: influxdb3_cache/src/distinct_cache/{cache,provider,table_function}.rs and
influxdb3_catalog/src/catalog/versions/v3/ops/cache.rs.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import numpy as np
import pyarrow as pa

from pe_kit.errors import near_match
from pe_kit.store.cacheset import EVICTION_NS, CacheSet, Rows, first_seen_codes, refuse, whole_seconds
from pe_kit.store.tabledef import TableDef

__all__ = ["DistinctCacheDefinition", "DistinctCaches"]

_Combination = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class DistinctCacheDefinition:
    """A distinct-value cache as the catalog keeps it; the order of ``columns`` is that of the hierarchy."""

    table: str
    name: str
    columns: tuple[str, ...]
    max_cardinality: int
    max_age_seconds: int


class _DistinctCache:
    """A tree, kept flat: level ``i`` maps each combination of the first ``i + 1`` values to when it was last seen."""

    def __init__(self, definition: DistinctCacheDefinition) -> None:
        self.definition = definition
        self._max_age = definition.max_age_seconds * 1_000_000_000
        self._levels: list[dict[_Combination, int]] = [{} for _ in definition.columns]
        self._sorted: list[_Combination] | None = None  # the last level's keys, until one is added
        self._shared = False
        self._tick: int | None = None
        self._sweep_at = 1000
        self._schema = pa.schema([pa.field(c, pa.string_view()) for c in definition.columns])

    def copy(self) -> _DistinctCache:
        twin = object.__new__(_DistinctCache)
        self._shared = True
        twin.__dict__.update(self.__dict__)
        return twin

    def emptied(self, schema: pa.Schema) -> _DistinctCache:
        return _DistinctCache(self.definition)

    def push(self, rows: Rows, schema: pa.Schema, now_ns: int) -> None:
        self._prune_due(now_ns)
        if self._shared:
            self._levels, self._shared = [dict(level) for level in self._levels], False
        names = self.definition.columns
        if isinstance(rows, pa.Table | pa.RecordBatch):
            pairs = _last_of_each(rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows]), names)
        else:
            pairs = [
                (tuple([row.get(n) for n in names]), row["time"]) for row in cast("Sequence[dict[str, Any]]", rows)
            ]
        for values, time in pairs:
            if values not in self._levels[-1]:
                self._sorted = None
            for depth, level in enumerate(self._levels, 1):
                level[values[:depth]] = time

    def _prune_due(self, now_ns: int) -> None:
        """Do what the eviction ticks since the last call did.

        The last of them is enough: cutting to the cardinality early and ageing more later come to the same. Ageing
        alone shows nowhere, since queries leave out what is too old; it is done now and then to give memory back.
        """
        tick = now_ns // EVICTION_NS
        due, self._tick = self._tick is not None and tick > self._tick, tick
        if due and len(self._levels[-1]) > self._sweep_at:
            self._remove_before(tick * EVICTION_NS - self._max_age)
            self._sweep_at = 2 * len(self._levels[-1]) + 1000
        surplus = len(self._levels[-1]) - self.definition.max_cardinality
        if due and surplus > 0:
            self._remove_before(heapq.nsmallest(surplus, self._levels[-1].values())[-1])

    def _remove_before(self, time: int) -> None:
        """Drop the combinations last seen at or before ``time``, unless a prefix of theirs was seen later."""
        uppers, leaves = self._levels[:-1], self._levels[-1]
        kept = {
            v: t
            for v, t in leaves.items()
            if t > time or any(level[v[:depth]] > time for depth, level in enumerate(uppers, 1))
        }
        levels = []
        for depth, level in enumerate(uppers, 1):
            alive = {v[:depth] for v in kept}
            levels.append({v: t for v, t in level.items() if v in alive})
        self._levels, self._shared = [*levels, kept], False
        self._sorted = None

    def table(self, now_ns: int) -> pa.Table:
        self._prune_due(now_ns)
        if self._sorted is None:
            self._sorted = sorted(self._levels[-1], key=lambda v: [(x is not None, x or "") for x in v])
        limit = now_ns - self._max_age
        found = [v for v in self._sorted if all(level[v[:i]] > limit for i, level in enumerate(self._levels, 1))]
        arrays = [pa.array([v[i] for v in found], pa.string_view()) for i in range(len(self._schema))]
        return pa.Table.from_arrays(arrays, schema=self._schema)


def _last_of_each(table: pa.Table, names: Sequence[str]) -> list[tuple[_Combination, int]]:
    """Give the last row of each combination, in row order: what is left when all rows have been pushed one by one."""
    if not table.num_rows:
        return []
    nulls = pa.nulls(table.num_rows, pa.utf8())
    columns = [table[n] if n in table.column_names else pa.chunked_array([nulls]) for n in names]
    codes = first_seen_codes(columns)
    last = np.zeros(int(codes.max()) + 1, np.int64)
    last[codes] = np.arange(len(codes))  # a later assignment wins
    rows = pa.array(np.sort(last))
    times = table["time"].take(rows).cast(pa.int64()).to_pylist()
    return list(zip(zip(*(c.take(rows).to_pylist() for c in columns), strict=True), times, strict=True))


class DistinctCaches(CacheSet[_DistinctCache, DistinctCacheDefinition]):
    """The distinct-value caches of one database. A query gives one row a combination, sorted by bytes, null first."""

    _unknown_table = staticmethod("provided table name ({}) is invalid".format)
    _unknown_cache = "could not find distinct value cache for the given arguments"

    def create(
        self,
        table: TableDef,
        columns: Sequence[str],
        name: str | None = None,
        max_cardinality: int = 100_000,
        max_age: str | timedelta | float = "1d",
    ) -> DistinctCacheDefinition:
        """Define a cache; it starts empty and sees what is flushed from now on.

        Args:
            table: the table.
            columns: tags and string fields, in the order of the hierarchy.
            name: default ``{table}_{columns}_distinct_cache``.
            max_cardinality: combinations that an eviction tick (every 10 s) leaves, the oldest go first.
            max_age: how old a combination may be by the time of the last row that had it; cut to whole seconds.

        Raises:
            ServerError: (400) no column, an unknown column or one of another type, a max_cardinality below 1.
            ConflictError: (409) the table has a cache of that name.
        """
        if max_cardinality < 1:
            raise refuse("invalid size provided", "max_cardinality is at least 1.")
        if not columns:
            raise refuse("invalid configuration provided: no columns provided when creating distinct cache")
        for column in columns:
            if column not in table.schema.names:
                raise refuse(
                    f"invalid configuration provided: invalid column provided: {column}",
                    near_match(column, table.schema.names, what="columns"),
                )
            kind = table.schema.field(column).type
            if not (pa.types.is_dictionary(kind) or pa.types.is_string(kind)):
                raise refuse(
                    "only tag and string columns are supported in the distinct cache", f"{column!r} is {kind}."
                )
        definition = DistinctCacheDefinition(
            table=table.name,
            name=f"{table.name}_{'_'.join(columns)}_distinct_cache" if name is None else name,
            columns=tuple(columns),
            max_cardinality=max_cardinality,
            max_age_seconds=whole_seconds(max_age),
        )
        self._add(table.name, definition.name, _DistinctCache(definition))
        return definition
