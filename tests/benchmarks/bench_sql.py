"""Figures of SQL, each against a yardstick measured in the same run; medians of five.

Run: python tests/benchmarks/bench_sql.py [--quick]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from datafusion import SessionConfig, SessionContext

from pe_kit.store.conversion import to_rows
from pe_kit.store.store import Store

NOW = 1_767_225_600_000_000_000
MINUTE = 60_000_000_000
YEAR = np.datetime64("2025-01-01", "ns").astype("int64")
REPEATS = 5


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    work()
    return statistics.median(seconds(work) for _ in range(repeats))


def versus(name: str, ours: Callable[[], Any], theirs: Callable[[], Any], target: str) -> None:
    """Measure both by turns, so that a busy moment of the machine hits both."""
    ours()
    theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(REPEATS)]
    a, b = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"{name:<82} {b / a:6.2f} x   ({a * 1e3:8.2f} ms, {b * 1e3:8.2f} ms)   {target}", flush=True)


def made(n: int, series: int = 10) -> pa.Table:
    rng = np.random.default_rng(0)
    hosts = pa.DictionaryArray.from_arrays(
        pa.array(np.arange(n) % series, pa.int32()), [f"host{i}" for i in range(series)]
    )
    return pa.table(
        {
            "host": hosts,
            "note": pa.array([f"note {i % 1000}" for i in range(n)]) if n <= 100_000 else pa.nulls(n, pa.utf8()),
            "time": pa.array(NOW - n * 1000 + np.arange(n) * 1000, pa.timestamp("ns")),
            "usage": rng.normal(50, 10, n),
            "idle": rng.normal(50, 10, n),
            "count": rng.integers(0, 1000, n),
        }
    )


def stored(table: pa.Table) -> Store:
    store = Store(lambda: NOW)
    store.load(table, "db", table="m", tags=["host"])
    return store


def rows_for_plugins(n: int) -> None:
    store = stored(made(n))
    result = store.query_arrow("SELECT * FROM m", "db")
    name = f"query of {n:,} rows x 6 columns to rows / Table.to_pylist"
    versus(name, lambda: to_rows(store.query_arrow("SELECT * FROM m", "db")), result.to_pylist, "2.5 x")


def aggregate(n: int) -> None:
    table = made(n)
    store = stored(table)
    alone = SessionContext(SessionConfig())
    alone.register_record_batches("m", [table.to_batches()])
    for sql in (
        "SELECT avg(usage), max(idle), sum(count) FROM m",
        "SELECT host, avg(usage), max(idle), sum(count) FROM m GROUP BY host",
        "SELECT date_bin(INTERVAL '1 second', time) AS t, host, avg(usage) FROM m GROUP BY 1, 2",
    ):
        versus(
            f"{n:,} rows: {sql[7:50]}... / DataFusion alone",
            lambda sql=sql: store.query_arrow(sql, "db"),
            lambda sql=sql: alone.sql(sql).collect(),
            "0.9 x",
        )


def gaps(share: float, days: int) -> None:
    """Ten series at one minute of which a share is there; pandas does per series what the query asks for."""
    rng = np.random.default_rng(0)
    minutes = days * 1440
    there = [np.flatnonzero(rng.random(minutes) < share) for _ in range(10)]
    host = np.repeat(np.arange(10), [len(t) for t in there])
    table = pa.table(
        {
            "host": pa.DictionaryArray.from_arrays(pa.array(host, pa.int32()), [f"host{i}" for i in range(10)]),
            "time": pa.array(YEAR + np.concatenate(there) * MINUTE, pa.timestamp("ns")),
            "usage": rng.normal(50, 10, len(host)),
        }
    )
    store, frame = stored(table), table.to_pandas()
    end = pd.Timestamp("2025-01-01") + pd.Timedelta(days=days)
    sql = (
        "SELECT date_bin_gapfill(INTERVAL '1 minute', time) AS t, host, locf(avg(usage)) AS usage FROM m"
        f" WHERE time >= '2025-01-01' AND time < '{end}' GROUP BY 1, 2"
    )
    every = pd.date_range("2025-01-01", end, freq="1min", inclusive="left")

    def pandas() -> pd.DataFrame:
        parts = []
        for name, part in frame.groupby("host", observed=True):
            mean = part.groupby(part["time"].dt.floor("1min"))["usage"].mean().reindex(every).ffill()
            parts.append(mean.to_frame().assign(host=name))
        return pd.concat(parts)

    def bare() -> list[pd.Series]:
        return [p.set_index("time")["usage"].reindex(every).ffill() for _, p in frame.groupby("host", observed=True)]

    name = f"gapfill, {days} days at 1 min, 10 series, {share:.0%} there"
    versus(f"{name} / pandas, the same table", lambda: store.query_arrow(sql, "db"), pandas, "3 x")
    versus(f"{name} / pandas reindex, ffill alone", lambda: store.query_arrow(sql, "db"), bare, "")
    grouped = (
        f"SELECT date_bin(INTERVAL '1 minute', time) AS t, host, avg(usage) FROM m WHERE time < '{end}' GROUP BY 1, 2"
    )
    print(f"  of which DataFusion groups: {median(lambda: store.query_arrow(grouped, 'db')) * 1e3:.1f} ms", flush=True)


def copied_bytes(n: int) -> None:
    store = stored(made(n))

    kept = pa.Table.from_batches(store._database("db").table("m").batches())
    read = store.query_arrow("SELECT * FROM m", "db")

    def buffers(column: pa.ChunkedArray) -> list[pa.Buffer]:
        return [b for chunk in column.chunks for b in chunk.buffers() if b is not None and b.size]

    copied = 0
    for name in ("time", "usage", "idle", "count"):
        ranges = [(b.address, b.address + b.size) for b in buffers(kept[name])]
        copied += sum(b.size for b in buffers(read[name]) if not any(lo <= b.address < hi for lo, hi in ranges))
    print(f"{'bytes copied from the store through DataFusion to the result':<82} {copied:6d}     {'0':>33}", flush=True)


def small(n: int) -> None:
    store = stored(made(1000))
    alone = SessionContext(SessionConfig())
    alone.register_record_batches("m", [made(1000).to_batches()])
    print("one small query on a table of 1,000 rows, median ms (DataFusion alone)")
    for sql in (
        "SELECT * FROM m LIMIT 1",
        "SELECT * FROM m WHERE host = 'host3' ORDER BY time DESC LIMIT 1",
        "SELECT host, avg(usage) FROM m WHERE time > now() - INTERVAL '1 hour' GROUP BY host",
        "SELECT host, selector_last(usage, time)['value'] AS u FROM m GROUP BY host",
        "SELECT date_bin_gapfill(INTERVAL '1 ms', time) AS t, locf(avg(usage)) AS u FROM m"
        " WHERE time > now() - INTERVAL '1 second' AND time < now() GROUP BY t",
    ):
        ours = median(lambda sql=sql: store.query_arrow(sql, "db"), n)
        plain = (
            ""
            if "selector" in sql or "gapfill" in sql
            else f"({median(lambda sql=sql: alone.sql(sql).collect(), n) * 1e3:.3f})"
        )
        print(f"  {sql[:90]:<92} {ours * 1e3:.3f} {plain}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    scale = 10 if parser.parse_args().quick else 1
    rows_for_plugins(100_000 // scale)
    aggregate(5_000_000 // scale)
    gaps(0.05, 365 // scale)
    gaps(0.9, 365 // scale)
    copied_bytes(1_000_000 // scale)
    small(200 // scale)


if __name__ == "__main__":
    main()
