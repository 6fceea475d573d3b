"""What plugins are called with, and in which order (influxdb3_processing_engine/src/plugins.rs, influxdb3_py_api/src)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from pe_kit import Engine
from pe_kit.errors import UsageError

Plug = Callable[..., None]


def test_databases_of_one_flush_come_in_first_write_order(engine: Engine, plug: Plug):
    for db in ("b", "a"):
        engine.create_database(db)
    for db in ("a", "b"):
        plug("influxdb3_local.info(table_batches[0]['table_name'])", "all_tables", name=f"in_{db}", db=db)
    engine.write("second f=1 1", "b", no_sync=True)
    engine.write("third f=1 1", "a", no_sync=True)
    assert [run.trigger for run in engine.flush().runs] == ["in_b", "in_a"]


def test_call_time_is_naive_utc_in_whole_seconds(engine: Engine, plug: Plug):
    plug(
        "assert call_time.tzinfo is None\ninfluxdb3_local.info(type(call_time).__name__, call_time.isoformat())",
        "every:1500ms",
    )
    outcome = engine.advance("3s").raise_for_error()
    texts = [t for t in outcome.logs.log_text if t.startswith("datetime")]
    assert texts == ["datetime 2026-01-01T00:00:01", "datetime 2026-01-01T00:00:03"]
    at = datetime(2020, 2, 3, 4, 5, 6, 789)
    assert "datetime 2020-02-03T04:05:06" in set(engine.call("t", "db", at=at).logs.log_text)


def test_args_is_passed_by_position_and_is_none_without_arguments(engine: Engine):
    engine.write_plugin("names.py", "def process_writes(local, batches, whatever):\n    local.info(repr(whatever))\n")
    engine.write_plugin("two.py", "def process_writes(local, batches):\n    pass\n")
    engine.create_trigger("none", db="db", path="names.py", spec="all_tables")
    engine.create_trigger("empty", db="db", path="names.py", spec="all_tables", arguments={})
    engine.create_trigger("some", db="db", path="names.py", spec="all_tables", arguments={"k": "1"})
    engine.create_trigger("short", db="db", path="two.py", spec="all_tables")
    outcome = engine.write("m f=1 1", "db")
    shown = {run.trigger: run.logs.log_text[1] for run in outcome.runs if run.ok}
    assert shown == {"none": "None", "empty": "{}", "some": "{'k': '1'}"}
    assert str(outcome.error) == "process_writes() takes 2 positional arguments but 3 were given"


def test_triggers_run_in_the_order_in_which_they_were_made(engine: Engine, plug: Plug):
    for name in ("z", "a", "m"):
        plug("pass", "all_tables", name=name, run_async=name == "a")
    assert [run.trigger for run in engine.write("m f=1 1", "db").runs] == ["z", "a", "m"]


def test_a_header_value_that_is_not_ascii_is_refused(engine: Engine, plug: Plug):
    plug("return 'x'", "request:r")
    with pytest.raises(UsageError, match="not visible ASCII"):
        engine.request("r", headers={"X-Name": "größe"})
