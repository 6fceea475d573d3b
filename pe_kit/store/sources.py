"""Where the system tables of a store come from: its catalog, its caches, its log of queries."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from pe_kit.store import system
from pe_kit.store.catalog import Catalog
from pe_kit.store.database import Database
from pe_kit.store.querylog import QueryLog

__all__ = ["own_sources"]


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
        "databases": lambda _: system.databases_table(catalog),
        "distinct_caches": lambda db: system.distinct_caches_table(
            catalog.database(db), database(db).distinct.definitions()
        ),
        "generation_durations": lambda _: system.generation_durations_table(),
        "influxdb_schema": lambda db: system.influxdb_schema_table(catalog.database(db)),
        "last_caches": lambda db: system.last_caches_table(catalog.database(db), database(db).last.definitions()),
        "nodes": lambda _: system.nodes_table(started_ns),
        "parquet_files": lambda _: system.parquet_files_table(),
        "plugin_files": lambda _: system.plugin_files_table(()),
        "processing_engine_logs": lambda _: system.logs_table(()),
        "processing_engine_trigger_arguments": lambda _: system.trigger_arguments_table(()),
        "processing_engine_triggers": lambda _: system.triggers_table(()),
        "queries": lambda _: system.queries_table(queries.entries()),
        "tables": lambda _: system.tables_table(catalog, cache_counts()),
        "tokens": lambda _: system.tokens_table(),
    }
