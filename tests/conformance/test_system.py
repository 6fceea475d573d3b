"""The log and the system tables as queries see them (influxdb3_system_tables/src, influxdb3_py_api/src/logging.rs)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pe_kit import Engine
from pe_kit.errors import QueryError

Plug = Callable[..., None]
LOGS = "SELECT trigger_name, log_level, log_text FROM system.processing_engine_logs"


def test_the_log_is_one_for_all_databases(engine: Engine, plug: Plug):
    engine.create_database("other")
    plug("influxdb3_local.warn(args['text'])", "all_tables", name="same", arguments={"text": "a"})
    plug("influxdb3_local.warn(args['text'])", "all_tables", name="same", db="other", arguments={"text": "b"})
    engine.write("m f=1 1", "db")
    engine.write("m f=1 1", "other")
    seen = [engine.query(f"{LOGS} WHERE log_level = 'WARN'", db) for db in ("db", "other", "_internal")]
    assert [frame.log_text.tolist() for frame in seen] == [["a", "b"]] * 3
    assert set(seen[0].trigger_name) == {"same"}
    plug("for n in range(10_100): influxdb3_local.info(n)", "request:many", name="many")
    engine.request("many")
    assert engine.query("SELECT count(*) AS n FROM system.processing_engine_logs", "db").n[0] == 10_000


def test_plugin_files_is_internal_and_named_after_the_trigger(engine: Engine, plug: Plug):
    plug("pass", "all_tables", name="mine")
    files = engine.query("SELECT * FROM system.plugin_files", "_internal")
    assert list(files.columns) == ["plugin_name", "file_name", "file_path", "size_bytes", "last_modified"]
    assert files[["plugin_name", "file_name"]].values.tolist() == [["mine", "mine.py"]]
    with pytest.raises(QueryError, match=r"table 'public.system.plugin_files' not found"):
        engine.query("SELECT * FROM system.plugin_files", "db")


def test_each_call_is_framed_by_two_log_rows(engine: Engine, plug: Plug):
    plug("influxdb3_local.info('in between')", "every:1m", name="s")
    plug("return 'x'", "request:r", name="r")
    engine.advance("1m")
    engine.request("r")
    assert engine.logs("s").log_text.tolist() == [
        "starting execution with scheduled time 2026-01-01 00:01:00 UTC",
        "in between",
        "finished execution in 0s",
    ]
    assert engine.logs("r").log_text.tolist() == ["starting execution of request plugin.", "finished execution in 0s"]


def test_queries_are_logged_with_their_end(engine: Engine):
    engine.write("m f=1 1", "db")
    engine.query("SELECT 1", "db")
    with pytest.raises(QueryError):
        engine.query("SELECT nope FROM m", "db")
    frame = engine.query("SELECT query_text, phase, success, running FROM system.queries", "db")
    assert frame.values.tolist() == [
        ["SELECT 1", "success", True, False],
        ["SELECT nope FROM m", "fail", False, False],
        ["SELECT query_text, phase, success, running FROM system.queries", "permit", False, True],
    ]


def test_cache_definitions_outlive_a_restart_and_their_rows_do_not(engine: Engine):
    engine.write("cpu,host=a usage=1", "db")
    engine.create_last_cache("db", "cpu")
    engine.create_distinct_cache("db", "cpu", ["host"], name="hosts")
    engine.write("cpu,host=a usage=2", "db")
    assert len(engine.query("SELECT * FROM last_cache('cpu')", "db")) == 1
    engine.restart()
    assert engine.query("SELECT name FROM system.last_caches", "db").name.tolist() == ["cpu_host_last_cache"]
    assert engine.query("SELECT name FROM system.distinct_caches", "db").name.tolist() == ["hosts"]
    assert len(engine.query("SELECT * FROM last_cache('cpu')", "db")) == 0
    assert len(engine.query("SELECT * FROM distinct_cache('cpu')", "db")) == 0
    counts = engine.query("SELECT last_cache_count, distinct_cache_count FROM system.tables", "_internal")
    assert counts.values.tolist() == [[1, 1]]
