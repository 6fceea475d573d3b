"""The tables of schema ``system``, with the columns and types of influxdb3_system_tables/src/.

Each function makes one table from rows in the order of its columns, or from the catalog; the last one says what makes
which table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pe_kit.store.catalog import INTERNAL, Catalog, DatabaseDef
from pe_kit.store.distinctcache import DistinctCacheDefinition
from pe_kit.store.kinds import KINDS
from pe_kit.store.lastcache import LastCacheDefinition
from pe_kit.store.querylog import QueryEntry, QueryLog
from pe_kit.store.tabledef import TableDef

if TYPE_CHECKING:
    from pe_kit.store.database import Database

__all__ = [
    "databases_table",
    "distinct_caches_table",
    "generation_durations_table",
    "influxdb_schema_table",
    "last_caches_table",
    "logs_table",
    "nodes_table",
    "own_sources",
    "parquet_files_table",
    "plugin_files_table",
    "queries_table",
    "system_table_names",
    "tables_table",
    "tokens_table",
    "trigger_arguments_table",
    "triggers_table",
]

_TEXT, _VIEW, _INT, _UINT, _BOOL = pa.utf8(), pa.string_view(), pa.int64(), pa.uint64(), pa.bool_()
_TIME, _SPAN, _MS, _SECONDS = pa.timestamp("ns"), pa.duration("ns"), pa.timestamp("ms"), pa.timestamp("s", "UTC")
_IDS, _NAMES = (pa.list_(pa.field("item", kind)) for kind in (pa.uint16(), _VIEW))

_EVERYWHERE = [
    "distinct_caches",
    "influxdb_schema",
    "last_caches",
    "parquet_files",
    "processing_engine_logs",
    "processing_engine_trigger_arguments",
    "processing_engine_triggers",
    "queries",
]
_INTERNAL_ONLY = ["databases", "generation_durations", "nodes", "plugin_files", "tables", "tokens"]

_Rows = Iterable[Sequence[Any]]


def _schema(**columns: pa.DataType) -> pa.Schema:
    """Make a schema; a name that ends in ``_`` (cut off) is that of a column that may be null."""
    return pa.schema([pa.field(name.rstrip("_"), kind, nullable=name.endswith("_")) for name, kind in columns.items()])


def _table(schema: pa.Schema, rows: _Rows) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def system_table_names(database: str) -> list[str]:
    """Name the system tables that a query of ``database`` sees, sorted (influxdb3_system_tables/src/lib.rs)."""
    return sorted(_EVERYWHERE + _INTERNAL_ONLY) if database == INTERNAL else list(_EVERYWHERE)


_TRIGGERS = _schema(
    trigger_name=_TEXT, plugin_filename=_TEXT, trigger_specification=_TEXT, disabled=_BOOL, error_behavior=_TEXT
)


def triggers_table(rows: _Rows) -> pa.Table:
    """``processing_engine_triggers`` of one database; the specification is the catalog's JSON (python_call.rs)."""
    return _table(_TRIGGERS, rows)


def trigger_arguments_table(rows: _Rows) -> pa.Table:
    """``processing_engine_trigger_arguments`` of one database: trigger_name, argument_key, argument_value."""
    return _table(_schema(trigger_name=_TEXT, argument_key=_TEXT, argument_value=_TEXT), rows)


def logs_table(rows: _Rows) -> pa.Table:
    """``processing_engine_logs``: event_time (ns), trigger_name, log_level, log_text (py_api/src/logging.rs)."""
    return _table(_schema(event_time=_TIME, trigger_name=_TEXT, log_level=_TEXT, log_text=_TEXT), rows)


def plugin_files_table(rows: _Rows) -> pa.Table:
    """``plugin_files``: plugin_name (the trigger's), file_name, file_path, size_bytes, last_modified (ms)."""
    return _table(
        _schema(plugin_name=_TEXT, file_name=_TEXT, file_path=_TEXT, size_bytes=_INT, last_modified=_INT), rows
    )


def parquet_files_table() -> pa.Table:
    """``parquet_files``: table_name, path, size_bytes, row_count, min_time, max_time (ns); there never are any."""
    return _table(
        _schema(table_name=_TEXT, path=_TEXT, size_bytes=_UINT, row_count=_UINT, min_time=_INT, max_time=_INT), ()
    )


