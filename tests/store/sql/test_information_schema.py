"""SHOW TABLES and information_schema (influxdb3/tests/server/snapshots, influxdb3_system_tables/src/lib.rs)."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

SYSTEM = [
    "distinct_caches", "influxdb_schema", "last_caches", "parquet_files", "processing_engine_logs",
    "processing_engine_trigger_arguments", "processing_engine_triggers", "queries",
]  # fmt: skip
VIEWS = ["tables", "views", "columns", "df_settings", "schemata", "routines", "parameters"]


def test_show_tables_lists_user_system_and_information_schema(database: Any) -> None:
    for name in ("xxx", "table_001", "aaa"):
        database.put(name, {"time": [1]})
    database.system = {name: pa.table({"x": pa.array([1])}) for name in reversed(SYSTEM)}
    result = database.arrow("show tables")
    assert result.column_names == ["table_catalog", "table_schema", "table_name", "table_type"]
    expected = [("public", "iox", name, "BASE TABLE") for name in ("aaa", "table_001", "xxx")]
    expected += [("public", "system", name, "BASE TABLE") for name in SYSTEM]
    expected += [("public", "information_schema", name, "VIEW") for name in VIEWS]
    assert [tuple(row.values()) for row in result.to_pylist()] == expected


def test_show_columns_lists_the_types_as_arrow_prints_them(cpu: Any) -> None:
    result = cpu.arrow("show columns from cpu")
    assert result.column_names == [
        "table_catalog", "table_schema", "table_name", "column_name", "data_type", "is_nullable",
    ]  # fmt: skip
    assert {f.type for f in result.schema} == {pa.utf8()}
    assert [tuple(row.values())[3:] for row in result.to_pylist()] == [
        ("host", "Dictionary(Int32, Utf8)", "YES"),
        ("n", "Int64", "YES"),
        ("note", "Utf8", "YES"),
        ("time", "Timestamp(ns)", "NO"),
        ("u", "UInt64", "YES"),
        ("up", "Boolean", "YES"),
        ("usage", "Float64", "YES"),
    ]


def test_information_schema_columns_has_fifteen_columns(cpu: Any) -> None:
    result = cpu.arrow("select * from information_schema.columns where table_name = 'cpu'")
    assert result.column_names == [
        "table_catalog", "table_schema", "table_name", "column_name", "ordinal_position", "column_default",
        "is_nullable", "data_type", "character_maximum_length", "character_octet_length", "numeric_precision",
        "numeric_precision_radix", "numeric_scale", "datetime_precision", "interval_type",
    ]  # fmt: skip
    assert result["ordinal_position"].to_pylist() == list(range(7))


def test_the_schemas_are_iox_and_system(database: Any) -> None:
    assert database.rows("select catalog_name, schema_name from information_schema.schemata") == [
        ("public", "iox"), ("public", "system"),
    ]  # fmt: skip


def test_a_new_table_is_listed_at_once(database: Any) -> None:
    count = "select count(*) from information_schema.tables where table_schema = 'iox'"
    assert database.rows(count) == [(0,)]
    database.put("m", {"time": [1]})
    assert database.rows(count) == [(1,)]


def test_system_tables_are_read_afresh(database: Any) -> None:
    database.system["queries"] = pa.table({"id": ["a"]})
    assert database.rows("select * from system.queries") == [("a",)]
    database.system["queries"] = pa.table({"id": ["a", "b"]})
    assert database.rows("select count(*) from system.queries") == [(2,)]
    assert database.refuse("select * from system.nope").message == (
        "Error during planning: table 'public.system.nope' not found"
    )


def test_settings_are_the_servers(database: Any) -> None:
    settings = dict(database.rows("select name, value from information_schema.df_settings"))
    assert settings["datafusion.catalog.default_catalog"] == "public"
    assert settings["datafusion.catalog.default_schema"] == "iox"
    assert settings["datafusion.execution.batch_size"] == "8192"
    assert settings["datafusion.execution.time_zone"] is None
    assert settings["datafusion.sql_parser.map_string_types_to_utf8view"] == "false"
