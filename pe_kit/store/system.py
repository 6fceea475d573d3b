"""The tables of schema ``system``: their columns and types, and the rows that a store has of them.

Source: influxdb3_system_tables/src/, a file for each table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from pe_kit.store.catalog import INTERNAL, Catalog, DatabaseDef
from pe_kit.store.distinctcache import DistinctCacheDefinition
from pe_kit.store.kinds import KINDS
from pe_kit.store.lastcache import LastCacheDefinition
from pe_kit.store.querylog import QueryLog
from pe_kit.store.tabledef import TableDef

if TYPE_CHECKING:
    from pe_kit.store.database import Database

__all__ = [
    "Rows",
    "database_rows",
    "distinct_cache_rows",
    "last_cache_rows",
    "own_sources",
    "schema_rows",
    "system_table",
    "system_table_names",
    "table_rows",
]

Rows: TypeAlias = Iterable[Sequence[Any]]

_TYPES = {
    "text": pa.utf8(), "view": pa.string_view(), "int": pa.int64(), "uint": pa.uint64(), "u32": pa.uint32(),
    "u8": pa.uint8(), "bool": pa.bool_(), "ns": pa.timestamp("ns"), "ms": pa.timestamp("ms"),
    "s": pa.timestamp("s", "UTC"), "span": pa.duration("ns"),
    "ids": pa.list_(pa.field("item", pa.uint16())), "views": pa.list_(pa.field("item", pa.string_view())),
}  # fmt: skip
"""Short names of the columns' types; with a question mark a column may be null."""


def _schema(columns: str) -> pa.Schema:
    fields = [column.split() for column in columns.split(",")]
    return pa.schema([pa.field(name, _TYPES[kind.rstrip("?")], nullable=kind[-1] == "?") for name, kind in fields])


_SCHEMAS = {
    "databases": _schema("database_name view, retention_period_ns uint?, deleted bool, hard_deletion_time s?"),
    "distinct_caches": _schema(
        "table view, name view, column_ids ids, column_names views, max_cardinality uint, max_age_seconds uint"
    ),
    "generation_durations": _schema("level u8, duration_seconds uint"),
    "influxdb_schema": _schema("measurement view, key view, data_type view"),
    "last_caches": _schema(
        "table view, name view, key_column_ids ids, key_column_names views, value_column_ids ids?,"
        " value_column_names views?, count uint, ttl uint"
    ),
    "nodes": _schema(
        "node_id view, node_catalog_id u32, instance_id view, mode views, core_count uint, state view, updated_at ms?,"
        " cli_params view?"
    ),
    "parquet_files": _schema("table_name text, path text, size_bytes uint, row_count uint, min_time int, max_time int"),
    "plugin_files": _schema("plugin_name text, file_name text, file_path text, size_bytes int, last_modified int"),
    "processing_engine_logs": _schema("event_time ns, trigger_name text, log_level text, log_text text"),
    "processing_engine_trigger_arguments": _schema("trigger_name text, argument_key text, argument_value text"),
    "processing_engine_triggers": _schema(
        "trigger_name text, plugin_filename text, trigger_specification text, disabled bool, error_behavior text"
    ),
    "queries": _schema(
        "id text, phase text, issue_time ns, query_type text, query_text text, partitions int?, parquet_files int?,"
        " plan_duration span?, permit_duration span?, execute_duration span?, end2end_duration span?,"
        " compute_duration span?, max_memory int?, success bool, running bool, cancelled bool, trace_id text?"
    ),
    "tables": _schema(
        "database_name view, table_name view, column_count uint, series_key_columns view, last_cache_count uint,"
        " distinct_cache_count uint, deleted bool, hard_deletion_time s?"
    ),
    "tokens": _schema(
        "token_id uint, name view, hash view, created_at ms, description view?, created_by_token_id uint?,"
        " updated_at ms?, updated_by_token_id uint?, expiry ms?, permissions view"
    ),
}
_INTERNAL_ONLY = {"databases", "generation_durations", "nodes", "plugin_files", "tables", "tokens"}


def system_table_names(database: str) -> list[str]:
    """Name the system tables that a query of ``database`` sees, sorted (influxdb3_system_tables/src/lib.rs)."""
    return [name for name in _SCHEMAS if database == INTERNAL or name not in _INTERNAL_ONLY]


def system_table(name: str, rows: Rows | None) -> pa.Table:
    """Make a system table from its rows; times and durations as int in the unit of the column.

    ``rows`` None: the ``tokens`` of a server that runs without auth, which have no ``hash`` column (tokens.rs).
    """
    schema = _SCHEMAS[name]
    columns = list(zip(*(rows or ()), strict=True)) or [()] * len(schema)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    table = pa.Table.from_arrays(arrays, schema=schema)
    return table.drop_columns("hash") if rows is None else table


