"""A database made of Arrow tables, for the tests of SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pytest

from pe_kit.errors import QueryError
from pe_kit.store.sql import run_query
from pe_kit.store.table import Reading
from pe_kit.store.upsert import Chunk

TAG = pa.dictionary(pa.int32(), pa.utf8())


class FakeTable:
    """A table view over batches that a test may replace."""

    def __init__(self, table: pa.Table) -> None:
        self.version = 0
        self.reads = 0
        self.put(table)

    def put(self, table: pa.Table) -> None:
        names = sorted(table.column_names)
        fields = [table.schema.field(n).with_nullable(n != "time") for n in names]
        self.schema = pa.schema(fields)
        self._batches = table.select(names).cast(self.schema).to_batches()
        self.version += 1

    def batches(self) -> list[pa.RecordBatch]:
        return self._batches

    def reading(self) -> Reading:
        table = self

        class Counted(Reading):
            def batches(self, places: Iterable[int]) -> list[pa.RecordBatch]:
                table.reads += 1
                return super().batches(places)

        return Counted(self.version, self.schema, [Chunk.of(batch) for batch in self._batches if len(batch)])


class FakeView:
    """A database view; ``caches`` holds what its caches give, ``system`` its system tables."""

    def __init__(self, name: str, now_ns: int) -> None:
        self.name = name
        self.now_ns = now_ns
        self.tables: dict[str, FakeTable] = {}
        self.system: dict[str, pa.Table] = {}
        self.caches: dict[tuple[str, str, str | None], pa.Table] = {}

    def put(self, name: str, columns: dict[str, Any] | pa.Table) -> FakeTable:
        """Make or replace a table: ``time`` is int nanoseconds, text in a column named in ``tags`` is a tag."""
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)
        if "time" in table.column_names and table.schema.field("time").type != pa.timestamp("ns"):
            i = table.column_names.index("time")
            table = table.set_column(i, "time", table["time"].cast(pa.int64()).cast(pa.timestamp("ns")))
        if name in self.tables:
            self.tables[name].put(table)
        else:
            self.tables[name] = FakeTable(table)
        return self.tables[name]

    def table_names(self) -> Sequence[str]:
        return list(self.tables)

    def table(self, name: str) -> FakeTable:
        return self.tables[name]

    def system_table_names(self) -> Sequence[str]:
        return list(self.system)

    def system_table(self, name: str) -> pa.Table:
        return self.system[name]

    def last_cache(self, table: str, name: str | None) -> pa.Table:
        return self._cache("last", table, name, "could not find cache for the given arguments")

    def distinct_cache(self, table: str, name: str | None) -> pa.Table:
        return self._cache("distinct", table, name, "could not find distinct value cache for the given arguments")

    def _cache(self, kind: str, table: str, name: str | None, refusal: str) -> pa.Table:
        if (kind, table, name) not in self.caches:
            raise QueryError(f"Error during planning: {refusal}", stage="planning")
        return self.caches[kind, table, name]

    def arrow(self, sql: str, params: dict[str, Any] | None = None) -> pa.Table:
        return run_query(self, sql, params)

    def rows(self, sql: str, params: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a query; times and other values as pyarrow gives them, times as int nanoseconds."""
        table = self.arrow(sql, params)
        columns = [
            c.cast(pa.int64()).to_pylist() if pa.types.is_timestamp(c.type) else c.to_pylist() for c in table.columns
        ]
        return list(zip(*columns, strict=True))

    def refuse(self, sql: str, params: dict[str, Any] | None = None) -> QueryError:
        """Run a query that must fail; give the error."""
        with pytest.raises(QueryError) as caught:
            run_query(self, sql, params)
        return caught.value


def tag(values: Sequence[str | None]) -> pa.Array:
    """Make a tag column."""
    return pa.array(values, pa.utf8()).dictionary_encode().cast(TAG)


@pytest.fixture
def database() -> FakeView:
    """An empty database at 2026-01-01T00:00:00Z."""
    return FakeView("sensors", 1_767_225_600_000_000_000)


@pytest.fixture
def tags() -> Callable[[Sequence[str | None]], pa.Array]:
    """Makes a tag column out of texts."""
    return tag


@pytest.fixture
def cpu(database: FakeView) -> FakeView:
    """A database with one table of every column type, three rows."""
    database.put(
        "cpu",
        {
            "host": tag(["a", "b", "a"]),
            "time": [1_577_836_800_000_000_000, 1_577_836_801_000_000_000, 1_577_836_802_000_000_000],
            "usage": [10.0, 2.0, 9.5],
            "n": [10, 2, 9],
            "u": pa.array([10, 2, 9], pa.uint64()),
            "up": [True, False, None],
            "note": ["x", None, "z"],
        },
    )
    return database
