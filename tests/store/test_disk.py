"""Data folders: what is there after opening one again, and who may open it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pe_kit import Engine
from pe_kit.engine import durable
from pe_kit.errors import StorageError, UsageError

START = "2026-01-01T00:00:00Z"
COUNTER = """
def process_writes(influxdb3_local, table_batches, args=None):
    seen = influxdb3_local.cache.get("seen", default=0) + 1
    influxdb3_local.cache.put("seen", seen, ttl=60)
    influxdb3_local.write(LineBuilder("out").int64_field("seen", seen))
"""


def _engine(folder: Path, **options: object) -> Engine:
    return Engine(data_dir=folder, start=START, **options)  # type: ignore[arg-type]


def _with_plugin(folder: Path, source: str) -> Engine:
    engine = _engine(folder)
    engine.create_database("home")
    engine.write_plugin("p.py", source)
    engine.create_trigger("t", db="home", path="p.py", spec="table:cpu")
    return engine


@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_session_goes_on_where_it_was(tmp_path: Path, checkpoint: bool) -> None:
    """Tables, cache, triggers, plugin versions, event log, clock, seed and what waits for a flush."""
    with _engine(tmp_path, seed=7) as engine:
        engine.create_database("home", retention_period="400d")
        engine.write_plugin("p.py", COUNTER)
        engine.write_plugin("p.py", COUNTER + "# second\n")
        engine.create_trigger("t", db="home", path="p.py", spec="table:cpu", arguments={"a": "b"})
        engine.write("cpu,host=a v=1", "home")
        engine.advance("3s")
        engine.write("cpu,host=a v=2", "home", no_sync=True)
        if checkpoint:
            engine.checkpoint()
        before = [engine.tables("home").to_dict(), engine.now_ns, [e.kind for e in engine.history]]
        runs, versions = engine.runs[-1].id, engine.plugins["version"].tolist()
    with Engine(data_dir=tmp_path, seed=99) as engine:
        assert [engine.tables("home").to_dict(), engine.now_ns] == before[:2]
        assert [e.kind for e in engine.history] == [*before[2], "restart"]
        assert engine.seed == 7
        assert engine.store.pending
        assert engine.plugins["version"].tolist() == versions
        assert engine.triggers.loc[0, "arguments"] == {"a": "b"}
        outcome = engine.flush()
        assert outcome.runs[0].id == runs + 1
        assert engine.query("SELECT v FROM cpu ORDER BY time", "home")["v"].tolist() == [1, 2]


def test_a_session_opens_without_the_plugins_that_are_gone(tmp_path: Path) -> None:
    """``failed to start trigger at boot; continuing in degraded state`` (influxdb3/src/commands/serve.rs)."""
    with _engine(tmp_path / "data", plugin_dir=tmp_path / "plugins") as engine:
        engine.create_database("home")
        engine.write_plugin("p.py", COUNTER)
        engine.create_trigger("t", db="home", path="p.py", spec="table:cpu")
        engine.write("cpu v=1", "home")
    (tmp_path / "plugins/p.py").unlink()
    for _ in range(2):
        with _engine(tmp_path / "data", plugin_dir=tmp_path / "plugins") as engine:
            assert engine.triggers["state"][0].startswith("its task did not start: reading plugin file")
            assert not engine.write("cpu v=2", "home").runs
            assert [engine.at(n).triggers["state"][0] for n in (4, 5)] == ["running", engine.triggers["state"][0]]
    engine = _engine(tmp_path / "data", plugin_dir=tmp_path / "plugins")
    with engine:
        engine.write_plugin("p.py", COUNTER)
        engine.restart()
        assert engine.write("cpu v=3", "home").runs


def test_the_past_before_a_restart_can_be_looked_at(tmp_path: Path) -> None:
    """The event log starts with the folder; at(n) does it again in memory."""
    with _with_plugin(tmp_path, COUNTER) as engine:
        engine.write("cpu v=1", "home")
        engine.checkpoint()
        engine.write("cpu v=2", "home")
    with _engine(tmp_path) as engine:
        assert len(engine.at(3).tables("home")) == 0
        assert engine.at(4).tables("home").equals(engine.tables("home"))
        last = engine.history[-1].id
        twin = engine.at(last).fork()
        assert twin.tables("home").equals(engine.tables("home"))
        twin.close()


def test_what_chance_did_before_and_after_a_restart_is_done_again_by_the_event_log(tmp_path: Path) -> None:
    """Faults with a chance draw the same numbers: a restart begins a sequence of its own."""
    for _ in range(2):
        with _engine(tmp_path) if (tmp_path / "lock").exists() else _with_plugin(tmp_path, COUNTER) as engine:
            engine.inject("write_back", "reject", when={"chance": 0.5}, times=None)
            for n in range(12):
                engine.write(f"cpu v={n}", "home")
                engine.advance("1s")
    with _engine(tmp_path) as engine, engine.replay(plugin={}).engine as twin:
        assert 4 < len(engine.query("SELECT * FROM out", "home")) < 20
        assert twin.query("SELECT * FROM out", "home").equals(engine.query("SELECT * FROM out", "home"))


VALUES = """
import numpy as np, pandas as pd, datetime, decimal
VALUES = {
    "tuple": (1, {2: {"x"}}), "when": datetime.datetime(2026, 1, 1), "money": decimal.Decimal("1.10"), "raw": b"\\0",
    "frame": pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[5, 6]), "array": np.arange(6.0).reshape(2, 3),
    "nested": {"model": [np.float32(2.5)]}, "thing": object(),
    "series": pd.Series([1.5, None], index=pd.date_range("2026-01-01", periods=2), name=("a", 1)),
}
def process_writes(influxdb3_local, table_batches, args=None):
    for key, value in VALUES.items():
        influxdb3_local.cache.put(key, value, ttl=100 if key == "raw" else None)
