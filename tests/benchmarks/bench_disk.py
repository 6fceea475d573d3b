"""Figures of data folders, each against a yardstick measured in the same run; medians.

Run: python tests/benchmarks/bench_disk.py [--full] [NAME ...]     --full: fifty million rows for the stream and growth
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pe_kit import Engine
from pe_kit.store import table as store_table

START = 1_767_225_600_000_000_000
OPEN = "import sys, time; from pe_kit import Engine; t = time.perf_counter(); e = Engine(data_dir=sys.argv[1]); print(time.perf_counter() - t); e.close()"


def piece(first: int, rows: int) -> pa.Table:
    """Ten series, one row a second each."""
    at = np.arange(first, first + rows)
    hosts = pa.DictionaryArray.from_arrays(pa.array((at % 10).astype(np.int32)), [f"host{n}" for n in range(10)])
    times = pa.array(START + at // 10 * 1_000_000_000).cast(pa.timestamp("ns"))
    return pa.table({"host": hosts, "time": times, "usage": at * 0.25})


def durable_write(folder: Path, full: bool) -> str:
    """One line, synced, against appending and syncing the same bytes."""
    with Engine(data_dir=folder / "d", start=START) as engine:
        engine.create_database("home")
        engine.write("cpu,host=a usage=0.5 1", "home")
        journal = engine._durable.folder.segment
        before = journal.size
        engine.write("cpu,host=a usage=0.5 1767225600000000000", "home")
        record = b"x" * (journal.size - before)
        fd = os.open(folder / "bare", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        bare, ours = [], []
        for n in range(400):  # in turns: a shared disk has good and bad moments
            began = time.perf_counter()
            os.write(fd, record)
            os.fsync(fd)
            bare.append(time.perf_counter() - began)
            line = f"cpu,host=a usage={n}.5 {START + n}"
            began = time.perf_counter()
            engine.write(line, "home")
            ours.append(time.perf_counter() - began)
        a, b = statistics.median(ours), statistics.median(bare)
    return f"one-line durable write {a * 1e6:.0f} us, bare append + fsync of {len(record)} bytes {b * 1e6:.0f} us: {a / b:.2f} x (at most 1.5)"


def stored(folder: Path) -> None:
    """A folder with ten million rows."""
    with Engine(data_dir=folder / "d", start=START) as engine:
        for first in range(0, 10_000_000, 500_000):
            engine.load(piece(first, 500_000), "home", table="cpu", tags=["host"])
        engine.checkpoint()


def last_hour(folder: Path, full: bool) -> str:
    """The last of 278 hours, asked right after opening and again, against reading the whole table for it."""
    stored(folder)
    end = "'2026-01-12T13:46:40Z'::timestamp"
    sql = f"SELECT host, avg(usage), count(*) FROM cpu WHERE time >= {end} - INTERVAL '1 hour' GROUP BY host"
    found: dict[tuple[int, str], list[float]] = {}
    for large in (10**9, store_table.LARGE_ROWS) * 4:
        store_table.LARGE_ROWS = large
        with Engine(data_dir=folder / "d") as engine:
            engine.query("SELECT 1", "home")
            for turn in ("at first", *["again"] * 5):
                began = time.perf_counter()
                engine.query(sql, "home")
                found.setdefault((large, turn), []).append(time.perf_counter() - began)
    ms = {key: statistics.median(times) * 1e3 for key, times in found.items()}
    parts = [f"{turn} {ms[large, turn]:.1f} ms, whole {ms[10**9, turn]:.1f} ms" for turn in ("at first", "again")]
    return f"an hour of 10,000,000 stored rows: {'; '.join(parts)}"


def opening(folder: Path, full: bool) -> str:
    """A folder with ten million rows, in a process of its own, imports aside."""
    stored(folder)
    times = [
        float(subprocess.run([sys.executable, "-c", OPEN, folder / "d"], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    size = sum(p.stat().st_size for p in (folder / "d").rglob("*") if p.is_file())
    return f"opening 10,000,000 rows ({size / 1e6:.0f} MB) {statistics.median(times):.2f} s (under 2)"


def stream(folder: Path, full: bool) -> str:
    """A Parquet file streamed in hourly flushes; memory, and time per flush at several sizes."""
    total = 50_000_000 if full else 5_000_000
    with pq.ParquetWriter(folder / "data.parquet", piece(0, 1).schema) as writer:
        for first in range(0, total, 500_000):
            writer.write_table(piece(first, 500_000))
    marks = [1_000_000, 10_000_000, 50_000_000] if full else [1_000_000, 5_000_000]
    spent = [time.process_time()]
    with Engine(data_dir=folder / "d", start=START) as engine:
        done = engine.backtest(
            folder / "data.parquet", "home", table="cpu", tags=["host"], flush_every="1h",
            progress=lambda rows, now, seconds: spent.append(time.process_time()),
        )  # fmt: skip
        rows = engine.tables("home")["rows"].tolist()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    files = sum(p.is_file() for p in (folder / "d").rglob("*"))
    # every fiftieth flush or so makes a checkpoint: 100 flushes, the mark in their middle where it can be
    firsts = [min(max(mark // 36_000 - 50, 0), done.flushes - 100) for mark in marks]
    means = [(spent[first + 100] - spent[first]) * 10 for first in firsts]
    per = ", ".join(f"{ms:.1f} ms at {mark:,}" for ms, mark in zip(means, marks, strict=True))
    return (
        f"{rows[0]:,} rows streamed in {done.flushes:,} flushes, {done.seconds:.0f} s; processor time a flush, checkpoints "
        f"included: {per}: {means[-1] / means[0]:.2f} x (at most 1.3); peak memory {peak:.2f} GiB (under 1.5); {files} files"
    )


BENCHES = {f.__name__: f for f in (durable_write, opening, last_hour, stream)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("names", nargs="*", default=list(BENCHES))
    given = parser.parse_args()
    for name in given.names:
        if len(given.names) > 1:  # memory is measured in a process of its own
            flags = ["--full"] if given.full else []
            subprocess.run([sys.executable, __file__, *flags, name], check=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            print(BENCHES[name](Path(folder), given.full), flush=True)


if __name__ == "__main__":
    main()
