"""Slow plugins in virtual time: waiting, falling behind, stalling (influxdb3_processing_engine/src/plugins.rs, lib.rs)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pe_kit import Engine, Limits
from pe_kit.errors import LimitError, UsageError

Plug = Callable[..., None]
SEE = "def process_writes(l, b, args=None):\n    l.info(b[0]['rows'][0]['f'])\n"
TICK = "def process_scheduled_call(l, t, args=None):\n    l.info(t)\n"


def starts(engine: Engine, trigger: str = "t") -> list[int]:
    return [(r.started_ns - 1767225600 * 10**9) // 10**9 for r in engine.runs if r.trigger == trigger]


def test_a_slow_synchronous_plugin_makes_later_flushes_wait(engine: Engine, plug: Plug) -> None:
    plug(SEE, "all_tables")
    engine.declare_duration("t", "db", "10s")
    outcomes = [engine.write(f"m f={i} {i}", "db", precision="ns") for i in range(1, 4)]
    assert [len(o.runs) for o in outcomes] == [0, 0, 0], "the first call is under way, the others wait"
    assert engine.triggers.queued[0] == 2
    engine.advance("1m")
    assert starts(engine) == [0, 10, 20]
    assert engine.triggers.waited_ms[0] == 30_000
    finished = engine.logs().log_text.tolist()
    assert finished.count("finished execution in 10s") == 3


def test_an_asynchronous_plugin_runs_all_at_once(engine: Engine, plug: Plug) -> None:
    plug(SEE, "all_tables", run_async=True)
    engine.declare_duration("t", "db", "10s")
    for i in range(3):
        engine.write(f"m f={i} {i}", "db", precision="ns")
    engine.advance("1m")
    assert starts(engine) == [0, 0, 0]
    assert engine.triggers.waited_ms[0] == 0


def test_schedules_fall_behind_and_are_replayed_with_their_own_times(engine: Engine, plug: Plug) -> None:
    plug(TICK, "every:1m")
    engine.declare_duration("t", "db", "150s")
    engine.advance("10m")
    assert starts(engine) == [60, 210, 360]
    assert [r.call_time_ns // 60 / 10**9 % 60 for r in engine.runs] == [1.0 + 1767225600 / 60 % 60, 2.0, 3.0]
    engine.declare_duration("t", "db", 0)
    engine.advance("1m")
    assert len(engine.runs) == 11, "back to back until it has caught up"


def test_writes_stall_when_the_queue_is_full() -> None:
    with Engine(start="2026-01-01T00:00:00Z", limits=Limits(queue=3)) as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", SEE)
        engine.create_trigger("t", db="db", path="t.py", spec="all_tables")
        engine.declare_duration("t", "db", "10s")
        before = engine.now_ns
        for i in range(5):
            engine.write(f"m f={i} {i}", "db", precision="ns")
        assert engine.now_ns - before == 10 * 10**9, "the fifth write waited for the first call to end"
        assert engine.triggers[["queued", "stalled_ms"]].values.tolist() == [[3, 10_000]]
        engine.advance("1m")
        assert starts(engine) == [0, 10, 20, 30, 40]


def test_what_a_slow_plugin_queued_is_written_when_it_ends(engine: Engine, plug: Plug) -> None:
    plug("def process_scheduled_call(l, t, a=None):\n    l.write(LineBuilder('m').int64_field('n', 1))\n", "every:1h")
    engine.declare_duration("t", "db", "10m")
    engine.advance("65m")
    assert len(engine.tables("db")) == 0
    engine.advance("5m")
    assert len(engine.query("SELECT * FROM m", "db")) == 1


def test_a_request_waits_for_its_response(engine: Engine, plug: Plug) -> None:
    plug("def process_request(l, q, h, b, a=None):\n    return 'late'\n", "request:slow")
    engine.declare_duration("t", "db", "90s")
    before = engine.now_ns
    response = engine.request("slow").response
    assert response is not None
    assert response.text == "late"
    assert engine.now_ns - before == 90 * 10**9


def test_a_plugin_that_waits_for_itself_is_stopped_with_what_the_server_would_do() -> None:
    with Engine(start=0, limits=Limits(queue=5)) as engine:
        engine.create_database("db")
        engine.write_plugin(
            "t.py",
            "def process_writes(l, b, args=None):\n"
            "    if any(x['table_name'] == 'start' for x in b):\n"
            "        for i in range(9):\n"
            "            l.write_sync(LineBuilder('m').int64_field('n', i).time_ns(i), no_sync=False)\n",
        )
        engine.create_trigger("t", db="db", path="t.py", spec="all_tables")
        outcome = engine.write("start f=1", "db")
        (stop,) = outcome.stops
        assert isinstance(stop, LimitError)
        assert "would hang" in str(stop)
        assert len(engine.query("SELECT * FROM m", "db")) == 9, "the lines are kept"
        assert len(engine.write("other f=1", "db").runs) == 1, "the engine goes on"


def test_a_duration_below_zero_is_refused(engine: Engine, plug: Plug) -> None:
    plug(TICK, "every:1m")
    with pytest.raises(UsageError, match="negative"):
        engine.declare_duration("t", "db", -1)
