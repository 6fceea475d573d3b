"""Figures of made-up data and of the test double; medians of five.

Run: python tests/benchmarks/bench_synth.py [--quick]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from pe_kit import Engine, synth
from pe_kit.testing import LocalApi, never_raises

CALM = "def process_writes(influxdb3_local, table_batches, args=None):\n    pass\n"
SCHEMA = {"home": {"tags": ["room"], "fields": {"temp": "float64", "n": "int64", "note": "utf8"}}}


def median(work: Callable[[], Any], repeats: int = 5) -> float:
    def once() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return statistics.median(once() for _ in range(repeats))


def report(name: str, seconds: float, target: str = "") -> None:
    print(f"{name:<58} {seconds * 1e3:10.2f} ms   {target}", flush=True)


def plain(points: int) -> synth.Series:
    fields = {"temp": 20 + synth.sine("1d", 3) + synth.noise(0.2), "n": synth.counter(3.0, resets=0.001)}
    return synth.series("home", fields, {"room": [f"R{i}" for i in range(100)]}, points=points // 100, seed=7)


def worn(points: int) -> synth.Series:
    return plain(points) | synth.late(0.05, "5m") | synth.duplicates(0.01) | synth.nulls(0.02)


def played(series: synth.Series, every: str) -> None:
    with Engine(start="2026-01-01") as engine:
        engine.create_database("db")
        engine.write_plugin("calm.py", CALM)
        engine.create_trigger("calm", db="db", path="calm.py", spec="all_tables")
        engine.play(series, "db", every=every, progress=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the points")
    points = 100_000 if parser.parse_args().quick else 1_000_000
    made = worn(points)
    report(
        f"{points:,} points, two fields, three imperfections", median(lambda: worn(points)), "under 1 s for 1,000,000"
    )
    report("  as Arrow", median(made.arrow))
    report("  as a frame", median(made.frame))
    report("  as line protocol", median(made.lp))
    hour = worn(36_000)
    report("an hour of 100 rooms played into a trigger, every 10 s", median(lambda: played(hour, "10s")))
    report("a LocalApi with one line in its database", median(lambda: LocalApi(lp="home temp=1 1"), 101))
    report("never_raises, 100 batches", median(lambda: never_raises(CALM, SCHEMA)))


if __name__ == "__main__":
    main()
