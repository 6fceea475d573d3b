"""SQL over a database: DataFusion, set up as the server sets it up.

Source: core/iox_query/src/exec/context.rs, core/iox_query/src/exec.rs, influxdb3_query_executor/src/lib.rs.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pe_kit.errors import QueryError
from pe_kit.store.functions import mentions, rewrite
from pe_kit.store.sqlerrors import query_error
from pe_kit.store.sqltables import Tables, as_sql_name
from pe_kit.store.timespans import variant

if TYPE_CHECKING:
    import pyarrow as pa
    from datafusion import DataFrame, Expr, SessionContext
    from datafusion.plan import LogicalPlan

    from pe_kit.store.database import Database

__all__ = ["Planner", "SqlSession", "run_query"]

PARALLEL_ROWS = 1_000_000
"""Queries of smaller tables run on one core: faster, and rows and sums come out the same every time."""

_SETTINGS = {
    "datafusion.sql_parser.map_string_types_to_utf8view": "false",
    "datafusion.execution.parquet.schema_force_view_types": "false",
    "datafusion.optimizer.prefer_existing_sort": "true",
    "datafusion.optimizer.prefer_existing_union": "true",
}
_NO_PARAMETERS = {"\0": None}  # with none at all, the wheel does not look for placeholders
_NUL_MEMBER = re.compile(r"named_struct\s*\([^)]*\0", re.IGNORECASE)
_sessions: WeakKeyDictionary[Any, SqlSession] = WeakKeyDictionary()
_guard = threading.Lock()


def run_query(view: Database, sql: str, params: Mapping[str, Any] | None = None) -> pa.Table:
    """Run one statement; the session belongs to the view and lives as long as it does.

    Args:
        view: the database.
        sql: one statement in the server's SQL; ``$name`` stands for a parameter.
        params: name -> None, bool, int, float or str. Names that the statement does not use are ignored.

    Returns:
        The result with the types that DataFusion gives it.

    Raises:
        QueryError: with the server's text, its HTTP status, and the stage that failed.
    """
    with _guard:
        session = _sessions.get(view)
        if session is None:
            session = _sessions[view] = SqlSession()
    return session.query(view, sql, params)


class SqlSession:
    """DataFusion's sessions for one database; kept between queries. Safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tables = Tables()
        self._now_ns = 0
        self._functions: dict[str, Any] = {}
        self._contexts = {1: self._context(1)}
        self._cores = 1  # as the statement before

    def _context(self, cores: int) -> SessionContext:
        import pyarrow as pa
        from datafusion import SessionConfig, SessionContext, udf, udtf

        config = SessionConfig(_SETTINGS).with_default_catalog_and_schema("public", "iox")
        config = config.with_information_schema(True).with_batch_size(8192).with_target_partitions(cores)
        context = SessionContext(config.with_create_default_catalog_and_schema(False))
        context.register_catalog_provider("public", self._tables)
        for kind in ("last_cache", "distinct_cache"):
            context.register_udtf(udtf(self._tables.cache_function(kind), kind))
        for name, kind in _CLOCKS:
            # constant-folded once when the statement is planned, so that it is one moment for the whole query
            context.register_udf(udf(self._clock(kind), [], pa.type_for_alias(kind), "immutable", name))
        for function in self._functions.values():
            context.register_udf(function)
        return context

    def _clock(self, kind: str) -> Any:
        import pyarrow as pa

        def read() -> pa.Array:
            ns = self._now_ns
            if kind == "date32":
                return pa.array([ns // 86_400_000_000_000], pa.int32()).cast(pa.date32())
            if kind == "time64[ns]":
                return pa.array([ns % 86_400_000_000_000], pa.int64()).cast(pa.time64("ns"))
            return pa.array([ns], pa.timestamp("ns"))

        return read

    def query(self, view: Database, sql: str, params: Mapping[str, Any] | None = None) -> pa.Table:
        """Run one statement, as :func:`run_query` says."""
        values = as_scalars(params)
        with self._lock:
            self._tables.open(view)
            self._now_ns = view.now_ns
            if "\0" in sql:
                sql = re.sub('"[^"]*"', lambda name: as_sql_name(name[0]), sql)
            try:
                if mentions(sql):
                    sql = self._rewritten(sql, values)
                return self.run(sql, values)
            finally:
                self._tables.close()

    def _rewritten(self, sql: str, values: Mapping[str, Any]) -> str:
        """Rewrite InfluxDB's own functions; an error of syntax is told where it stands in what was written."""
        try:
            self._contexts[1].sql(sql, _options(), values)
        except Exception as error:
            told = self._error(error, "planning") if "SQL(" in str(error) else error  # wording takes its time
            if str(told).startswith("SQL error:"):
                raise told from None
        return rewrite(sql, Planner(self, self._tables, values))

    def define(self, name: str, function: Callable[..., Any], inputs: list[Any], output: Any) -> None:
        """Make a function known to DataFusion, unless it is; it gets and gives Arrow arrays."""
        if name not in self._functions:
            from datafusion import udf

            self._functions[name] = udf(function, inputs, output, "immutable", name)
            for context in self._contexts.values():
                context.register_udf(self._functions[name])

    def run(self, sql: str, values: Mapping[str, Any], *, in_order: bool = False) -> pa.Table:
        """Plan and run DataFusion's SQL; ``in_order``: rows come in the order of the table, where the SQL leaves it."""
        while True:
            frame = self.plan(sql, values, in_order=in_order)
            try:
                if self._tables.reducible and (plan := _optimized(frame)) and self._tables.reduce(plan):
                    frame = self.plan(sql, values, in_order=in_order)
                result = _collected(frame)
            except BaseException as error:
                raise self._error(error, "planning" if _unplannable(frame) else "streaming") from None
            if not self._tables.supply():  # information_schema asks for tables as late as this
                return result

    def plan(self, sql: str, values: Mapping[str, Any], *, in_order: bool = False) -> DataFrame:
        """Plan DataFusion's SQL: the result's ``schema()`` is known, nothing has run."""
        while True:
            try:
                frame = self._contexts[self._cores].sql(sql, _options(), values)
            except BaseException as error:
                if self._tables.supply():
                    continue
                raise self._error(error, "planning") from None
            _refuse_nul(frame, sql, values)
            cores = (os.cpu_count() or 1) if self._tables.rows > PARALLEL_ROWS and not in_order else 1
            if cores == self._cores:
                return frame
            self._cores = cores
            if cores not in self._contexts:
                self._contexts[cores] = self._context(cores)

    def constant(self, expression: Expr) -> pa.Scalar | None:
        """Compute an expression of a plan; None if it names a column. Raises QueryError."""
        try:
            frame = self._contexts[1].sql("SELECT 1").select(expression)
        except Exception:
            return None
        try:
            return frame.to_arrow_table().column(0)[0]
        except Exception as error:
            raise self._error(error, "planning") from None

    def _error(self, error: BaseException, stage: str) -> BaseException:
        if type(error) is Exception:
            return query_error(str(error), stage=stage, tables=self._tables.view)
        if _is_panic(error):
            return QueryError(f"External error: {error}", stage=stage, status=500)
        return error


class Planner:
    """DataFusion as the rewriting of a statement asks it, with the statement's parameters at hand.

    Attributes:
        define: makes a function known. constant: computes an expression of a plan.
        keep: makes a table known for the rest of the statement; gives its name in SQL.
    """

    def __init__(self, session: SqlSession, tables: Tables, values: Mapping[str, Any]) -> None:
        self._session, self._tables, self._values = session, tables, values
        self.define, self.constant = session.define, session.constant
        self.keep = tables.add

    @property
    def rows(self) -> int:
        """The rows of the largest table that the statement names."""
        return self._tables.named_rows

    def schema(self, sql: str) -> pa.Schema:
        """Plan a query; give its columns. Raises QueryError."""
        return self._session.plan(sql, self._values).schema()

    def plan(self, sql: str) -> LogicalPlan:
        """Plan a query. Raises QueryError."""
        return self._session.plan(sql, self._values).logical_plan()

    def table(self, sql: str, *, in_order: bool = False) -> pa.Table:
        """Run a query, as :meth:`SqlSession.run`. Raises QueryError."""
        return self._session.run(sql, self._values, in_order=in_order)

    def aggregates(self) -> frozenset[str]:
        """Names of DataFusion's aggregate functions."""
        if not _aggregates:
            sql = "SELECT routine_name FROM information_schema.routines WHERE function_type = 'AGGREGATE'"
            _aggregates.update(self.table(sql).column(0).to_pylist())
        return frozenset(_aggregates)


_aggregates: set[str] = set()


def _collected(frame: DataFrame) -> pa.Table:
    import pyarrow as pa

    try:
        return frame.to_arrow_table()
    except pa.ArrowInvalid:  # the batches of a UNION may differ in what can be null
        schema = frame.schema()
        batches = [pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in frame.collect()]
        return pa.Table.from_batches(batches, schema)


def _refuse_nul(frame: DataFrame, sql: str, values: Mapping[str, Any]) -> None:
    """Refuse a column, or a member of a struct, whose name has a NUL: the wheel would end the process."""
    suspect = "\0" in sql or any("\0" in str(value) for value in values.values())
    if suspect and ("\0" in _names(frame.logical_plan()) or _NUL_MEMBER.search(sql)):
        raise QueryError(
            "This feature is not implemented: a NUL character in the name of a column",
            stage="planning",
            status=405,
            mend="Name the column: SELECT ... AS name. The server can; the kit cannot (fidelity ledger: sql.nul).",
        )


def _names(plan: LogicalPlan) -> str:
    """Give the names of a plan's columns, or what holds them."""
    step = variant(plan)
    if type(step).__name__ in ("Distinct", "Filter", "Limit", "Sort", "SubqueryAlias"):
        return _names(plan.inputs()[0])
    if type(step).__name__ != "Projection":
        return str(plan.display_indent_schema()).partition("\n")[0]
    found = [(variant(expression), expression.canonical_name()) for expression in step.projections()]
    return ",".join(e.alias() if type(e).__name__ == "Alias" else name for e, name in found)


def _optimized(frame: DataFrame) -> LogicalPlan | None:
    try:
        return frame.optimized_logical_plan()
    except Exception:
        return None  # what is wrong shows when it runs


def _unplannable(frame: DataFrame) -> bool:
    try:
        frame.execution_plan()
    except BaseException as error:
        if isinstance(error, Exception) or _is_panic(error):
            return True
        raise
    return False


def _is_panic(error: BaseException) -> bool:
    """Say whether an error is a defect of DataFusion's, which is no Exception."""
    return type(error).__name__ == "PanicException"


_CLOCKS = (
    ("now", "timestamp[ns]"),
    ("current_timestamp", "timestamp[ns]"),
    ("current_date", "date32"),
    ("current_time", "time64[ns]"),
)


@cache
def _options() -> Any:
    from datafusion import SQLOptions

    return SQLOptions().with_allow_ddl(False).with_allow_dml(False).with_allow_statements(False)


def as_scalars(params: Mapping[str, Any] | None) -> dict[str, pa.Scalar]:
    """Type the parameters as the server types JSON values (core/iox_query_params/src/params.rs)."""
    if not params:
        return _NO_PARAMETERS
    return {name: _scalar(value) for name, value in params.items()}


def _scalar(value: Any) -> pa.Scalar:
    import pyarrow as pa

    if hasattr(value, "dtype") and hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if value is None:
        return pa.scalar(None, pa.null())
    if isinstance(value, bool | str):
        return pa.scalar(value)
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return pa.scalar(value, pa.int64() if value < 0 else pa.uint64())
    if isinstance(value, int | float):
        return pa.scalar(float(value), pa.float64())
    kind = "objects" if isinstance(value, Mapping) else "arrays"
    raise QueryError(
        f"JSON {kind} are not supported as query parameters. Expected null, boolean, number, or string.",
        stage="planning",
        mend=f"Pass text instead of {type(value).__name__}.",
    )
