"""What is stored and how it is read back (core/iox_query/src/provider/deduplicate/algo.rs, influxdb3_wal/src/lib.rs)."""

from __future__ import annotations

from collections.abc import Callable

from pe_kit import Engine

Plug = Callable[..., None]


def test_a_missing_value_is_absent_in_a_batch_and_none_in_a_query(engine: Engine, plug: Plug):
    plug(
        "influxdb3_local.info(table_batches[0]['rows'])\ninfluxdb3_local.info(influxdb3_local.query('SELECT * FROM m'))",
        "table:m",
    )
    outcome = engine.write("m,t=a f=1 1\nm g=2 2", "db", precision="ns")
    assert outcome.logs.log_text.tolist()[1:3] == [
        "[{'t': 'a', 'f': 1.0, 'time': 1}, {'g': 2.0, 'time': 2}]",
        "[{'f': 1.0, 'g': None, 't': 'a', 'time': 1}, {'f': None, 'g': 2.0, 't': None, 'time': 2}]",
    ]


def test_points_merge_field_by_field_before_filters(engine: Engine):
    lines = [
        "m,t=a a=10,b=11 1",
        "m,t=a a=12 1",  # b stays
        "m a=13 1",  # no tag is another series
        "m b=14 1",
    ]
    for line in lines:
        engine.write(line, "db", precision="ns")
    assert engine.query("SELECT a, b FROM m ORDER BY a", "db").values.tolist() == [[12.0, 11.0], [13.0, 14.0]]
    assert engine.query("SELECT b FROM m WHERE a = 10", "db").empty


def test_chunks_are_cut_toward_zero(engine: Engine, plug: Plug):
    plug("influxdb3_local.info([r['time'] for r in table_batches[0]['rows']])", "table:m")
    ten_minutes = 600 * 10**9
    times = [-1, ten_minutes, 1, -ten_minutes]
    outcome = engine.write("\n".join(f"m f=1 {t}" for t in times), "db", precision="ns")
    assert outcome.logs.log_text[1] == str([-1, 1, ten_minutes, -ten_minutes])


def test_rows_past_the_retention_period_are_invisible(engine: Engine):
    engine.create_database("short", retention_period="1h")
    now = engine.now_ns
    engine.write(f"m f=1 {now}\nm f=2 {now - 3601 * 10**9}", "short", precision="ns")
    assert engine.query("SELECT f FROM m", "short").f.tolist() == [1.0]
    engine.advance("1h 1s")
    assert engine.query("SELECT f FROM m", "short").empty