"""


@pytest.mark.parametrize("checkpoint", [False, True])
def test_the_plugin_cache_survives_and_says_what_of_it_will_not(tmp_path: Path, checkpoint: bool) -> None:
    """Tagged JSON, Arrow for frames and arrays, expiry kept; what cannot be stored is named once, when it is put."""
    with _with_plugin(tmp_path, VALUES) as engine:
        run = engine.write("cpu v=1", "home").runs[0]
        assert run.error is None
        named = "the cached value 'thing' (object) cannot be stored: it is lost at a restart"
        assert run.notes == (named,)
        assert engine.write("cpu v=2", "home").runs[0].notes == ()
        expires = engine.cache.set_index("key")["expires_at"]["raw"]
        if checkpoint:
            engine.checkpoint()
    with _engine(tmp_path) as engine:
        cache = engine.cache.set_index("key")
        assert set(cache.index) == {"tuple", "when", "money", "raw", "frame", "array", "nested", "series"}
        assert cache["value"]["tuple"] == (1, {2: {"x"}})
        pd.testing.assert_frame_equal(
            cache["value"]["frame"], pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[5, 6])
        )
        window = pd.Series([1.5, None], index=pd.date_range("2026-01-01", periods=2), name=("a", 1))
        pd.testing.assert_series_equal(cache["value"]["series"], window, check_freq=False)
        assert np.array_equal(cache["value"]["array"], np.arange(6.0).reshape(2, 3))
        assert type(cache["value"]["nested"]["model"][0]) is np.float32
        assert cache["expires_at"]["raw"] == expires
        engine.advance("101s")
        assert "raw" not in set(engine.cache["key"])


def test_values_changed_in_place_are_kept_too(tmp_path: Path) -> None:
    """The cache holds references: what a plugin reads and changes is stored with the event that did it."""
    source = """
def process_writes(influxdb3_local, table_batches, args=None):
    seen = influxdb3_local.cache.get("seen")
    if seen is None:
        influxdb3_local.cache.put("seen", [])
    else:
        seen.append(len(seen))
