"""What becomes of what plugins write (influxdb3_processing_engine/src/{plugins,write}.rs)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pe_kit import Engine, Limits
from pe_kit.errors import InvalidNameError

Plug = Callable[..., None]


def test_a_write_returns_after_its_triggers_have_run(engine: Engine, plug: Plug):
    plug("influxdb3_local.write(LineBuilder('out').int64_field('n', 1))", "table:m")
    engine.write("m f=1 1", "db")
    assert engine.query("SELECT n FROM out", "db").n.tolist() == [1]


@pytest.mark.parametrize("behavior", ["log", "retry", "disable"])
def test_a_refused_write_back_is_logged_and_neither_retried_nor_disabled(engine: Engine, plug: Plug, behavior: str):
    engine.write("out n=1.5 1", "db")
    plug(
        "influxdb3_local.write(LineBuilder('out').int64_field('n', 1).time_ns(5))",
        "table:m",
        error_behavior=behavior,
    )
    engine.write("m f=1 1", "db")
    outcome = engine.write("m f=1 2", "db")
    (run,) = outcome.runs
    assert (run.error, run.attempt, outcome.ok) == (None, 1, False)
    assert run.logs.log_level.tolist() == ["INFO", "INFO", "ERROR"]
    assert run.logs.log_text[2] == (
        "error running wal plugin: error writing back lines to db: Cannot write: line protocol parse failed: invalid "
        "column type for column 'n', expected iox::column_type::field::float, got iox::column_type::field::integer"
    )


def test_lines_of_plugins_are_flushed_at_the_same_virtual_time(engine: Engine, plug: Plug):
    plug("influxdb3_local.write(LineBuilder('out').int64_field('n', 1))\nreturn 'done'", "request:r")
    before = engine.now_ns
    outcome = engine.request("r")
    assert (outcome.response.text, engine.now_ns) == ("done", before)
    assert engine.query_arrow("SELECT time FROM out", "db")["time"].cast("int64").to_pylist() == [before]


def test_plugins_may_name_databases_that_users_may_not(engine: Engine, plug: Plug):
    plug("influxdb3_local.write_to_db('_größe', LineBuilder('m').int64_field('n', 1))", "table:m")
    engine.write("m f=1 1", "db").raise_for_error()
    assert engine.query("SELECT n FROM m", "_größe").n.tolist() == [1]
    with pytest.raises(InvalidNameError):
        engine.write("m f=1 1", "_größe")


def test_a_plugin_that_waits_for_itself_is_told_so():
    with Engine(start=0, limits=Limits(queue=2)) as engine:
        engine.write_plugin(
            "p.py",
            "def process_writes(local, batches, args):\n"
            "    for n in range(9 if batches else 0):\n"
            "        local.write_sync(LineBuilder('out').int64_field('n', n), False)\n",
        )
        engine.load("m f=1 1", "db")
        engine.create_trigger("t", db="db", path="p.py", spec="table:m")
        outcome = engine.write("m f=1 1", "db")
    assert any("waits itself for the next flush" in str(stop) for stop in outcome.stops)
