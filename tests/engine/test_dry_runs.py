"""Dry runs answer in the server's shape (influxdb3_processing_engine/src/plugins.rs, influxdb3_types/src/http.rs)."""

from __future__ import annotations

import pytest

from pe_kit import Engine
from pe_kit.errors import PluginError

WAL = """
def process_writes(influxdb3_local, table_batches, args=None):
    influxdb3_local.info(table_batches, args)
    influxdb3_local.write(LineBuilder("queued").int64_field("n", 1))
    influxdb3_local.write_sync(LineBuilder("sync").int64_field("n", 1), no_sync=False)
    influxdb3_local.write_to_db("other", LineBuilder("o").int64_field("n", 1))
"""


def test_wal_dry_run_collects_writes_and_logs_and_stores_nothing(engine: Engine) -> None:
    engine.write_plugin("p.py", WAL)
    answer = engine.test_wal_plugin("p.py", "m,t=a f=1 7", "db", arguments={"k": "v"})
    assert answer == {
        "log_lines": [
            "INFO: starting execution of wal plugin.",
            "INFO: [{'table_name': 'm', 'rows': [{'t': 'a', 'f': 1.0, 'time': 7}]}] {'k': 'v'}",
            "INFO: finished execution in 0s",
        ],
        "database_writes": {"db": ["sync n=1i", "queued n=1i"], "other": ["o n=1i"]},
        "errors": [],
    }
    assert len(engine.tables("db")) == 0
    assert len(engine.logs()) == 0
    assert len(engine.runs) == 0


def test_wal_dry_run_works_for_a_database_that_does_not_exist(engine: Engine) -> None:
    engine.write_plugin("p.py", WAL)
    assert engine.test_wal_plugin("p.py", "m f=1", "nowhere")["errors"] == []
    assert "nowhere" not in list(engine.databases.database)
    assert engine.test_wal_plugin("p.py", "m f=1", "bad db")["errors"] == ["invalid database bad db"]
    assert engine.test_wal_plugin("p.py", "m", "db")["errors"] == [
        "line protocol parse failed: Expected at least one space character, got end of input"
    ]


def test_no_lines_are_an_empty_batch(engine: Engine) -> None:
    """Only the write buffer refuses an empty write (influxdb3_write/src/write_buffer/mod.rs), the validator does not."""
    engine.write_plugin("p.py", "def process_writes(l, b, args=None): l.info(b)\n")
    answer = engine.test_wal_plugin("p.py", "# nothing\n", "db")
    assert (answer["log_lines"][1], answer["errors"]) == ("INFO: []", [])


def test_one_database_too_many_is_said_in_the_validators_words(engine: Engine) -> None:
    for name in ("b", "c", "d", "e"):
        engine.create_database(name)
    engine.write_plugin("p.py", WAL)
    text = "catalog update error: Adding a new database would exceed limit of 5 databases"
    assert engine.test_wal_plugin("p.py", "m f=1", "f")["errors"] == [text]
    assert engine.test_wal_plugin("p.py", "m f=1", "db")["errors"] == [
        f"Failed to initialize validator for db other: {text}"
    ]


def test_an_exception_loses_the_logs_and_writes_of_a_dry_run(engine: Engine) -> None:
    engine.write_plugin("p.py", WAL + "    raise ValueError('boom')\n")
    assert engine.test_wal_plugin("p.py", "m f=1 7", "db") == {
        "log_lines": [],
        "database_writes": {},
        "errors": ["error executing plugin: ValueError: boom"],
    }


def test_bad_lines_are_found_after_the_run(engine: Engine) -> None:
    engine.load("m f=1 1", "db", precision="ns")
    engine.write_plugin(
        "p.py",
        "def process_writes(l, b, args=None):\n"
        "    l.write_sync(LineBuilder('m').int64_field('f', 1).time_ns(1), no_sync=True)\n    l.info('not raised')\n",
    )
    answer = engine.test_wal_plugin("p.py", "x f=1 7", "db")
    assert "INFO: not raised" in answer["log_lines"]
    assert answer["errors"] == [
        'line protocol parse error on write to db db: WriteLineError { original_line: "m f=1i 1", line_number: 1, '
        "error_message: \"invalid column type for column 'f', expected iox::column_type::field::float, got "
        'iox::column_type::field::integer" }'
    ]


def test_dry_run_caches_are_apart_named_and_expire_after_thirty_minutes(engine: Engine) -> None:
    engine.write_plugin(
        "p.py",
        "def process_writes(l, b, args=None):\n    n = l.cache.get('n', 0) + 1\n    l.cache.put('n', n)\n    l.info(n)\n",
    )

    def count(name: str | None = None) -> str:
        return str(engine.test_wal_plugin("p.py", "m f=1 7", "db", cache_name=name)["log_lines"][1])

    assert [count(), count(), count("mine")] == ["INFO: 1", "INFO: 2", "INFO: 1"]
    assert list(engine.cache.namespace) == ["test", "test"]
    engine.advance("30m")
    assert count() == "INFO: 1"


def test_schedule_dry_run_calls_with_the_next_time(engine: Engine) -> None:
    engine.write_plugin("p.py", "def process_scheduled_call(l, t, args=None):\n    l.info(t)\n")
    assert engine.test_schedule_plugin("p.py", "db", schedule="0 0 6 * * *") == {
        "trigger_time": "2026-01-01T06:00:00Z",
        "log_lines": [
            "INFO: starting execution with scheduled time 2026-01-01 06:00:00 UTC",
            "INFO: 2026-01-01 06:00:00",
            "INFO: finished execution in 0s",
        ],
        "database_writes": {},
        "errors": [],
    }
    assert engine.test_schedule_plugin("p.py", "db")["trigger_time"] == "2026-01-01T00:00:01Z"
    assert engine.test_schedule_plugin("p.py", "nope")["errors"] == ["couldn't find db"]
    assert engine.test_schedule_plugin("p.py", "db", schedule="* * * * *")["errors"][0].startswith(
        "invalid cron syntax: "
    )
    assert engine.test_schedule_plugin("p.py", "db", schedule="0 0 0 31 2 *")["errors"] == [
        "cron schedule never triggers: 0 0 0 31 2 *"
    ]


def test_a_missing_plugin_file_is_an_error_not_an_answer(engine: Engine) -> None:
    with pytest.raises(PluginError, match="Plugin error: reading plugin file: Plugin not found") as caught:
        engine.test_wal_plugin("nope.py", "m f=1", "db")
    assert caught.value.status == 500


@pytest.mark.filterwarnings("ignore::ImportWarning")
def test_folders_run_as_the_text_of_their_init_in_dry_runs(engine: Engine) -> None:
    engine.write_plugin("pkg_dry/__init__.py", "from . import x\n")
    assert engine.test_wal_plugin("pkg_dry", "m f=1 7", "db")["errors"] == [
        "error executing plugin: KeyError: \"'__name__' not in globals\""
    ]
