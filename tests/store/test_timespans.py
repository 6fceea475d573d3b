"""Queries of large tables read the pieces of their times and no others, and answer as if they had read all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit import Engine
from pe_kit.errors import QueryError
from pe_kit.store import files
from pe_kit.store import table as store_table

START = "2026-01-01T00:00:00Z"
ROWS = 100
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Engine]]:
    """Ten hours in pieces of an hour, ever shorter so that they stay apart, and the same in memory, read whole."""
    folder = tmp_path_factory.mktemp("data")
    hours = [3600 * hour + 60 * np.linspace(0, 59, 60 - hour).astype(int) for hour in range(10)]
    parts = [
        pa.table({"time": pa.array(SECOND * (1_767_225_600 + at)).cast(pa.timestamp("ns")), "v": at / 60.0})
        for at in hours
    ]
    with Engine(start=START) as whole, pytest.MonkeyPatch.context() as patch:
        with Engine(data_dir=folder, start=START) as engine:
            for part in parts:
                engine.load(
                    part.append_column("host", pa.array(["a", "b"] * 30)[: len(part)]),
                    "home",
                    table="cpu",
                    tags=["host"],
                )
                engine.checkpoint()
            engine.load("mem v=1 1767247200000000000", "home")  # at 06:00
            engine.advance("10h")
            whole.load(engine.query_arrow("SELECT * FROM cpu", "home"), "home", table="cpu", tags=["host"])
        whole.load("mem v=1 1767247200000000000", "home")
        whole.advance("10h")
        patch.setattr(store_table, "LARGE_ROWS", ROWS)
        with Engine(data_dir=folder) as engine:
            yield engine, whole


def _hours(engine: Engine, sql: str, **params: object) -> set[int]:
    """Give the hours whose pieces a query reads, on an engine that has none in memory."""
    folder = engine._durable.folder  # type: ignore[union-attr]
    folder.pieces._kept.clear()
    engine.query("SELECT v FROM cpu WHERE time > '2030-01-01'", "home")
    read: list[Path] = []
    with pytest.MonkeyPatch.context() as patch:
        original = files.read
        patch.setattr(files, "read", lambda path: read.append(path) or original(path))
        engine.query(sql, "home", params=params)
    return {int(path.stem) - 1 for path in read}


@pytest.mark.parametrize(
    ("condition", "hours"),
    [
        ("time > now() - interval '1 hour'", {9}),
        ("time >= '2026-01-01T08:59:00Z'", {8, 9}),
        ("time > '2026-01-01T08:58:00Z' AND time < '2026-01-01T09:00:00Z'", {8}),
        ("'2026-01-01T01:00:00Z' > time", {0}),
        ("time <= '2026-01-01T01:00:00Z'", {0, 1}),
        ("time BETWEEN '2026-01-01T02:30:00Z' AND '2026-01-01T03:30:00Z' AND host = 'a'", {2, 3}),
        ("time = '2026-01-01T05:05:00Z' OR time < to_timestamp(1767225660)", {0, 1, 2, 3, 4, 5}),
        ("time IN ('2026-01-01T02:00:00Z', '2026-01-01T03:00:00Z', '2026-01-01T03:01:00Z', '2026-01-01T03:02:00Z')",
         {2, 3}),
        ("NOT time < '2026-01-01T09:00:00Z'", {9}),
        ("time::bigint < 1767225600000000001", {0}),
        ("time >= '2026-01-01T03:00:00Z' AND time < '2026-01-01T03:00:00Z'::timestamp + interval '1 hour'", {3}),
        ("time > $since", {9}),
        ("time > '2026-01-01T09:00:00Z' OR v = 3", set(range(10))),
        ("v > 3", set(range(10))),
        ("time < '2025-01-01'", set()),
    ],
)  # fmt: skip
def test_a_query_reads_the_pieces_of_its_times(engines: tuple[Engine, Engine], condition: str, hours: set[int]) -> None:
    sql, params = f"SELECT * FROM cpu WHERE {condition} ORDER BY time", {"since": "2026-01-01T09:00:00Z"}
    assert _hours(engines[0], sql, **params) == hours
    pruned, whole = (engine.query(sql, "home", params=params) for engine in engines)
    assert pruned.equals(whole)


@pytest.mark.parametrize(
    ("sql", "hours"),
    [
        ("WITH x AS (SELECT time, v AS w FROM cpu) SELECT max(w) FROM x WHERE time >= '2026-01-01T09:00:00Z'", {9}),
        ("SELECT avg(v) FROM cpu c WHERE c.time < '2026-01-01T01:00:00Z' GROUP BY host", {0}),
        ("SELECT v FROM cpu WHERE time < '2026-01-01T01:00:00Z' UNION ALL "
         "SELECT v FROM cpu WHERE time >= '2026-01-01T02:00:00Z' AND time < '2026-01-01T03:00:00Z'", {0, 1, 2}),
        ("SELECT a.v FROM cpu a JOIN cpu b ON a.v = b.v WHERE a.time < '2026-01-01T01:00:00Z'", set(range(10))),
        ("SELECT a.v FROM cpu a JOIN mem b ON a.time = b.time AND b.time > '2026-01-01T05:00:00Z'", {5, 6, 7, 8, 9}),
        ("SELECT date_bin_gapfill(INTERVAL '1 minute', time) AS t, avg(v) FROM cpu "
         "WHERE time >= '2026-01-01T04:00:00Z' AND time < '2026-01-01T05:00:00Z' GROUP BY 1", {4}),
        ("SELECT (SELECT max(v) FROM cpu WHERE time < '2026-01-01T01:00:00Z') AS v", {0}),
        ("SELECT n FROM (SELECT time, row_number() OVER (ORDER BY v DESC) AS n FROM cpu) "
         "WHERE time < '2026-01-01T01:00:00Z'", set(range(10))),
        ("SELECT column_name FROM information_schema.columns WHERE table_name = 'cpu'", set()),
    ],
)  # fmt: skip
def test_each_mention_of_a_table_counts(engines: tuple[Engine, Engine], sql: str, hours: set[int]) -> None:
    """Conditions reach through subqueries and names; a table that is read twice is read for both."""
    assert _hours(engines[0], sql) == hours
    pruned, whole = (engine.query(sql, "home") for engine in engines)
    columns = list(whole.columns)
    assert pruned.sort_values(columns, ignore_index=True).equals(whole.sort_values(columns, ignore_index=True))


def _moment(minute: int) -> str:
    return f"'2026-01-01T{minute // 60:02}:{minute % 60:02}:00Z'"


_moments = st.integers(0, 11 * 60).map(_moment)
_terms = (
    st.builds("time {} {}".format, st.sampled_from(["<", "<=", ">", ">=", "=", "!="]), _moments)
    | st.builds("{} {} time".format, _moments, st.sampled_from(["<", "<=", ">", ">=", "="]))
    | st.builds("time {}BETWEEN {} AND {}".format, st.sampled_from(["", "NOT "]), _moments, _moments)
    | st.builds("time {}IN ({})".format, st.sampled_from(["", "NOT "]), st.lists(_moments, min_size=1, max_size=5).map(", ".join))
    | st.sampled_from(["v < 90", "host = 'a'", "time IS NULL", "date_trunc('hour', time) = '2026-01-01T03:00:00Z'"])
)  # fmt: skip
_conditions = st.recursive(
    _terms,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner) | inner.map("NOT ({})".format)
    ),
    max_leaves=6,
)


@given(_conditions)
def test_any_condition_finds_the_rows_that_it_finds_in_the_whole_table(
    engines: tuple[Engine, Engine], condition: str
) -> None:
    sql = f"SELECT count(*) AS n, sum(v) AS v FROM cpu WHERE {condition}"
    pruned, whole = (engine.query(sql, "home") for engine in engines)
    assert pruned.equals(whole), sql


def test_what_is_written_later_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same condition again, over rows in memory, over rows that replace stored ones, over a new column."""
    monkeypatch.setattr(store_table, "LARGE_ROWS", ROWS)
    sql = "SELECT * FROM cpu WHERE time >= '2026-01-01T01:30:00Z' ORDER BY time"
    with Engine(data_dir=tmp_path, start=START) as engine:
        for numbers in (range(90), range(90, 120)):
            engine.load([f"cpu v={n} {1_767_225_600 + 60 * n}" for n in numbers], "home")
            engine.checkpoint()
        assert engine.query(sql, "home")["v"].tolist() == list(range(90, 120))
        engine.write("cpu v=-1 1767231000", "home")
        assert engine.query(sql, "home")["v"].tolist() == [-1, *range(91, 120)]
        engine.write("cpu w=7 1767232800", "home")
        assert engine.query(sql, "home")["w"].tolist()[-1] == 7


