"""Months of data through live triggers."""

from __future__ import annotations

import io
import re
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(
    "kind",
    ["parquet", "csv", "arrow", "lp", "folder.parquet", "list of files", "reader", "url of parquet", "url of csv"],
)
def test_data_larger_than_memory_is_streamed(engine: Engine, tmp_path: Path, kind: str) -> None:
    """Files, folders and lists of them, by path or by URL through Arrow's file systems; batches that a reader gives."""
    data, path = table(2), tmp_path / f"data.{kind.split()[-1]}"
    given: Any = path.as_uri() if "url" in kind else path
    if path.suffix == ".csv":
        pa.csv.write_csv(data, path)
    elif kind == "arrow":
        pa.feather.write_feather(data, path, compression="uncompressed")
    elif kind == "lp":
        rows = data.to_pylist()
        path.write_text("".join(f"m,host={r['host']} f={r['f']} {r['time'].value}\n" for r in rows))
    elif kind == "reader":
        given = data.to_reader(max_chunksize=50)
    elif kind in ("folder.parquet", "list of files"):
        path.mkdir()
        parts = [path / "a.parquet", path / "b.parquet"]
        pq.write_table(data.slice(0, 100), parts[0])
        pq.write_table(data.slice(100), parts[1])
        given = path if kind == "folder.parquet" else [parts[0], str(parts[1])]
    else:
        pq.write_table(data, path, row_group_size=50)
    options: Any = {} if kind == "lp" else {"table": "m", "tags": ["host"]}
    done = engine.backtest(given, "db", progress=False, **options)
    assert done.rows == 240
    assert engine.query("SELECT n FROM hourly ORDER BY time", "db").n.tolist() == [120, 120]


def test_a_frame_is_put_in_order_of_time_however_long(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pe_kit.backtest.source.PIECE_ROWS", 50)
    engine.backtest(table().to_pandas().sample(frac=1, random_state=1), "db", table="m", tags=["host"], progress=False)
    assert engine.query("SELECT n FROM hourly ORDER BY time", "db").n.tolist() == [120] * 6


def test_rows_of_a_file_that_are_late_arrive_late(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time has passed when the reading comes to them; they are written with the next window."""
    monkeypatch.setattr("pe_kit.backtest.source.PIECE_ROWS", 10)
    data = table(1)
    pq.write_table(pa.concat_tables([data.slice(0, 60), data.slice(70), data.slice(60, 10)]), tmp_path / "late.parquet")
    done = engine.backtest(tmp_path / "late.parquet", "db", table="m", tags=["host"], progress=False)
    assert done.rows == 120
    late = [run for run in engine.runs if run.rows_in > 2]
    assert [(run.rows_in, run.started_at.minute) for run in late] == [(10, 1)]


@pytest.mark.parametrize("kind", ["timestamp", "zoned", "text"])
def test_rows_come_when_a_column_says_that_they_came(engine: Engine, kind: str) -> None:
    """Every second row is 90 minutes late; the column is not stored."""
    data = table(1)
    came = pd.Series(data["time"].to_pandas())
    came += pd.to_timedelta([0, 90] * 60, unit="min")
    shown = {
        "timestamp": came,
        "zoned": came.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        "text": came.astype(str),
    }
    data = data.append_column("came", pa.array(shown[kind]))
    done = engine.backtest(data, "db", table="m", tags=["host"], arrival="came", progress=False)
    assert done.rows == 120
    assert list(engine.query("SELECT * FROM m", "db").columns) == ["f", "host", "time"]
    runs = [run for run in engine.runs if run.rows_in]
    assert [run.rows_in for run in runs] == [1] * 120
    assert (runs[0].started_at.minute, runs[-1].started_at) == (1, pd.Timestamp("2026-01-01T02:30Z"))


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
    with pytest.raises(UsageError, match=r"(?s)no column 'time'.*Did you mean 'times'"):
        engine.backtest(table(1).rename_columns({"time": "times"}), "db", table="m", progress=False)
    with pytest.raises(UsageError, match="no column 'came'"):
        engine.backtest(table(1), "db", table="m", arrival="came", progress=False)
    with pytest.raises(UsageError, match="column 'host' is string"):
        engine.backtest(table(1), "db", table="m", arrival="host", progress=False)


def test_progress_says_how_long_it_takes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rate and time left, from the rows that there are or the time that there is."""
    monkeypatch.setattr("pe_kit.backtest.progress._PATIENCE", 0)
    monkeypatch.setattr("pe_kit.backtest.progress._EVERY", 0)
    shown = io.StringIO()
    shown.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", shown)
    engine.backtest(table(), "db", table="m", tags=["host"])
    lines = shown.getvalue().split("\r\x1b[K")
    assert re.fullmatch(r"2 rows · 2026-01-01T00:01:00Z · [\d,]+ rows/s · \d+ s · .*\d s left", lines[1])
    assert lines[-1].startswith("720 rows · 2026-01-01T06:00:00Z · ")


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