_QUERIES = _schema(
    id=_TEXT,
    phase=_TEXT,
    issue_time=_TIME,
    query_type=_TEXT,
    query_text=_TEXT,
    partitions_=_INT,
    parquet_files_=_INT,
    plan_duration_=_SPAN,
    permit_duration_=_SPAN,
    execute_duration_=_SPAN,
    end2end_duration_=_SPAN,
    compute_duration_=_SPAN,
    max_memory_=_INT,
    success=_BOOL,
    running=_BOOL,
    cancelled=_BOOL,
    trace_id_=_TEXT,
)


def queries_table(entries: Iterable[QueryEntry]) -> pa.Table:
    """``queries`` of all databases, oldest first (queries.rs)."""
    return _table(_QUERIES, entries)


_LAST_CACHES = _schema(
    table=_VIEW,
    name=_VIEW,
    key_column_ids=_IDS,
    key_column_names=_NAMES,
    value_column_ids_=_IDS,
    value_column_names_=_NAMES,
    count=_UINT,
    ttl=_UINT,
)


def last_caches_table(database: DatabaseDef, definitions: Iterable[LastCacheDefinition]) -> pa.Table:
    """``last_caches``: value columns are null where the cache takes all that are no key; ttl in seconds."""
    rows = []
    for d in definitions:
        keys, values = (_ids(database.tables[d.table], columns) for columns in (d.key_columns, d.value_columns))
        rows.append((d.table, d.name, keys, d.key_columns, values, d.value_columns, d.count, d.ttl_seconds))
    return _table(_LAST_CACHES, rows)


_DISTINCT_CACHES = _schema(
    table=_VIEW, name=_VIEW, column_ids=_IDS, column_names=_NAMES, max_cardinality=_UINT, max_age_seconds=_UINT
)


def distinct_caches_table(database: DatabaseDef, definitions: Iterable[DistinctCacheDefinition]) -> pa.Table:
    """``distinct_caches``: columns in the order of the hierarchy; max_age in seconds."""
    rows = []
    for d in definitions:
        ids = _ids(database.tables[d.table], d.columns)
        rows.append((d.table, d.name, ids, d.columns, d.max_cardinality, d.max_age_seconds))
    return _table(_DISTINCT_CACHES, rows)


def _ids(table: TableDef, columns: Sequence[str] | None) -> list[int] | None:
    """Give the numbers of columns: their place by order of appearance in the table."""
    order = {name: number for number, name in enumerate(table.columns)}
    return None if columns is None else [order[name] for name in columns]


def _tables(database: DatabaseDef) -> Iterator[tuple[str, TableDef, int | None]]:
    for name, table in database.tables.items():
        yield name, table, None
    for name, gone in database.deleted.items():
        yield name, gone.table, gone.hard_delete_ns


def influxdb_schema_table(database: DatabaseDef) -> pa.Table:
    """``influxdb_schema``: measurement, key, data_type; one row a column, by name; soft-deleted tables too."""
    rows = [
        (name, column, KINDS[table.columns[column]].word)
        for name, table, _ in _tables(database)
        for column in sorted(table.columns)
    ]
    return _table(_schema(measurement=_VIEW, key=_VIEW, data_type=_VIEW), rows)


def databases_table(catalog: Catalog) -> pa.Table:
    """``databases``: database_name, retention_period_ns, deleted, hard_deletion_time; soft-deleted ones included."""
    rows = [
        (d.name, d.retention_ns, d.hard_delete_ns is not None, _seconds(d.hard_delete_ns)) for d in _databases(catalog)
    ]
    return _table(
        _schema(database_name=_VIEW, retention_period_ns_=_UINT, deleted=_BOOL, hard_deletion_time_=_SECONDS), rows
    )


_TABLES = _schema(
    database_name=_VIEW,
    table_name=_VIEW,
    column_count=_UINT,
    series_key_columns=_VIEW,
    last_cache_count=_UINT,
    distinct_cache_count=_UINT,
    deleted=_BOOL,
    hard_deletion_time_=_SECONDS,
)


