"""How quickly the workbench answers with a long session behind it: 10,000 events, 1,000,000 rows.

Usage: python tests/benchmarks/bench_workbench.py

An answer is everything that Python does between a press and the new page: the call on the engine, the panes and the
plain copy for the saved notebook. Prints the first, the median and the worst of several presses, and the median of their
processor time, which other work on the machine touches less.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from pe_kit import Engine
from pe_kit.notebook.chart import warm_up
from pe_kit.notebook.workbench import Workbench

EVENTS, ROWS, PRESSES = 10_000, 1_000_000, 11
PLUGIN = """
def process_writes(l, batches, args=None):
    n = l.cache.get("n", 0) + 1
    l.cache.put("n", n)
    l.cache.put(f"key {n % 500}", {"n": n, "text": "x" * 200})
    l.info("seen", n)
    if n % 10 == 0:
        l.write(LineBuilder("copies").int64_field("n", n))

def process_scheduled_call(l, t, args=None):
    l.info("called", t)

def process_request(l, query, headers, body, args=None):
    return {"query": query}
"""


class Still:
    """Stands for the copy in the notebook."""

    size = 0

    def update(self, bundle: dict[str, str], raw: bool) -> None:
        self.size = len(bundle["text/html"])


def session() -> Engine:
    """A long session: a large table, then many events of every kind."""
    engine = Engine(start="2026-01-01T00:00:00Z")
    engine.create_database("db")
    times = pa.array(np.arange(ROWS) * 1_000_000_000 + 1_735_689_600_000_000_000, pa.timestamp("ns"))
    hosts = pa.DictionaryArray.from_arrays(pa.array(np.arange(ROWS) % 10, pa.int32()), [f"h{i}" for i in range(10)])
    table = pa.table({"time": times, "host": hosts, "v": np.random.default_rng(0).random(ROWS)})
    engine.load(table, "db", table="big", tags=["host"])
    engine.write_plugin("p.py", PLUGIN)
    for name, spec in (("w", "all_tables"), ("s", "every:1h"), ("r", "request:ask")):
        engine.create_trigger(name, db="db", path="p.py", spec=spec)
    while len(engine.history) < EVENTS:
        engine.write(f"m,host=a f={len(engine.history)}", "db")
        if len(engine.history) % 50 == 0:
            engine.advance("1h")
            engine.request("ask")
    return engine


def main() -> None:
    """Press everything, several times each."""
    engine = session()
    bench = Workbench(engine)
    bench._still = Still()
    sent: list[int] = []
    bench._send = lambda msg, buffers=None: sent.append(len(json.dumps(msg, default=str)))  # what goes to the browser
    rows = '["db", "big"]'
    warm_up()  # as it does by itself when the tables are looked at
    numbers = iter(range(10**6))
    presses: dict[str, Callable[[], Any]] = {
        "write": lambda: bench.do("write", lines=f"m,host=a f={next(numbers)}", database="db"),
        "call": lambda: bench.do("call", trigger='["db", "s"]', at=""),
        "request": lambda: bench.do("request", path="ask", method="POST"),
        "step": lambda: bench.do("step"),
        "pane: triggers": lambda: bench.do("pane", pane="triggers"),
        "pane: runs": lambda: bench.do("pane", pane="runs"),
        "runs, page 100": lambda: bench.do("page", id=["runs", 100]),
        "write beside the runs": lambda: bench.do("write", lines=f"m,host=a f={next(numbers)}", database="db"),
        "mark of a run": lambda: bench.do("run", id=engine.runs[-1000].id),
        "pane: logs": lambda: bench.do("logs", trigger="db.w", level="", text=""),
        "logs with a text": lambda: bench.do("logs", trigger="", level="INFO", text="999"),
        "pane: cache": lambda: bench.do("pane", pane="cache"),
        "cache: put": lambda: bench.do("put", scope='["db", "w"]', key="k", value="[1, 2]", ttl="60"),
        "pane: tables, first page": lambda: bench.do("table", table=rows, page="1"),
        "tables, a page in the middle": lambda: bench.do("page", id=["tables", 10_000]),
        "tables, the last page": lambda: bench.do("page", id=["tables", 20_000]),
        "write beside the table": lambda: bench.do("write", lines=f"big,host=h1 v={next(numbers)}", database="db"),
        "chart of 1,000,000 rows": lambda: bench.do("chart", table=rows, field="v"),
        "pane: topology": lambda: bench.do("pane", pane="topology"),
        "past: 5 events ago": lambda: bench.do("travel", n=str(engine._history.count - 5)),
        "past: the middle": lambda: bench.do("travel", n=str(EVENTS // 2 + 100)),
        "past: the beginning": lambda: bench.do("travel", n="3"),
        "past: tables": lambda: bench.do("table", table=rows, page="1"),
        "now": lambda: bench.do("now"),
        "session as Python": lambda: bench.do("session"),
    }
    print(
        f"{len(engine.history):,} events, {ROWS:,} rows, {len(engine.runs):,} runs; milliseconds and kB to the browser"
    )
    print(f"{'press':32}{'first':>8}{'median':>8}{'worst':>8}{'CPU':>8}{'kB':>8}")
    for name, press in presses.items():
        took, worked = [], []
        for _ in range(PRESSES):
            sent.clear()
            began, used = time.perf_counter(), time.process_time()
            press()
            took.append((time.perf_counter() - began) * 1e3)
            worked.append((time.process_time() - used) * 1e3)
            if "✘" in bench.status:
                sys.exit(f"{name}: {bench.status} {bench.last}")
        later = sorted(took[1:])
        said = (took[0], later[len(later) // 2], later[-1], sorted(worked[1:])[len(later) // 2], sum(sent) / 1e3)
        print(f"{name:32}{''.join(f'{figure:8.1f}' for figure in said)}")
    before = _memory()
    for number in range(100):
        bench.do("travel", n=str(100 + number * 90))
        bench.do("now")
        bench.do("write", lines=f"m,host=a f={number}", database="db")
    print(f"100 looks into the past and writes more: {before:.0f} MiB before, {_memory():.0f} MiB at the most after")
    began = time.perf_counter()
    for number in range(100):
        engine.write(f"m,host=a f={number}", "db")
    print(f"a write of another cell that is followed each time: {(time.perf_counter() - began) / 100 * 1e3:.1f} ms")
    bench.close()
    engine.close()


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