def last_cache_rows(database: DatabaseDef, definitions: Iterable[LastCacheDefinition]) -> Rows:
    """The rows of ``last_caches``: value columns are null where the cache takes all that are no key; ttl in seconds."""
    for d in definitions:
        keys, values = (_ids(database.tables[d.table], columns) for columns in (d.key_columns, d.value_columns))
        yield d.table, d.name, keys, d.key_columns, values, d.value_columns, d.count, d.ttl_seconds


def distinct_cache_rows(database: DatabaseDef, definitions: Iterable[DistinctCacheDefinition]) -> Rows:
    """The rows of ``distinct_caches``: columns in the order of the hierarchy; max_age in seconds."""
    for d in definitions:
        ids = _ids(database.tables[d.table], d.columns)
        yield d.table, d.name, ids, d.columns, d.max_cardinality, d.max_age_seconds


def _ids(table: TableDef, columns: Sequence[str] | None) -> list[int] | None:
    """Give the numbers of columns: their place by order of appearance in the table."""
    order = {name: number for number, name in enumerate(table.columns)}
    return None if columns is None else [order[name] for name in columns]


def schema_rows(database: DatabaseDef) -> Rows:
    """The rows of ``influxdb_schema``: one a column, by name; those of soft-deleted tables too."""
    for name, table, _ in _tables(database):
        for column in sorted(table.columns):
            yield name, column, KINDS[table.columns[column]].word


def database_rows(catalog: Catalog) -> Rows:
    """The rows of ``databases``; soft-deleted ones included."""
    for d in _databases(catalog):
        yield d.name, d.retention_ns, d.hard_delete_ns is not None, _seconds(d.hard_delete_ns)


def table_rows(catalog: Catalog, caches: Callable[[str, str], tuple[int, int]]) -> Rows:
    """The rows of ``tables``: those of all databases, soft-deleted ones included.

    Args:
        catalog: the catalog.
        caches: tells of a database and a table how many last-value and distinct-value caches it has.
    """
    for db in _databases(catalog):
        for name, table, gone_ns in _tables(db):
            gone = db.hard_delete_ns or gone_ns
            last, distinct = (0, 0) if gone else caches(db.name, name)
            keys = ", ".join(table.series_key)
            yield db.name, name, len(table.columns), keys, last, distinct, gone is not None, _seconds(gone)


def _databases(catalog: Catalog) -> Iterator[DatabaseDef]:
    yield from catalog.databases.values()
    yield from catalog.state.deleted.values()


def _tables(database: DatabaseDef) -> Iterator[tuple[str, TableDef, int | None]]:
    for name, table in database.tables.items():
        yield name, table, None
    for name, gone in database.deleted.items():
        yield name, gone.table, gone.hard_delete_ns


def _seconds(ns: int | None) -> int | None:
    return None if ns is None else ns // 1_000_000_000


def own_sources(
    catalog: Catalog, database: Callable[[str], Database], queries: QueryLog, started_ns: int
) -> dict[str, Callable[[str], Rows | None]]:
    """Give of all system tables what gives the rows for the database that is queried.

    Those that only an engine can fill, the ``processing_engine_*`` tables and ``plugin_files``, are empty; so is
    ``parquet_files``, for rows are in memory. The one node is the kit, the same on every machine.
    """

    def caches(db: str, table: str) -> tuple[int, int]:
        last, distinct = database(db).last.definitions(), database(db).distinct.definitions()
        return sum(d.table == table for d in last), sum(d.table == table for d in distinct)

    node = ("pe-kit", 0, "00000000-0000-0000-0000-000000000000", ["core"], 1, "running", started_ns // 1_000_000, None)
    empty: dict[str, Callable[[str], Rows | None]] = dict.fromkeys(_SCHEMAS, lambda _: ())
    return empty | {
        "databases": lambda _: database_rows(catalog),
        "distinct_caches": lambda db: distinct_cache_rows(catalog.database(db), database(db).distinct.definitions()),
        "generation_durations": lambda _: [(1, 600)],  # level 1 of 10 minutes, the default of --gen1-duration
        "influxdb_schema": lambda db: schema_rows(catalog.database(db)),
        "last_caches": lambda db: last_cache_rows(catalog.database(db), database(db).last.definitions()),
        "nodes": lambda _: [node],
        "queries": lambda _: queries.entries(),
        "tables": lambda _: table_rows(catalog, caches),
        "tokens": lambda _: None,
    }