def tables_table(catalog: Catalog, caches: Mapping[tuple[str, str], tuple[int, int]]) -> pa.Table:
    """``tables`` of all databases, soft-deleted ones included.

    Args:
        catalog: the catalog.
        caches: (database, table) -> number of last-value and of distinct-value caches, where there are any.
    """
    rows = []
    for database in _databases(catalog):
        for name, table, gone_ns in _tables(database):
            last, distinct = caches.get((database.name, name), (0, 0))
            keys, gone = ", ".join(table.series_key), database.hard_delete_ns or gone_ns
            rows.append(
                (database.name, name, len(table.columns), keys, last, distinct, gone is not None, _seconds(gone))
            )
    return _table(_TABLES, rows)


def _databases(catalog: Catalog) -> Iterator[DatabaseDef]:
    yield from catalog.databases.values()
    yield from catalog.state.deleted.values()


def _seconds(ns: int | None) -> int | None:
    return None if ns is None else ns // 1_000_000_000


_NODES = _schema(
    node_id=_VIEW,
    node_catalog_id=pa.uint32(),
    instance_id=_VIEW,
    mode=_NAMES,
    core_count=_UINT,
    state=_VIEW,
    updated_at_=_MS,
    cli_params_=_VIEW,
)


def nodes_table(started_ns: int) -> pa.Table:
    """``nodes``: the one node that the kit is, running since ``started_ns``; the same on every machine (nodes.rs)."""
    instance = "00000000-0000-0000-0000-000000000000"
    return _table(_NODES, [("pe-kit", 0, instance, ["core"], 1, "running", started_ns // 1_000_000, None)])


_TOKENS = _schema(
    token_id=_UINT,
    name=_VIEW,
    hash=_VIEW,
    created_at=_MS,
    description_=_VIEW,
    created_by_token_id_=_UINT,
    updated_at_=_MS,
    updated_by_token_id_=_UINT,
    expiry_=_MS,
    permissions=_VIEW,
)


def tokens_table(rows: _Rows | None = None) -> pa.Table:
    """``tokens``; None: a server that runs without auth has none, and no ``hash`` column (tokens.rs). Times in ms."""
    return _table(_TOKENS, ()).drop_columns("hash") if rows is None else _table(_TOKENS, rows)


def generation_durations_table() -> pa.Table:
    """``generation_durations``: level 1 of 10 minutes, the default of ``--gen1-duration``."""
    return _table(_schema(level=pa.uint8(), duration_seconds=_UINT), [(1, 600)])


def own_sources(
    catalog: Catalog, database: Callable[[str], Database], queries: QueryLog, started_ns: int
) -> dict[str, Callable[[str], pa.Table]]:
    """Give all system tables: name -> what makes the table for the database that is queried.

    Those that only an engine can fill, the ``processing_engine_*`` tables and ``plugin_files``, are empty.
    """

    def cache_counts() -> dict[tuple[str, str], tuple[int, int]]:
        counts = {}
        for name, definition in catalog.databases.items():
            last, distinct = (kind.definitions() for kind in (database(name).last, database(name).distinct))
            for table in definition.tables:
                counts[name, table] = (sum(d.table == table for d in last), sum(d.table == table for d in distinct))
        return counts

    return {
        "databases": lambda _: databases_table(catalog),
        "distinct_caches": lambda db: distinct_caches_table(catalog.database(db), database(db).distinct.definitions()),
        "generation_durations": lambda _: generation_durations_table(),
        "influxdb_schema": lambda db: influxdb_schema_table(catalog.database(db)),
        "last_caches": lambda db: last_caches_table(catalog.database(db), database(db).last.definitions()),
        "nodes": lambda _: nodes_table(started_ns),
        "parquet_files": lambda _: parquet_files_table(),
        "plugin_files": lambda _: plugin_files_table(()),
        "processing_engine_logs": lambda _: logs_table(()),
        "processing_engine_trigger_arguments": lambda _: trigger_arguments_table(()),
        "processing_engine_triggers": lambda _: triggers_table(()),
        "queries": lambda _: queries_table(queries.entries()),
        "tables": lambda _: tables_table(catalog, cache_counts()),
        "tokens": lambda _: tokens_table(),
    }
