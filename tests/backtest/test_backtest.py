"""Months of data through live triggers."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pe_kit import Engine
from pe_kit.cli.main import app
from pe_kit.errors import ClockError, UsageError

START = "2026-01-01T00:00:00Z"
ALERT = """
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        if batch["table_name"] == "m":
            for row in batch["rows"]:
                if row["f"] > 90:
                    influxdb3_local.warn("hot", row["f"])
                    influxdb3_local.write(LineBuilder("alert").tag("host", row["host"]).float64_field("f", row["f"]).time_ns(row["time"]))
"""
HOURLY = """
def process_scheduled_call(influxdb3_local, call_time, args=None):
    rows = influxdb3_local.query("SELECT count(*) AS n FROM m WHERE time >= now() - interval '1 hour' AND time < now()")
    influxdb3_local.write(LineBuilder("hourly").int64_field("n", rows[0]["n"]))
"""


def table(hours: int = 6) -> pa.Table:
    n = hours * 60
    times = np.repeat(pd.Timestamp("2026-01-01").value + np.arange(n) * 60_000_000_000, 2)
    return pa.table(
        {
            "host": ["a", "b"] * n,
            "f": [float(i % 100) for i in range(2 * n)],
            "time": pa.array(times).cast(pa.timestamp("ns")),
        }
    )


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(start=START) as made:
        made.create_database("db")
        made.write_plugin("alert.py", ALERT)
        made.write_plugin("hourly.py", HOURLY)
        made.create_trigger("alert", db="db", path="alert.py", spec="table:m")
        made.create_trigger("hourly", db="db", path="hourly.py", spec="every:1h")
        yield made


def test_data_is_written_as_time_passes_and_schedules_fire_in_between(engine: Engine) -> None:
    done = engine.backtest(table(), "db", table="m", tags=["host"], progress=False)
    assert (done.rows, done.flushes) == (720, 360)
    assert engine.now == pd.Timestamp("2026-01-01T06:00:00Z")
    assert engine.query("SELECT n FROM hourly ORDER BY time", "db").n.tolist() == [120] * 6
    hot = sum(f > 90 for f in table()["f"].to_pylist())
    summary = done.summary.set_index("trigger")
    assert summary.loc["alert", ["runs", "rows_in", "lines_out", "warnings"]].tolist()[1:] == [720, hot, hot]
    assert summary.loc["hourly", "runs"] == 6
    assert len(engine.query("SELECT * FROM alert", "db")) == hot


def test_a_plugin_sees_each_window_at_its_end(engine: Engine) -> None:
    engine.backtest(table(1), "db", table="m", tags=["host"], flush_every="10m", progress=False)
    runs = [r for r in engine.runs if r.trigger == "alert" and not r.empty]
    assert [(r.started_at.minute, r.rows_in) for r in runs] == [
        (10, 20),
        (20, 20),
        (30, 20),
        (40, 20),
        (50, 20),
        (0, 20),
    ]


@pytest.mark.parametrize("kind", ["parquet", "csv", "arrow", "lp", "folder.parquet"])
def test_files_are_streamed(engine: Engine, tmp_path: Path, kind: str) -> None:
    data, path = table(2), tmp_path / f"data.{kind}"
    if kind == "parquet":
        pq.write_table(data, path, row_group_size=50)
    elif kind == "csv":
        pa.csv.write_csv(data, path)
    elif kind == "arrow":
        pa.feather.write_feather(data, path, compression="uncompressed")
    elif kind == "lp":
        rows = data.to_pylist()
        path.write_text("".join(f"m,host={r['host']} f={r['f']} {r['time'].value}\n" for r in rows))
    else:
        path.mkdir()
        pq.write_table(data.slice(0, 100), path / "a.parquet")
        pq.write_table(data.slice(100), path / "b.parquet")
    given = {} if kind == "lp" else {"table": "m", "tags": ["host"]}
    done = engine.backtest(path, "db", progress=False, **given)
    assert done.rows == 240
    assert engine.query("SELECT n FROM hourly ORDER BY time", "db").n.tolist() == [120, 120]


def test_late_rows_arrive_late(engine: Engine) -> None:
    data = table(1)
    late = pa.concat_tables([data.slice(10), data.slice(0, 10)])
    parts = [late.slice(0, 110), late.slice(110)]
    path_order = pa.concat_tables(parts)
    done = engine.backtest(path_order, "db", table="m", tags=["host"], progress=False)
    assert done.rows == 120
    assert len(engine.query("SELECT * FROM m", "db")) == 120


def test_until_stops_before_its_window_and_lets_time_pass(engine: Engine) -> None:
    done = engine.backtest(table(), "db", table="m", tags=["host"], until="2026-01-01T01:30:00Z", progress=False)
    assert done.rows == 180
    assert engine.now == pd.Timestamp("2026-01-01T01:30:00Z")


def test_data_before_the_engines_time_is_refused_and_resume_skips_it(engine: Engine) -> None:
    engine.backtest(table(), "db", table="m", tags=["host"], until="2026-01-01T02:00:00Z", progress=False)
    with pytest.raises(ClockError, match="the data begins at 2026-01-01T00:00:00Z"):
        engine.backtest(table(), "db", table="m", tags=["host"], progress=False)
    rest = engine.backtest(table(), "db", table="m", tags=["host"], resume=True, progress=False)
    assert rest.rows == 480
    assert engine.query("SELECT n FROM hourly ORDER BY time", "db").n.tolist() == [120] * 6


def test_an_interrupt_leaves_a_usable_result_and_resume_ends_where_no_interrupt_would(engine: Engine) -> None:
    def interrupt(rows: int, now_ns: int, seconds: float) -> None:
        if rows > 100:
            signal.raise_signal(signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    done = engine.backtest(table(), "db", table="m", tags=["host"], progress=interrupt)
    assert done.interrupted
    assert 100 < done.rows < 720
    engine.backtest(table(), "db", table="m", tags=["host"], resume=True, progress=False)
    with Engine(start=START) as other:
        other.create_database("db")
        for name, spec in (("alert", "table:m"), ("hourly", "every:1h")):
            other.write_plugin(f"{name}.py", ALERT if name == "alert" else HOURLY)
            other.create_trigger(name, db="db", path=f"{name}.py", spec=spec)
        other.backtest(table(), "db", table="m", tags=["host"], progress=False)
        assert len(engine.compare(engine, other).tables) == 0


def test_compare_shows_what_another_plugin_does_differently(engine: Engine) -> None:
    twin = engine.at(engine.history[-1].id).fork()
    twin.write_plugin("alert.py", ALERT.replace("> 90", "> 50"))
    a = engine.backtest(table(1), "db", table="m", tags=["host"], progress=False)
    b = twin.backtest(table(1), "db", table="m", tags=["host"], progress=False)
    changed = a.compare(b)
    assert set(changed["column"]) >= {"lines_out", "warnings"}
    assert a.compare(a).empty
    assert a.plot().to_dict()["mark"]["type"] == "bar"


def test_refused_lines_are_kept_and_the_good_ones_written(engine: Engine) -> None:
    first = pd.Timestamp("2026-01-01").value
    done = engine.backtest(
        f"m f=1 {first}\nm f=1i {first}\nbad\nm f=2 {first + 60_000_000_000}\n", "db", progress=False
    )
    assert done.rows == 2
    assert [e.line_number for e in done.refused] == [2, 3]
    assert "refused" in repr(done)


def test_mistakes_name_the_mend(engine: Engine, tmp_path: Path) -> None:
    pq.write_table(table(1), tmp_path / "x.parquet")
    with pytest.raises(UsageError, match="needs the name of its table"):
        engine.backtest(tmp_path / "x.parquet", "db", progress=False)
    with pytest.raises(UsageError, match=r"Did you mean 'x.parquet'"):
        engine.backtest(tmp_path / "y.parquet", "db", table="m", progress=False)


def test_a_backtest_belongs_to_the_past(engine: Engine) -> None:
    engine.backtest(table(1), "db", table="m", tags=["host"], progress=False)
    last = engine.history[-1]
    assert last.kind == "backtest"
    assert len(engine.at(last.id).query("SELECT * FROM m", "db")) == 120
    assert len(engine.at(last.id - 1).tables("db")) == 0


@pytest.mark.slow
def test_the_command_line_runs_a_file_through_plugins(tmp_path: Path) -> None:
    (tmp_path / "alert.py").write_text(ALERT)
    pq.write_table(table(1), tmp_path / "data.parquet")
    arguments = [str(tmp_path / "data.parquet"), "--table", "m", "--tags", "host", "--plugin-dir", str(tmp_path)]
    result = CliRunner().invoke(app, ["backtest", *arguments, "--trigger", "alert=table:m=alert.py", "--json"])
    assert result.exit_code == 0, result.output
    assert '"rows": 120' in result.output