"""
    with _with_plugin(tmp_path, source) as engine:
        for _ in range(4):
            engine.write("cpu v=1", "home")
    with _engine(tmp_path) as engine:
        assert engine.cache["value"].tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("gone", ["deleted", "wiped", "wiped and put again"])
@pytest.mark.parametrize("opened_before", [False, True])
def test_a_value_that_went_from_the_cache_does_not_come_back(tmp_path: Path, gone: str, opened_before: bool) -> None:
    """Global values and those of a trigger, by a delete, a server restart, a restart that strikes before a call."""
    engine = _with_plugin(tmp_path, COUNTER)
    for trigger in (None, "t"):
        engine.put_cached("old", 1, trigger=trigger, db="home")
    if opened_before:
        engine.close()
        engine = _engine(tmp_path)
    if gone == "deleted":
        for trigger in (None, "t"):
            engine.delete_cached("old", trigger=trigger, db="home")
    elif gone == "wiped":
        engine.restart(keep_cache=False)
    else:
        engine.inject("call", "restart")
        engine.write("cpu v=1", "home")
    before = engine.cache[["namespace", "key"]].to_numpy().tolist()
    engine.close()
    with _engine(tmp_path) as engine:
        assert engine.cache[["namespace", "key"]].to_numpy().tolist() == before
        assert before == ([["trigger", "seen"]] if gone == "wiped and put again" else [])


def test_without_persist_cache_a_restart_wipes_the_plugin_cache(tmp_path: Path) -> None:
    """As the server does today (influxdb3_py_api/src/cache.rs)."""
    with _with_plugin(tmp_path, COUNTER) as engine:
        engine.write("cpu v=1", "home")
        engine.restart()
        assert len(engine.cache) == 1
        engine.restart(keep_cache=False)
        assert len(engine.cache) == 0
        engine.write("cpu v=1", "home")
    with _engine(tmp_path, persist_cache=False) as engine:
        assert len(engine.cache) == 0


def test_a_second_engine_is_told_who_has_the_folder(tmp_path: Path) -> None:
    """One engine at a time; closing lets the next one in."""
    with _engine(tmp_path):
        holder = json.loads((tmp_path / "lock").read_text())
        assert holder["pid"] == os.getpid()
        who = f"process {os.getpid()} on {socket.gethostname()} since {holder['since']} has it"
        with pytest.raises(StorageError, match=who):
            _engine(tmp_path)
    _engine(tmp_path).close()


def test_a_folder_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """Formats are versioned."""
    _engine(tmp_path).close()
    (tmp_path / "format.json").write_text('{"version": 99}')
    with pytest.raises(StorageError, match="version 99, this pe_kit reads version 1"):
        _engine(tmp_path)


def test_pandas_and_duckdb_read_the_tables(tmp_path: Path) -> None:
    """After a checkpoint each row is in one Parquet file of its table, upserts applied."""
    with _engine(tmp_path) as engine:
        for n in range(5):
            engine.write(f"cpu,host=h{n % 2} n={n}i {n}", "home")
            engine.write(f"cpu,host=h0 extra={n} 0", "home")
            engine.checkpoint()
        expected = engine.query("SELECT * FROM cpu ORDER BY time", "home")
    folder = tmp_path / "tables" / "home" / "cpu"
    frame = pd.read_parquet(folder).sort_values("time", ignore_index=True)
    assert frame["n"].tolist() == expected["n"].tolist()
    assert frame["extra"].dropna().tolist() == [4.0]
    count = duckdb.sql(f"SELECT count(*), sum(n) FROM '{folder}/*.parquet'").fetchall()
    assert count == [(5, 10)]


@pytest.mark.slow
def test_the_number_of_files_stays_small_however_many_checkpoints_there_are(tmp_path: Path) -> None:
    """Small pieces are merged into larger ones as they come."""
    with _engine(tmp_path) as engine:
        for n in range(100):
            engine.write(f"cpu,host=a n={n}i {n}", "home")
            engine.checkpoint()
        assert len(list(tmp_path.glob("tables/home/cpu/*"))) <= 8
        assert len(list(tmp_path.glob("state/*"))) == 2
        assert len([p for p in tmp_path.rglob("*") if p.is_file()]) < 100
        assert engine.tables("home")["rows"].tolist() == [100]


def test_a_checkpoint_comes_by_itself_and_history_is_read_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal does not grow without end, nor does the memory that events take."""
    monkeypatch.setattr(durable, "CHECKPOINT_BYTES", 20_000)
    monkeypatch.setattr(durable, "HISTORY_BYTES", 10_000)
    with _engine(tmp_path) as engine:
        for n in range(200):
            engine.write(f"cpu,host=a n={n}i {n}", "home")
        assert len(list(tmp_path.glob("journal/*"))) > 1
        assert [e.id for e in engine.history] == list(range(1, 201))
        assert engine.at(150).tables("home")["rows"].tolist() == [150]


