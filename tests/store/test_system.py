"""The tables of schema ``system``: columns, types and rows of influxdb3_system_tables/src/."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pe_kit.store import system
from pe_kit.store.catalog import Catalog, CatalogLimits
from pe_kit.store.distinctcache import DistinctCaches
from pe_kit.store.lastcache import LastCaches
from pe_kit.store.querylog import QueryEntry
from pe_kit.store.store import Store

SECOND = 1_000_000_000
NOW = 1_767_225_600 * SECOND
SHAPES = {
    "processing_engine_triggers": (
        "trigger_name string, plugin_filename string, trigger_specification string, disabled bool, "
        "error_behavior string"
    ),
    "processing_engine_trigger_arguments": "trigger_name string, argument_key string, argument_value string",
    "processing_engine_logs": "event_time timestamp[ns], trigger_name string, log_level string, log_text string",
    "plugin_files": "plugin_name string, file_name string, file_path string, size_bytes int64, last_modified int64",
    "parquet_files": (
        "table_name string, path string, size_bytes uint64, row_count uint64, min_time int64, max_time int64"
    ),
    "queries": (
        "id string, phase string, issue_time timestamp[ns], query_type string, query_text string, partitions? int64, "
        "parquet_files? int64, plan_duration? duration[ns], permit_duration? duration[ns], "
        "execute_duration? duration[ns], end2end_duration? duration[ns], compute_duration? duration[ns], "
        "max_memory? int64, success bool, running bool, cancelled bool, trace_id? string"
    ),
    "nodes": (
        "node_id string_view, node_catalog_id uint32, instance_id string_view, mode list<item: string_view>, "
        "core_count uint64, state string_view, updated_at? timestamp[ms], cli_params? string_view"
    ),
    "tokens": (
        "token_id uint64, name string_view, created_at timestamp[ms], description? string_view, "
        "created_by_token_id? uint64, updated_at? timestamp[ms], updated_by_token_id? uint64, "
        "expiry? timestamp[ms], permissions string_view"
    ),
    "generation_durations": "level uint8, duration_seconds uint64",
}


def shape(table: pa.Table) -> str:
    return ", ".join(f"{f.name}{'?' if f.nullable else ''} {f.type}" for f in table.schema)


@pytest.mark.parametrize("name", SHAPES)
def test_columns_types_and_which_of_them_may_be_null(name):
    table = system.system_table(name, None if name == "tokens" else [])
    assert shape(table) == SHAPES[name]


def catalog() -> Catalog:
    made = Catalog(CatalogLimits())
    made.create_database("home", 30 * 86_400 * SECOND)
    made.create_table("home", "cpu", ["host", "rack"], {"usage": "f", "Zed": "s", "on": "b", "n": "i", "u": "u"})
    return made


def test_internal_has_six_tables_that_no_other_database_has():
    everywhere = system.system_table_names("home")
    assert everywhere == [
        "distinct_caches",
        "influxdb_schema",
        "last_caches",
        "parquet_files",
        "processing_engine_logs",
        "processing_engine_trigger_arguments",
        "processing_engine_triggers",
        "queries",
    ]
    only = set(system.system_table_names("_internal")) - set(everywhere)
    assert only == {"databases", "generation_durations", "nodes", "plugin_files", "tables", "tokens"}


def test_influxdb_schema_lists_columns_by_name_in_influxdb_words():
    table = system.system_table("influxdb_schema", system.schema_rows(catalog().database("home")))
    assert shape(table) == "measurement string_view, key string_view, data_type string_view"
    assert [(r["key"], r["data_type"]) for r in table.to_pylist()] == [
        ("Zed", "string"),
        ("host", "tag"),
        ("n", "integer"),
        ("on", "boolean"),
        ("rack", "tag"),
        ("time", "time"),
        ("u", "uinteger"),
        ("usage", "float"),
    ]
    assert set(table["measurement"].to_pylist()) == {"cpu"}


def test_last_caches_names_columns_and_their_numbers():
    home = catalog().database("home")
    caches = LastCaches(lambda: NOW, home.tables.get)
    caches.create(home.tables["cpu"])
    caches.create(home.tables["cpu"], "few", ["rack"], ["usage", "time"], count=5, ttl="90s")
    table = system.system_table("last_caches", system.last_cache_rows(home, caches.definitions()))
    assert shape(table) == (
        "table string_view, name string_view, key_column_ids list<item: uint16>, "
        "key_column_names list<item: string_view>, value_column_ids? list<item: uint16>, "
        "value_column_names? list<item: string_view>, count uint64, ttl uint64"
    )
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("cpu", "cpu_host_rack_last_cache", [0, 1], ["host", "rack"], None, None, 1, 14_400),
        ("cpu", "few", [1], ["rack"], [2, 7], ["usage", "time"], 5, 90),
    ]


def test_distinct_caches_names_columns_and_their_numbers():
    home = catalog().database("home")
    caches = DistinctCaches(lambda: NOW, home.tables.get)
    caches.create(home.tables["cpu"], ["Zed", "host"], max_age="1h", max_cardinality=7)
    table = system.system_table("distinct_caches", system.distinct_cache_rows(home, caches.definitions()))
    assert shape(table) == (
        "table string_view, name string_view, column_ids list<item: uint16>, column_names list<item: string_view>, "
        "max_cardinality uint64, max_age_seconds uint64"
    )
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("cpu", "cpu_Zed_host_distinct_cache", [3, 0], ["Zed", "host"], 7, 3600)
    ]


def test_databases_lists_internal_and_what_was_deleted():
    made = catalog()
    made.create_database("gone", None)
    made.delete_database("gone", NOW)
    table = system.system_table("databases", system.database_rows(made))
    assert shape(table) == (
        "database_name string_view, retention_period_ns? uint64, deleted bool, hard_deletion_time? timestamp[s, tz=UTC]"
    )
    rows = [tuple(row.values()) for row in table.set_column(3, "at", table[3].cast(pa.int64())).to_pylist()]
    assert rows == [
        ("_internal", 7 * 86_400 * SECOND, False, None),
        ("home", 30 * 86_400 * SECOND, False, None),
        ("gone-20260101T000000", None, True, NOW // SECOND + 3 * 86_400),
    ]


def test_tables_counts_columns_and_caches_of_all_databases():
    made = catalog()
    made.create_table("home", "old", [], {"v": "f"})
    made.delete_table("home", "old", NOW)
    table = system.system_table("tables", system.table_rows(made, lambda db, table: (2, 1)))
    assert shape(table) == (
        "database_name string_view, table_name string_view, column_count uint64, series_key_columns string_view, "
        "last_cache_count uint64, distinct_cache_count uint64, deleted bool, "
        "hard_deletion_time? timestamp[s, tz=UTC]"
    )
    rows = [tuple(row.values())[:7] for row in table.to_pylist()]
    assert rows == [
        ("home", "cpu", 8, "host, rack", 2, 1, False),
        ("home", "old-20260101T000000", 2, "", 0, 0, True),
    ]


def test_tokens_show_no_hash_without_auth_and_generations_are_ten_minutes():
    store = Store(lambda: NOW)
    assert "hash" not in store.query_arrow("SELECT * FROM system.tokens", "_internal").column_names
    generations = store.query_arrow("SELECT * FROM system.generation_durations", "_internal")
    assert generations.to_pylist() == [{"level": 1, "duration_seconds": 600}]
    assert store.query_arrow("SELECT state FROM system.nodes", "_internal")["state"].to_pylist() == ["running"]


def test_a_query_entry_has_the_columns_of_the_table():
    assert list(QueryEntry._fields) == system.system_table("queries", []).column_names
