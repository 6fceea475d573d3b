"""A year of minutes through a plugin, beside a bare loop; sweeps on one and two processes.

Run: python tests/benchmarks/bench_backtest.py [DAYS]   (365 for the whole year; a fifth of it is 73; 0 for the sweeps alone)
"""

from __future__ import annotations

import resource
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pyarrow as pa
from dask.distributed import Client, LocalCluster

from pe_kit import Engine
from pe_kit.backtest import sweep

SERIES = 10
THRESHOLD = """
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        if batch["table_name"] != "m":
            continue
        for row in batch["rows"]:
            if row["a"] > 25:
                n = influxdb3_local.cache.get("n", 0) + 1
                influxdb3_local.cache.put("n", n)
                line = LineBuilder("alert").tag("host", row["host"]).float64_field("a", row["a"])
                influxdb3_local.write(line.time_ns(row["time"]))
"""
HOURLY = """
def process_scheduled_call(influxdb3_local, call_time, args=None):
    sql = "SELECT host, avg(a) AS a FROM m WHERE time >= now() - interval '1 hour' GROUP BY host"
    for row in influxdb3_local.query(sql):
        influxdb3_local.write(LineBuilder("hourly").tag("host", row["host"]).float64_field("a", row["a"]))
"""


def data(days: int) -> pa.Table:
    minutes = days * 1440
    times = np.repeat(np.arange(minutes) * 60_000_000_000 + 1_767_225_600_000_000_000, SERIES)
    hosts = pa.array(np.tile([f"h{i}" for i in range(SERIES)], minutes)).dictionary_encode()
    values = np.random.default_rng(0).normal(size=minutes * SERIES) * 10
    return pa.table({"host": hosts, "a": values, "time": pa.array(times).cast(pa.timestamp("ns"))})


def resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def through_plugins(table: pa.Table, hourly: bool) -> float:
    marks: list[float] = []
    total = table.num_rows

    def watch(rows: int, now_ns: int, seconds: float) -> None:
        if rows * 4 >= total * (len(marks) + 1):
            marks.append(resident())

    with Engine(start="2026-01-01") as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", THRESHOLD)
        engine.create_trigger("t", db="db", path="t.py", spec="all_tables")
        if hourly:
            engine.write_plugin("h.py", HOURLY)
            engine.create_trigger("h", db="db", path="h.py", spec="every:1h")
        start = time.perf_counter()
        done = engine.backtest(table, "db", table="m", tags=["host"], progress=watch)
        seconds = time.perf_counter() - start
    print(f"  {done.rows:,} rows, {done.flushes:,} flushes, {'with' if hourly else 'without'} downsampler: {seconds:.1f} s; "
          f"resident MiB by quarter, stored rows included: {[round(m) for m in marks]}")  # fmt: skip
    return seconds


class Stub:
    """The least that lets the plugin run: a dict for a cache, writes dropped."""

    class Cache(dict):  # type: ignore[type-arg]
        put = dict.__setitem__

    def __init__(self) -> None:
        self.cache = self.Cache()

    def write(self, line: object) -> None:
        pass


def bare(table: pa.Table) -> float:
    import builtins

    from pe_kit import LineBuilder

    builtins.LineBuilder = LineBuilder  # type: ignore[attr-defined]
    code = compile(THRESHOLD, "<string>", "exec")
    stub, start = Stub(), time.perf_counter()
    for at in range(0, table.num_rows, SERIES):
        rows = table.slice(at, SERIES).to_pylist()
        space: dict[str, object] = {}
        exec(code, space)
        space["process_writes"](stub, [{"table_name": "m", "rows": rows}], None)  # type: ignore[operator]
    return time.perf_counter() - start


def trial(limit: float) -> int:
    with Engine(start="2026-01-01") as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", THRESHOLD.replace("25", str(limit)))
        engine.create_trigger("t", db="db", path="t.py", spec="all_tables")
        return engine.backtest(data(2), "db", table="m", tags=["host"], progress=False).flushes


def nothing(limit: float) -> float:
    return limit


def sweeps() -> None:
    """One process, two, two workers of a Dask cluster over TCP; and what a setting costs beside its own work."""
    grid, seconds, each = {"limit": [20 + i / 10 for i in range(64)]}, {}, {}

    def run(name: str, pool: Executor) -> None:
        sweep(trial, {"limit": [1.0] * 8}, pool)  # the workers are up
        start = time.perf_counter()
        sweep(trial, grid, pool)
        seconds[name] = time.perf_counter() - start
        start = time.perf_counter()
        sweep(nothing, {"limit": range(500)}, pool)
        each[name] = (time.perf_counter() - start) / 500 * 1e3

    for workers in (1, 2):
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            run(f"{workers} processes", pool)
    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "host": "tcp://127.0.0.1"}
    with LocalCluster(**options, dashboard_address=None) as cluster, Client(cluster) as client:
        run("2 Dask workers", client.get_executor())
    for name in seconds:
        times = seconds["1 processes"] / seconds[name]
        print(
            f"  sweep of 64 settings on {name}: {seconds[name]:.1f} s, {times:.2f} x; {each[name]:.1f} ms a setting of no work"
        )


def main() -> None:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 73
    if not days:
        sweeps()
        return
    table = data(days)
    print(f"{days} days at 1 minute, {SERIES} series:")
    through_plugins(table, hourly=True)
    alone, loop = through_plugins(table, hourly=False), bare(table)
    print(f"  bare loop {loop:.1f} s: the engine takes {alone / loop:.2f} x")
    sweeps()


if __name__ == "__main__":
    main()
