"""The tables that the SQL engine sees: the user's, the system tables, and those made for one query.

DataFusion asks for a table when a statement names it, so that a query costs nothing for the tables it does not touch.
The batches reach it without a copy; a table is handed over again only after it has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pe_kit.store.sqlerrors import plan_error
from pe_kit.store.timespans import ALWAYS, spans_read

if TYPE_CHECKING:
    import pyarrow as pa
    from datafusion.plan import LogicalPlan

    from pe_kit.store.database import Database
    from pe_kit.store.table import Reading, Table

__all__ = ["Tables", "as_sql_name"]

_DISTINCT_SCAN = re.compile(r"TableScan: distinct_cache\(\) projection=\[(.*?)\]")


class _Known(NamedTuple):
    """What DataFusion has of a table: the chunks at some places of a version of it."""

    view: Table
    version: int
    places: Sequence[int]
    rows: int
    table: Any


class _Schema:
    """What the wheel asks of a schema: an attribute and two methods (datafusion-python/src/catalog.rs)."""

    def __init__(self, names: Callable[[], Sequence[str]], give: Callable[[str], Any]) -> None:
        self._names, self._give = names, give

    @property
    def table_names(self) -> list[str]:
        return sorted(self._names())

    def table(self, name: str) -> Any:
        return self._give(name)

    def table_exist(self, name: str) -> bool:
        return name in self._names()


class Tables:
    """The catalog of one database, for its SQL session.

    DataFusion asks while it plans, when no table can be made: what it asks for in vain is noted, :meth:`supply` makes
    it, and the statement is planned again.
    """

    def __init__(self) -> None:
        from datafusion import SessionContext

        self._maker = SessionContext()
        self._known: dict[str, _Known] = {}
        self._of_query: dict[tuple[str | None, ...], Any] = {}
        self._of_now: dict[str, Reading] = {}  # tables as they are for all of the query
        self._wanted: dict[tuple[str | None, ...], Callable[[], None]] = {}
        self._distinct: dict[tuple[str | None, ...], pa.Table] = {}
        self._view: Database | None = None
        self.rows = 0  # of the largest table that was given since the query began
        self._schemas = {
            "iox": _Schema(lambda: self.view.table_names(), self._user_table),
            "system": _Schema(lambda: self.view.system_table_names(), self._system_table),
        }
        self._made = _Schema(tuple, lambda name: self._of_query.get(("made", name)))

    @property
    def schema_names(self) -> list[str]:
        """The order of SHOW TABLES; ``information_schema`` follows by itself."""
        return list(self._schemas)

    def schema(self, name: str) -> _Schema | None:
        """Give a schema; ``made`` holds the tables of one query and is not listed."""
        return self._made if name == "made" else self._schemas.get(name)

    @property
    def view(self) -> Database:
        """The database of the query that runs."""
        assert self._view is not None
        return self._view

    def open(self, view: Database) -> None:
        """Begin a query."""
        self._view, self.rows = view, 0
        self._of_query.clear()
        self._distinct.clear()
        self._wanted.clear()

    def close(self) -> None:
        """End a query: its tables may change again, and pieces of them go."""
        self._of_now.clear()

    def supply(self) -> bool:
        """Make what was asked for in vain; say whether there was anything. What a view raises goes through."""
        wanted, self._wanted = self._wanted, {}
        for make in wanted.values():
            make()
        return bool(wanted)

    def add(self, table: pa.Table) -> str:
        """Take in an Arrow table for the query that runs; give its name in SQL."""
        name = f"t{len(self._of_query)}"
        self._of_query["made", name] = self._arrow(table)
        return f"made.{name}"

    def _user_table(self, name: str) -> Any:
        view = self.view
        if name not in view.table_names():
            self._known.pop(name, None)
            return None
        known = self._known.get(name)
        if known is None or name not in self._of_now:
            table = view.table(name)
            if known is None or known.view is not table or known.version != table.version:
                self._wanted["iox", name] = lambda: self._learn(name)
                return None
            self._of_now[name] = table.reading()
        self.rows = max(self.rows, known.rows)
        return known.table

    def _learn(self, name: str) -> None:
        """Read a table; of a large one only its columns, until it is known which of its rows a plan reads."""
        reading = self._of_now[name] = self.view.table(name).reading()
        self._give(name, () if reading.large else range(len(reading.chunks)))

    def _give(self, name: str, places: Sequence[int]) -> None:
        reading = self._of_now[name]
        batches = reading.batches(places)
        rows = sum(batch.num_rows for batch in batches)
        table = self._register(reading.schema, batches)
        self._known[name] = _Known(self.view.table(name), reading.version, places, rows, table)

    @property
    def named_rows(self) -> int:
        """The rows of the largest table that the query names, whether they are given or not."""
        return max((reading.rows for reading in self._of_now.values()), default=0)

    @property
    def reducible(self) -> bool:
        """Whether the query names a table or a cache of which it is worth knowing how much the plan reads."""
        return bool(self._distinct) or any(map(self._partly, self._of_now))

    def _partly(self, name: str) -> bool:
        """Whether a table is read in part; one that was stays so when damage has made it small."""
        reading = self._of_now[name]
        return reading.large or len(self._known[name].places) < len(reading.chunks)

    def reduce(self, plan: LogicalPlan) -> bool:
        """Give what an optimized plan reads and no more; say whether the statement must be planned again."""
        return any([self._narrow(plan.display_indent()), self._choose(plan)])

    def _choose(self, plan: LogicalPlan) -> bool:
        """Read of large tables the chunks of the times that a plan reads."""
        spans, changed = spans_read(plan), False
        for name, reading in self._of_now.items():
            if self._partly(name) and (spans is None or name in spans):
                places = reading.places(ALWAYS if spans is None else spans[name])
                if places != self._known[name].places:
                    self._give(name, places)
                    changed = True
        if changed:
            self.rows = 0
        return changed

    def _system_table(self, name: str) -> Any:
        if name not in self.view.system_table_names():
            return None
        return self._once(("system", name), lambda: self.view.system_table(name))

    def _once(self, key: tuple[str | None, ...], give: Callable[[], pa.Table]) -> Any:
        if key not in self._of_query:
            self._wanted[key] = lambda: self._of_query.__setitem__(key, self._arrow(give()))
        return self._of_query.get(key)

    def cache_function(self, kind: str) -> Callable[..., Any]:
        """Make ``last_cache(...)`` or ``distinct_cache(...)`` (influxdb3_cache/src/*/table_function.rs)."""

        def give(*args: Any) -> Any:
            texts = [_text(arg) for arg in args[:2]]
            return self._once((kind, *texts), lambda: self._cache(kind, texts))

        return give

    def _cache(self, kind: str, texts: Sequence[str | None]) -> pa.Table:
        table, *rest = texts or [None]
        if table is None:
            raise plan_error("first argument must be the table name as a string", mend=f"For example {kind}('cpu').")
        if rest == [None]:
            mend = f"For example {kind}('{table}', 'name_of_the_cache')."
            raise plan_error("second argument, if passed, must be the cache name as a string", mend=mend)
        if kind == "last_cache":
            return self.view.last_cache(table, rest[0] if rest else None)
        found = self._distinct[kind, *texts] = self.view.distinct_cache(table, rest[0] if rest else None)
        return found

    def _narrow(self, plan: str) -> bool:
        """Walk distinct-value caches no deeper than the columns that a plan reads; say whether that changed anything.

        Source: ``to_record_batch`` in influxdb3_cache/src/distinct_cache/cache.rs. With several caches in one plan they
        are left as they are.
        """
        import pyarrow as pa

        if len(self._distinct) != 1:
            return False
        (key, table), self._distinct = self._distinct.popitem(), {}
        reads = {tuple(found.split(", ")) for found in _DISTINCT_SCAN.findall(plan)}
        depths = {1 + max(table.column_names.index(name) for name in names) for names in reads if names != ("",)}
        if len(depths) != 1 or len(reads) != 1 or depths == {table.num_columns}:
            return False
        depth = depths.pop()
        plain = table.select(range(depth)).cast(pa.schema([(name, pa.utf8()) for name in table.column_names[:depth]]))
        groups = plain.group_by(plain.column_names, use_threads=False).aggregate([])
        rest = [pa.nulls(groups.num_rows, pa.utf8())] * (table.num_columns - depth)
        narrowed = pa.Table.from_arrays([*groups.columns, *rest], names=table.column_names).cast(table.schema)
        self._of_query[key] = self._arrow(narrowed)
        return True

    def _arrow(self, table: pa.Table) -> Any:
        return self._register(table.schema, table.to_batches())

    def _register(self, schema: pa.Schema, batches: list[pa.RecordBatch]) -> Any:
        """Hand batches over without a copy; the result is DataFusion's own table."""
        import pyarrow as pa

        if any("\0" in name for name in schema.names):
            schema = pa.schema([f.with_name(as_sql_name(f.name)) for f in schema])
            batches = [pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in batches]
        if not batches:
            batches = [pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)]
        self._maker.register_record_batches("table", [batches])
        table = self._maker.catalog("datafusion").schema("public").table("table")
        self._maker.deregister_table("table")
        return table


def as_sql_name(name: str) -> str:
    """Give a name as it is in SQL: Arrow's C interface ends names at a NUL."""
    return name.replace("\0", "\N{SYMBOL FOR NULL}")


def _text(arg: Any) -> str | None:
    import pyarrow as pa

    value = arg.python_value() if arg.variant_name() == "Literal" else None
    return value.as_py() if isinstance(value, pa.StringScalar) else None
