"""Figures of fixtures: freezing, replaying a thousand, shrinking 2,000 lines to the three that matter.

Run: python tests/benchmarks/bench_fixtures.py [--quick]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dask.distributed import LocalCluster

from pe_kit import Engine
from pe_kit.fixtures import load
from pe_kit.fixtures.freeze import record
from pe_kit.fixtures.playing import Sources
from pe_kit.fixtures.shrink import keeper, shrink

ALARM = """
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for row in batch["rows"]:
            hot = (influxdb3_local.cache.get("hot") or []) + [row["host"]] * (row["v"] > 99)
            influxdb3_local.cache.put("hot", hot)
            if len(hot) == 3:
                influxdb3_local.write(LineBuilder("alert").tag("host", row["host"]).int64_field("n", len(hot)))
"""
WORSE = ALARM.replace("len(hot)))", "len(hot) + 1))")


def timed(name: str, work: Callable[[], Any], target: str = "") -> Any:
    began = time.perf_counter()
    value = work()
    print(f"{name:<58} {time.perf_counter() - began:10.2f} s    {target}", flush=True)
    return value


def session(lines: int, writes: int) -> Engine:
    engine = Engine(start="2026-01-01")
    engine.create_database("db")
    engine.create_table("db", "cpu", ["host", "region"], fields={"v": "float64", "n": "int64", "s": "utf8"})
    engine.write_plugin("alarm.py", ALARM)
    engine.create_trigger("alarm", db="db", path="alarm.py", spec="table:cpu")
    hot = {lines // 7, lines // 2, lines - lines // 20}
    made = [
        f'cpu,host=h{n % 17},region=eu-{n % 3} v={150.25 if n in hot else n % 90},n={n}i,s="text {n}" {1767225600 + n}'
        for n in range(lines)
    ]
    for part in range(writes):
        engine.write(made[part::writes], "db", precision="s")
    return engine


def smallest(engine: Engine) -> int:
    fixture = record(engine, "long")
    live = Sources({"alarm.py": WORSE.encode()}, frozenset({"alarm.py"}))
    return shrink(fixture, live, keeper(fixture, live, None)).lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    share = 10 if parser.parse_args().quick else 1
    with tempfile.TemporaryDirectory() as folder, session(200, 10) as engine:
        one = timed("freezing 10 writes of 20 lines", lambda: engine.freeze("one", to=folder))
        engine.write_plugin("alarm.py", ALARM.replace("[row", "[*{'a'} & {'b'}, row"))
        timed("the same with a set, in other processes too", lambda: engine.freeze("sets", last=1, to=f"{folder}/sets"))
        shutil.rmtree(Path(folder, "sets"))
        for n in range(1000 // share):
            shutil.copytree(one, Path(folder, f"f{n}"))
        paths = [Path(folder, f"f{n}") for n in range(1000 // share)]
        timed(
            f"replaying {len(paths)} of them, one process", lambda: [load(p).replay().ok for p in paths], "under 60 s"
        )

        def check(*how: str) -> None:
            command = [Path(sys.executable).with_name("pe-kit"), "fixtures", "check", folder, *how]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)

        timed("the same, pe-kit fixtures check --workers 2", lambda: check("--workers", "2"), "under 60 s")
        with LocalCluster(n_workers=2, threads_per_worker=1, host="tcp://127.0.0.1", dashboard_address=None) as cluster:
            timed("the same, --dask with two workers", lambda: check("--dask", cluster.scheduler_address))
    for writes in (1, 2000 // share):
        with session(2000 // share, writes) as engine:
            left = timed(f"shrinking {2000 // share} lines in {writes} writes", lambda: smallest(engine), "under 60 s")
            assert left <= 5


if __name__ == "__main__":
    main()
