"""Figures of the store, each against a yardstick measured in the same run; medians of five.

Run: python tests/benchmarks/bench_store.py [--quick] [NAME ...]
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from pe_kit.store.store import Store

NOW = 1_767_225_600_000_000_000
REPEATS = 5
SCALE = 1.0


def rows(n: int) -> int:
    return max(1000, int(n * SCALE))


def seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median(work: Callable[[], Any]) -> float:
    return statistics.median(seconds(work) for _ in range(REPEATS))


def report(name: str, figure: str, target: str) -> None:
    print(f"{name:<58} {figure:<46} {target}", flush=True)


def versus(name: str, ours: float, theirs: float, target: str, unit: str) -> None:
    report(name, f"{theirs / ours:5.2f} x   ({ours * 1e3:.0f} ms, {unit} {theirs * 1e3:.0f} ms)", target)


def lines_of_one_shape(n: int) -> list[str]:
    return [
        f"cpu,host=host{i % 500},region=eu-{i % 7} usage={i % 97}.25,n={i}i,up={'t' if i % 3 else 'f'} {NOW + i * 1000}"
        for i in range(n)
    ]


def lines_of_fifty_shapes(n: int) -> list[str]:
    return [f"m{i % 50},host=host{i % 500},region=eu f{i % 50}={i % 97}.25,n={i}i {NOW + i * 1000}" for i in range(n)]


def lines_with_oddities(n: int) -> list[str]:
    lines = lines_of_one_shape(n)
    odd = [
        'cpu,host=odd\\ one,region=eu\\,de note="a, \\"quoted\\" b" {t}',
        "cpu,host=host1,region=eu usage=1.5",
        'cpu,host=host2,region=eu note="with, comma",n={t}i {t}',
    ]
    for i in range(0, n, 20):
        lines[i] = odd[i // 20 % 3].replace("{t}", str(NOW + i))
    return lines


def text_into_tables(make: Callable[[int], list[str]], n: int) -> tuple[float, float]:
    from line_protocol_parser import parse_line

    lines = make(rows(n))
    text = "\n".join(lines)

    def ours() -> None:
        store = Store(lambda: NOW)
        store.write(text, "db", "ns")
        store.flush()
        for name in store.table_names("db"):
            store.table("db", name).batches()

    def theirs() -> None:
        for line in lines:
            parse_line(line)

    return median(ours), median(theirs)


def bench_text() -> None:
    for name, make, n, target in (
        ("text into tables, 1,000,000 lines of one shape", lines_of_one_shape, 1_000_000, ">= 4 x"),
        ("text into tables, 1,000,000 lines, 50 shapes", lines_of_fifty_shapes, 1_000_000, ">= 2 x"),
        ("text into tables, 200,000 lines, 5% odd", lines_with_oddities, 200_000, ">= 1 x"),
    ):
        ours, theirs = text_into_tables(make, n)
        versus(name, ours, theirs, target, "parse_line")


def table(n: int, series: int = 100, time_step: int = 1) -> pa.Table:
    """A table of 2 tags, 2 floats and a time, in time order."""
    number = np.arange(n)
    hosts = pa.DictionaryArray.from_arrays(
        pa.array((number % series).astype(np.int32)), pa.array([f"host{i}" for i in range(series)])
    )
    regions = pa.DictionaryArray.from_arrays(
        pa.array((number % 4).astype(np.int32)), pa.array(["eu", "us", "asia", "africa"])
    )
    times = pa.array(NOW + number // series * time_step).view(pa.timestamp("ns"))
    values = np.random.default_rng(0)
    return pa.table(
        {
            "host": hosts,
            "region": regions,
            "usage": pa.array(values.random(n)),
            "load": pa.array(values.random(n)),
            "time": times,
        }
    )


TAGS = ["host", "region"]


def bench_dicts() -> None:
    n = rows(1_000_000)
    data = table(n).append_column("n", pa.array(np.arange(n)))
    store = Store(lambda: NOW)
    store.write(data, "db", "ns", table="m", tags=TAGS)
    (batch,) = store.flush()
    lists = [c.cast(pa.int64()).to_pylist() if pa.types.is_timestamp(c.type) else c.to_pylist() for c in data.columns]
    names = data.column_names
    theirs = median(lambda: [dict(zip(names, values)) for values in zip(*lists)])  # noqa: B905
    versus("table batches, 1,000,000 rows x 6 as dicts", median(batch.table_batches), theirs, ">= 0.5 x", "bare dicts")


AGGREGATE = "SELECT host, avg(usage) AS a, max(load) AS b, count(*) AS n FROM m GROUP BY host"


def bench_aggregate() -> None:
    from datafusion import SessionContext

    n = rows(5_000_000)
    data = table(n)
    context = SessionContext()
    context.register_record_batches("m", [data.to_batches(max_chunksize=262_144)])
    theirs = median(lambda: context.sql(AGGREGATE).to_arrow_table())
    for name, share, target in (("no duplicates", 0.0, ">= 0.9 x"), ("1% duplicates", 0.01, ">= 0.5 x")):
        store = Store(lambda: NOW)
        if share:
            picked = np.sort(np.random.default_rng(1).choice(n, int(n * share), replace=False))
            places = np.sort(np.concatenate((np.arange(n), picked)))
            store.write(data.take(pa.array(places)), "db", "ns", table="m", tags=TAGS)
        else:
            store.write(data, "db", "ns", table="m", tags=TAGS)
        store.flush()
        first = seconds(lambda s=store: s.query_arrow(AGGREGATE, "db"))
        ours = median(lambda s=store: s.query_arrow(AGGREGATE, "db"))
        versus(f"aggregate over 5,000,000 rows, {name}", ours, theirs, target, "DataFusion alone")
        report("  its first query, which looks for duplicates", f"{first * 1e3:.0f} ms", "")


def bench_pairs() -> None:
    n = rows(10_000)
    for name, line in (("own times", "m,host=h{i} f={i} {i}"), ("one time, own tags", "m,host=h{i} f={i} 1")):
        store = Store(lambda: NOW)
        spent = []
        for i in range(n):
            text = line.replace("{i}", str(i))
            began = time.perf_counter()
            store.write(text, "db", "ns")
            store.flush()
            store.query_arrow("SELECT * FROM m LIMIT 1", "db")
            spent.append(time.perf_counter() - began)
        start, end = (statistics.median(part) for part in (spent[n // 100 : n // 10], spent[-n // 10 :]))
        report(
            f"10,000 writes, each followed by a query ({name})",
            f"{end / start:5.2f} x   ({start * 1e6:.0f} us -> {end * 1e6:.0f} us)",
            "<= 2 x",
        )


def bench_small() -> None:
    n = rows(20_000)
    store = Store(lambda: NOW)
    lines = [f"m,host=h{i % 10},region=eu temp={i}.5,hum={i}i {NOW + i}" for i in range(n)]

    def work() -> None:
        for line in lines:
            store.write(line, "db", "ns")
            store.flush()

    report("one line written and flushed", f"{median(work) / n * 1e6:.1f} us", "<= 60 us")


def bench_growth() -> None:
    spent = []
    line = f"m,host=h1,region=eu usage=1 {NOW + 10**15}"
    store = Store(lambda: NOW)
    for total in (1, rows(1_000_000), rows(10_000_000), rows(50_000_000)):
        while store.tables_frame("db")["rows"].sum() < total if store.has_database("db") else True:
            have = int(store.tables_frame("db")["rows"].sum()) if store.has_database("db") else 0
            part = table(min(total - have, rows(5_000_000)))
            moved = part.set_column(
                4, "time", pa.array(part["time"].cast(pa.int64()).to_numpy() + have).view(pa.timestamp("ns"))
            )
            store.load(moved, "db", "ns", table="m", tags=TAGS)
        for _ in range(200):
            store.write(line, "db", "ns")
            spent_now = seconds_of(store)
            spent.append((total, spent_now))
    figures = [f"{statistics.median(s for t, s in spent if t == total) * 1e6:.1f}" for total in dict(spent)]
    report("a flush with 1, 1M, 10M, 50M rows stored", " / ".join(figures) + " us", "flat")


def seconds_of(store: Store) -> float:
    began = time.perf_counter()
    store.flush()
    return time.perf_counter() - began


def bench_memory() -> None:
    n = rows(10_000_000)
    gc.collect()
    pool = pa.default_memory_pool()
    warm = Store(lambda: NOW)
    warm.write(table(1000), "db", "ns", table="m", tags=TAGS)
    warm.flush()
    warm.query_arrow("SELECT count(*) FROM m", "db")  # what is imported and made once does not count
    before = resident()
    data = table(n)
    size = data.nbytes
    after_data = resident()
    reset_peak()
    store = Store(lambda: NOW)
    store.write(data, "db", "ns", table="m", tags=TAGS)
    del data
    store.flush()
    store.query_arrow("SELECT count(*) FROM m", "db")
    gc.collect()
    pool.release_unused()
    peak, now = peak_resident(), resident()
    report("10,000,000 rows x 5 as Arrow: memory after, per Arrow byte", f"{(now - before) / size:.2f} x", "<= 1.3 x")
    report(
        "  peak, per Arrow byte",
        f"{(peak - before) / size:.2f} x   (the data alone {(after_data - before) / size:.2f} x)",
        "<= 2.5 x",
    )


def _status(key: str) -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key))


def resident() -> int:
    return _status("VmRSS:")


def peak_resident() -> int:
    return _status("VmHWM:")


def reset_peak() -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as refs:
        refs.write("5")


BENCHES = {
    "memory": bench_memory,
    "text": bench_text,
    "dicts": bench_dicts,
    "aggregate": bench_aggregate,
    "pairs": bench_pairs,
    "small": bench_small,
    "growth": bench_growth,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], help="which to run; all without")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the data")
    options = parser.parse_args()
    global SCALE
    SCALE = 0.05 if options.quick else 1.0
    for name in options.names or BENCHES:
        BENCHES[name]()


if __name__ == "__main__":
    main()