def test_a_table_that_damage_has_made_small_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_table, "LARGE_ROWS", ROWS)
    with Engine(data_dir=tmp_path, start=START) as engine:
        for numbers in (range(60), range(60, 110)):
            engine.load([f"cpu v={n} {1_767_225_600 + 60 * n}" for n in numbers], "home")
            engine.checkpoint()
    first = sorted((tmp_path / "tables").rglob("*.parquet"), key=lambda path: path.stat().st_size)[-1]
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 255
    first.write_bytes(data)
    with Engine(data_dir=tmp_path) as engine:
        assert engine.query("SELECT v FROM cpu WHERE time < '2026-01-01T00:30:00Z'", "home").empty
        assert engine.query("SELECT v FROM cpu ORDER BY time", "home")["v"].tolist() == list(range(60, 110))


@pytest.mark.parametrize("large", [0, store_table.LARGE_ROWS])
def test_a_defect_met_while_planning_is_a_query_error(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_table, "LARGE_ROWS", large)
    with Engine(start=START) as engine:
        engine.load("cpu v=1 1767225600", "home")
        with pytest.raises(QueryError, match="External error: capacity overflow") as caught:
            engine.query("SELECT range(0, 9223372036854775807) FROM cpu", "home")
        assert (caught.value.status, caught.value.stage) == (500, "planning")