def test_a_backtest_that_was_left_behind_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long calls are stored in parts, each a whole moment of virtual time."""
    monkeypatch.setattr(durable, "PART_BYTES", 2_000)
    times = pa.array(np.arange(600) * 10**9 + 1_767_225_600_000_000_000).cast(pa.timestamp("ns"))
    data = pa.table({"time": times, "v": np.arange(600.0)})
    engine = _engine(tmp_path)
    engine.create_database("home")
    seen = 0

    def stop(rows: int, end: int, seconds: float) -> None:
        nonlocal seen
        seen += 1
        if seen == 6:
            raise RuntimeError("power cut")

    with monkeypatch.context() as context:
        context.setattr(engine._durable, "commit", lambda **flags: original(**flags) if flags.get("part") else None)
        original = type(engine._durable).commit.__get__(engine._durable)
        with pytest.raises(RuntimeError):
            engine.backtest(data, "home", table="cpu", flush_every="1m", progress=stop)
        engine._durable.folder.close()
    with _engine(tmp_path) as again:
        found = again.tables("home")["rows"].tolist()
        assert found
        assert 0 < found[0] < 600
        again.backtest(data, "home", table="cpu", flush_every="1m", resume=True)
        assert again.tables("home")["rows"].tolist() == [600]
        assert again.damage == ()


def test_the_past_before_a_backtest_of_a_frame_is_not_made_up(tmp_path: Path) -> None:
    """Its rows are stored, the frame is not: what would lack them is refused; a file is read again."""
    data = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=3, freq="min"), "v": [1.0, 2, 3]})
    data.to_parquet(tmp_path / "data.parquet")
    with _engine(tmp_path / "d") as engine:
        engine.backtest([tmp_path / "data.parquet"], "home", table="m", progress=False)
        engine.create_database("other")
        engine.backtest(data, "other", table="m", resume=True, progress=False)
        engine.write("m v=4 1", "other")
    with _engine(tmp_path / "d") as engine:
        assert engine.at(1).tables("home")["rows"].tolist() == [3]
        assert engine.at(4).tables("other").equals(engine.tables("other"))
        with pytest.raises(UsageError, match="event 3, a backtest, cannot be done again: its data was a DataFrame"):
            engine.at(3)


def test_damage_is_logged_with_its_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who does not ask ``engine.damage`` is told as well, when the piece is read."""
    with _engine(tmp_path) as engine:
        engine.write("cpu v=1", "home")
        engine.checkpoint()
    (piece,) = tmp_path.glob("tables/home/cpu/*.parquet")
    content = bytearray(piece.read_bytes())
    content[len(content) // 2] ^= 1
    piece.write_bytes(content)
    with _engine(tmp_path) as engine:
        assert engine.query("SELECT v FROM cpu", "home").empty
        assert (
            caplog.messages
            == list(engine.damage)
            == [f"{piece}: its checksum is wrong; its 1 rows are lost, all others are readable"]
        )


def test_a_session_under_the_wall_clock_is_durable_too(tmp_path: Path) -> None:
    """What happens by itself between two calls is in the journal with the times that it had."""
    with Engine(data_dir=tmp_path, clock="wall", wal_flush_interval="10ms") as engine:
        engine.create_database("home")
        engine.write_plugin("p.py", COUNTER)
        engine.create_trigger("t", db="home", path="p.py", spec="table:cpu", run_async=False)
        engine.write("cpu v=1", "home")
        engine.write("cpu v=2", "home", no_sync=True)
    with Engine(data_dir=tmp_path, clock="wall") as again:
        assert again.damage == ()
        assert again.query("SELECT v FROM cpu ORDER BY time", "home")["v"].tolist() == [1, 2]
        assert engine.tables("home").equals(again.tables("home"))


def test_checkpoint_of_a_session_in_memory_says_how_to_have_one(tmp_path: Path) -> None:
    """It needs a data folder."""
    with Engine() as engine, pytest.raises(UsageError, match="data_dir"):
        engine.checkpoint()
