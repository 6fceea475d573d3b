"""Virtual time: schedules, flushes, steps (influxdb3_processing_engine/src/plugins.rs, ScheduleTriggerRunner)."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from pe_kit import Engine
from pe_kit.errors import ClockError

Plug = Callable[..., None]
TICK = "def process_scheduled_call(influxdb3_local, call_time, args=None):\n    influxdb3_local.info(repr(call_time))\n"


def ticks(engine: Engine, trigger: str = "t") -> list[str]:
    return [t for t in engine.logs(trigger).log_text if t.startswith("datetime.datetime")]


def test_every_is_aligned_to_the_epoch_and_never_fires_on_create() -> None:
    with Engine(start="2026-01-01T00:20:00Z") as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", TICK)
        engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
        assert len(engine.advance("39m").runs) == 0
        assert len(engine.advance("1m").runs) == 1
        assert ticks(engine) == ["datetime.datetime(2026, 1, 1, 1, 0)"]


def test_advancing_over_n_ticks_fires_n_calls_each_with_its_own_time(engine: Engine, plug: Plug) -> None:
    plug(TICK, "every:1m")
    outcome = engine.advance("5m")
    assert [r.started_at.minute for r in outcome.runs] == [1, 2, 3, 4, 5]
    assert ticks(engine) == [f"datetime.datetime(2026, 1, 1, 0, {m})" for m in range(1, 6)]
    assert engine.now.minute == 5
    first = outcome.runs[0]
    assert first.logs.log_text[0] == "starting execution with scheduled time 2026-01-01 00:01:00 UTC"
    assert first.logs.event_time[0] == pd.Timestamp("2026-01-01 00:01:00")


def test_cron_has_seconds_first_and_sunday_is_one(engine: Engine, plug: Plug) -> None:
    plug(TICK, "cron:30 0 6 * * 1-5")
    engine.advance("7d")  # 2026-01-01 is a Thursday
    assert [t[18:-1] for t in ticks(engine)] == [f"2026, 1, {day}, 6, 0, 30" for day in (1, 4, 5, 6, 7)], (
        "Sunday to Thursday"
    )


def test_time_never_goes_back(engine: Engine) -> None:
    with pytest.raises(ClockError, match="time never goes back"):
        engine.advance_to("2025-12-31")
    with pytest.raises(ClockError, match="time never goes back"):
        engine.advance("-1s")


def test_step_does_the_next_due_thing_only(engine: Engine, plug: Plug) -> None:
    plug(TICK, "every:1m", name="b")
    plug(TICK, "every:1m", name="a")
    engine.write("m f=1", "db", no_sync=True)
    assert engine.step().flushes == 1
    assert [r.trigger for r in engine.step().runs] == ["b"], "equal times: the older trigger first"
    assert [r.trigger for r in engine.step().runs] == ["a"]
    assert engine.now.minute == 1


def test_nothing_due_is_said(engine: Engine) -> None:
    assert "nothing is due" in engine.step().notes[0]


def test_next_events_shows_what_will_fire(engine: Engine, plug: Plug) -> None:
    plug(TICK, "every:1m", name="m")
    plug(TICK, "cron:0 2 * * * *", name="c")
    engine.write("m f=1", "db", no_sync=True)
    frame = engine.next_events(5)
    assert list(frame.kind) == ["wal_flush", "schedule", "schedule", "schedule", "schedule"]
    assert list(frame.trigger_name)[1:] == ["m", "m", "c", "m"]
    assert list(frame.time) == [pd.Timestamp("2026-01-01") + pd.Timedelta(seconds=s) for s in (1, 60, 120, 120, 180)]
    assert frame.time.dtype == "datetime64[ns]"


def test_no_sync_data_waits_for_the_next_flush_tick(engine: Engine, plug: Plug) -> None:
    plug("def process_writes(l, b, args=None):\n    l.info('flushed')\n", "all_tables")
    engine.advance("300ms")
    outcome = engine.write("m f=1", "db", no_sync=True)
    assert len(outcome.runs) == 0
    assert len(engine.advance("600ms").runs) == 0
    assert [r.started_ns % 10**9 for r in engine.advance("1s").runs] == [0]


def test_call_fires_a_schedule_now_with_any_scheduled_time(engine: Engine, plug: Plug) -> None:
    plug(TICK, "every:1d")
    before = engine.now
    outcome = engine.call("t", "db", at="1999-12-31T23:59:59.9Z")
    assert ticks(engine) == ["datetime.datetime(1999, 12, 31, 23, 59, 59)"]
    assert outcome.run.started_at == before == engine.now


def test_sql_now_and_default_timestamps_follow_the_engine(engine: Engine, plug: Plug) -> None:
    plug(
        "def process_scheduled_call(l, call_time, args=None):\n"
        "    l.info(l.query('SELECT now() AS n')[0]['n'])\n"
        "    l.write(LineBuilder('m').int64_field('n', 1))\n",
        "every:1h",
    )
    engine.advance("1h")
    assert engine.logs().log_text[1] == str(engine.now_ns)
    assert engine.query("SELECT time FROM m", "db").time[0].value == engine.now_ns


def test_a_schedule_that_is_over_stops_silently(engine: Engine, plug: Plug) -> None:
    plug(TICK, "cron:0 0 0 1 1 * 2027")
    assert len(engine.advance("366d").runs) == 1
    assert len(engine.advance("366d").runs) == 0
    assert engine.triggers.next_time.isna()[0]


def test_fractions_of_a_second_show_in_the_log_and_not_in_the_call_time(engine: Engine, plug: Plug) -> None:
    plug(TICK, "every:500ms")
    engine.advance("1s")
    starts = [t for t in engine.logs().log_text if t.startswith("starting")]
    assert starts == [
        "starting execution with scheduled time 2026-01-01 00:00:00.500 UTC",
        "starting execution with scheduled time 2026-01-01 00:00:01 UTC",
    ]
    assert ticks(engine)[0] == "datetime.datetime(2026, 1, 1, 0, 0)"
