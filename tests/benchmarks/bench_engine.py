"""What the engine costs: from a write to the plugin's first statement, a virtual year, and each layer around a call.

Run: python tests/benchmarks/bench_engine.py [DAYS]   (365 for the whole virtual year; 30 if not given)
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from pe_kit import Engine, Limits
from pe_kit.engine.call import Call
from pe_kit.engine.work import Work

_now = time.perf_counter
first_statement: list[float] = []
PLUGIN = """
import bench_engine_mark
bench_engine_mark.mark()
def process_writes(influxdb3_local, table_batches, args=None): pass
def process_scheduled_call(influxdb3_local, call_time, args=None): pass
def process_request(influxdb3_local, query_params, headers, body, args=None): return "ok"
"""
TRIVIAL = "def process_scheduled_call(influxdb3_local, call_time, args=None): pass\n"


class Mark:
    """A module that plugins import: it notes the real time of their first statement."""

    @staticmethod
    def mark() -> None:
        first_statement.append(_now())


def made(plugin: str, spec: str, limits: Limits | None = None) -> Engine:
    engine = Engine(start="2026-01-01T00:00:00Z", limits=limits)
    engine.create_database("db")
    engine.write_plugin("p.py", plugin)
    engine.create_trigger("t", db="db", path="p.py", spec=spec)
    return engine


def latency(name: str, fire: Callable[[int], object]) -> None:
    seconds = []
    for i in range(5000):
        start = _now()
        fire(i)
        seconds.append(first_statement.pop() - start)
    times = sorted(seconds[500:])
    p50, p99 = times[len(times) // 2] * 1e6, times[int(len(times) * 0.99)] * 1e6
    print(f"  {name}: p50 {p50:.0f} µs, p99 {p99:.0f} µs")


def resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def per_call(limits: Limits | None, patched: bool) -> float:
    """Microseconds a scheduled call of a trivial plugin, the median of five runs."""
    with made(TRIVIAL, "every:1m", limits) as engine:
        if not patched:
            engine._runtime.around = lambda call, body: body()
        engine.advance("6h")
        figures = []
        for _ in range(5):
            start = _now()
            engine.advance("2d")
            figures.append((_now() - start) / 2880 * 1e6)
    return statistics.median(figures)


def around(*limits: Limits | None) -> list[float]:
    """Microseconds that what is around a call costs under each limits: an empty function in it, the least of forty runs.

    They take turns, so that what else goes on meets all of them.
    """
    engines = [made(TRIVIAL, "every:1d", limit) for limit in limits]
    calls, figures = [], [9e9] * len(limits)
    for engine in engines:
        engine.call("t", "db")
        work = Work(next(iter(engine._runtime.triggers)), engine.history[-1], 0, call_time_ns=0)
        calls.append((engine._runtime.around, Call(engine._runtime, work, 1)))
    for _ in range(40):
        for number, (put, call) in enumerate(calls):
            start = _now()
            for _ in range(2000):
                put(call, _nothing)
            figures[number] = min(figures[number], (_now() - start) / 2000 * 1e6)
    for engine in engines:
        engine.close()
    return figures


def _nothing() -> None:
    pass


def history() -> float:
    """Microseconds that recording costs an event, checkpoints included."""
    with made(TRIVIAL, "every:1d") as engine:
        log, seconds = engine._history, 0.0
        for i in range(3000):
            start = _now()
            log.record("flush", i, None, {})
            log.after_event()
            seconds += _now() - start
    return seconds / 3000 * 1e6


CAREFUL = """
def process_writes(influxdb3_local, table_batches, args=None):
    if not table_batches:
        return
    n = influxdb3_local.cache.get("n", 0) + 1
    influxdb3_local.cache.put("n", n, ttl=3600)
    total = influxdb3_local.query("SELECT count(*) AS c FROM m")[0]["c"]
    influxdb3_local.write(LineBuilder("out").int64_field("n", n).int64_field("total", total))
"""


def fault_sweep(events: int = 20) -> tuple[int, float]:
    """Runs of a sweep over all single faults of some writes, and its seconds."""

    def scenario(engine: Engine) -> None:
        for i in range(events):
            engine.write(f"m f={i} {i}", "db", precision="ns")

    with made(CAREFUL, "table:m") as engine:
        start = _now()
        return len(engine.sweep_faults(scenario)), _now() - start


def started(code: str) -> float:
    def once() -> float:
        start = _now()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        return _now() - start

    return min(once() for _ in range(5))


def main() -> None:
    sys.modules["bench_engine_mark"] = Mark  # type: ignore[assignment]
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print("from the call to the plugin's first statement:")
    with made(PLUGIN, "all_tables") as engine:
        latency("engine.write of one line", lambda i: engine.write(f"m,host=a f={i} {i}", "db", precision="ns"))
    with made(PLUGIN, "request:ask") as engine:
        latency("engine.request", lambda _: engine.request("ask"))
    bare, clock = per_call(None, False), per_call(None, True)
    print(f"a call of a trivial plugin: bare {bare:.1f} µs, with its own clock {clock:.1f} µs")
    some = (
        Limits(run_time=30),
        Limits(run_time=30, cpu_time=30),
        Limits(run_time=30, memory="2GiB"),
        Limits(30, 30, "2GiB"),
    )
    none, *limited = around(None, *some)
    print(f"  around it: its own clock {none:.1f} µs", end="")
    for limits, figure in zip(some, limited, strict=True):
        names = ", ".join(n for n in ("run_time", "cpu_time", "memory") if getattr(limits, n) is not None)
        print(f"; {names} {figure - none:.1f} µs more ({(figure - none) / clock:.0%} of the call)", end="")
    print()
    print(f"history: {history():.1f} µs an event")
    runs, seconds = fault_sweep()
    print(f"a sweep over every single fault of twenty writes: {runs} runs in {seconds:.1f} s")
    with made(TRIVIAL, "every:1m") as engine:
        marks, start = [], _now()
        for _ in range(4):
            engine.advance(days * 86_400 / 4)
            marks.append(round(resident()))
        seconds = _now() - start
    print(f"{days} days of every:1m, {days * 1440:,} calls: {seconds:.1f} s, a year {seconds / days * 365:.0f} s; "
          f"resident MiB by quarter {marks}")  # fmt: skip
    print(f"import pe_kit: {started('import pe_kit') - started('pass'):.2f} s")
    load = "from IPython.testing.globalipapp import start_ipython as s; i = s(); i.run_line_magic('load_ext', 'pe_kit')"
    without = "from IPython.testing.globalipapp import start_ipython as s; s()"
    print(f"%load_ext pe_kit: {started(load) - started(without):.2f} s")


if __name__ == "__main__":
    main()
