"""A long session in a data folder, everything at random from one seed: writes, schedules, requests, queries, faults,
restarts, a full disk, kill -9. At the end the tables must equal those that the event log makes again from nothing.

Usage: soak_mixed.py [MINUTES] [SEED] (1 minute and seed 0 unless told). Prints figures for README.md; exit status 1 when
anything differs. The work is done in a process that is killed and begun again; this one says what is to be done and
knows what was acknowledged.
"""

from __future__ import annotations

import errno
import json
import random
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from pe_kit import Engine
from pe_kit.engine.faults import FAULTS
from pe_kit.errors import PeKitError, StorageError
from pe_kit.store import disk, files

START = "2026-01-01"
PLUGINS = {
    "totals.py": """
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        for host in sorted({row["host"] for row in batch["rows"]}):
            rows = [row["v"] for row in batch["rows"] if row["host"] == host]
            before = influxdb3_local.cache.get(host, {"rows": 0, "sum": 0})
            now = {"rows": before["rows"] + len(rows), "sum": before["sum"] + sum(rows)}
            influxdb3_local.cache.put(host, now)
            line = LineBuilder("totals").tag("host", host).int64_field("rows", now["rows"]).int64_field("sum", now["sum"])
            influxdb3_local.write(line)
""",
    "minute.py": """
def process_scheduled_call(influxdb3_local, call_time, args=None):
    sql = "SELECT host, count(*) AS n, avg(v) AS v FROM load WHERE time >= now() - INTERVAL '1 minute' GROUP BY host"
    for row in influxdb3_local.query(sql):
        line = LineBuilder("minute").tag("host", row["host"]).int64_field("n", row["n"]).float64_field("v", row["v"])
        influxdb3_local.write(line)
        influxdb3_local.write_to_db("short", line)
""",
    "ask.py": """
import random
def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    asked = influxdb3_local.cache.get("asked", 0, use_global=True) + 1
    influxdb3_local.cache.put("asked", asked, use_global=True)
    influxdb3_local.cache.put("last", request_body.decode(), ttl=30)
    line = LineBuilder("asked").tag("who", request_body.decode()).int64_field("n", asked)
    influxdb3_local.write_sync(line.float64_field("luck", random.random()), no_sync=asked % 2 == 0)
    return {"asked": asked}
""",
    "shaky.py": """
import random
def process_writes(influxdb3_local, table_batches, args=None):
    if random.random() < 0.02:
        raise RuntimeError("shaken")
    if table_batches:
        influxdb3_local.write(LineBuilder("shaky").int64_field("rows", sum(len(b["rows"]) for b in table_batches)))
""",
}
TRIGGERS = [
    ("totals", "table:load", {}),
    ("minute", "every:20s", {}),
    ("ask", "request:ask", {}),
    ("shaky", "table:load", {"error_behavior": "retry"}),
]
QUERIES = [
    "SELECT host, count(*) AS n, max(n) AS last FROM load WHERE time > now() - INTERVAL '5 minutes' GROUP BY host",
    "SELECT date_bin(INTERVAL '10 seconds', time) AS t, avg(v) AS v FROM minute GROUP BY 1 ORDER BY 1 DESC LIMIT 5",
    "SELECT * FROM totals ORDER BY time DESC LIMIT 10",
]
WEIGHTS = {"write": 50, "advance": 20, "request": 12, "query": 6, "flush": 3, "fault": 2, "clear": 1, "toggle": 1,
           "checkpoint": 0.2, "bulk": 0.5, "reopen": 0.05, "full": 0.05, "kill": 0.1}  # fmt: skip


def begin(engine: Engine) -> None:
    """The databases, plugins and triggers, once."""
    engine.create_database("plant")
    engine.create_database("short", retention_period="1h")
    engine.create_table("plant", "load", ["host"], fields={"v": "int64", "n": "int64"})
    engine.create_last_cache("plant", "load")
    for name, source in PLUGINS.items():
        engine.write_plugin(name, source)
    for name, spec, more in TRIGGERS:
        engine.create_trigger(name, db="plant", path=f"{name}.py", spec=spec, **more)


def work(folder: Path) -> None:
    """The process that is killed: does what it reads, one line each, and acknowledges it."""
    disk.KEPT_BYTES = disk.KEPT_SEGMENTS = 2**62  # the whole event log is wanted at the end
    engine = Engine(data_dir=folder, start=START)
    if not engine.store.has_database("short"):
        begin(engine)

    def state() -> dict[str, Any]:
        engine.flush()
        found = engine.query("SELECT count(*) AS n, max(n) AS last FROM load", "plant").iloc[0]
        last = -1 if found["n"] == 0 else int(found["last"])
        memory = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
        return {"rows": int(found["n"]), "last": last, "damage": engine.damage, "memory": memory, "now": engine.now_ns}

    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), flush=True)

    say(state())
    for text in sys.stdin:
        what, given = json.loads(text)
        answer: dict[str, Any] = {}
        try:
            if what == "write":
                engine.write(given["lines"], "plant", no_sync=given["no_sync"], precision="ns")
            elif what == "advance":
                engine.advance(given)
            elif what == "request":
                answer["status"] = engine.request("ask", body=given).response.status  # type: ignore[union-attr]
            elif what == "query":
                engine.query(given, "plant")
            elif what == "toggle":
                running = engine.triggers.set_index("trigger_name")["disabled"].to_dict()
                (engine.enable_trigger if running[given] else engine.disable_trigger)(given, "plant")
            elif what == "inject":
                engine.inject(**given)
            elif what == "full":
                files.before = _full
                with suppress(StorageError):
                    engine.write(given, "plant", precision="ns")
                    answer["error"] = "a write was acknowledged that could not be stored"
                files.before = None
            elif what not in ("reopen", "state"):
                getattr(engine, what)()
            if what in ("reopen", "full"):
                engine.close()
                engine = Engine(data_dir=folder)
            if what in ("reopen", "full", "state"):
                answer = {**state(), **answer}
        except PeKitError as error:
            answer["refused"] = f"{type(error).__name__}: {error}"
        say({**answer, "now": engine.now_ns})
    engine.close()


def _full(operation: str, path: Path, data: bytes) -> None:
    if operation == "append":
        raise OSError(errno.ENOSPC, "No space left on device")


class Soak:
    """Says what is to be done, and knows what the tables must hold at least."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.rows = 0
        """Rows of ``load`` that were acknowledged: numbered 0, 1, 2, ..."""
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.memory: list[tuple[float, float]] = []
        self.wrong: list[str] = []
        self.now = 0
        self._open()

    def _open(self, under_way: int = 0) -> None:
        command = [sys.executable, __file__, "--work", self.folder]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._check(self._answer(), under_way)

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the working process ended by itself with status {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        self.now = answer["now"]
        return answer

    def _check(self, found: dict[str, Any], under_way: int = 0) -> None:
        """All that was acknowledged is there once; what was under way is there as a whole or not at all."""
        if found["rows"] not in (self.rows, self.rows + under_way) or found["last"] != found["rows"] - 1:
            self.wrong.append(
                f"after {sum(self.done.values())} calls: {self.rows} rows were acknowledged, found {found}"
            )
        if found["damage"]:
            self.wrong.append(f"named as damaged: {found['damage']}")
        self.rows = found["rows"]
        self.memory.append((time.monotonic(), found["memory"]))

    def _ask(self, what: str, given: Any = None) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([what, given]) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _lines(self, count: int) -> list[str]:
        draw, first = self.random, self.rows
        at = self.now - draw.randrange(0, 30 * 10**9)
        return [f"load,host=h{draw.randrange(5)} v={draw.randrange(100)}i,n={n}i {at + n - first}" for n in range(first, first + count)]  # fmt: skip

    def _fault(self) -> dict[str, Any]:
        site = self.random.choice([site for site in FAULTS if site != "http"])
        fault = self.random.choice([f for f in FAULTS[site] if f != "disable"])
        when = self.random.choice([None, {"nth": 3}, {"chance": 0.3}, {"trigger": "totals"}])
        return {"site": site, "fault": fault, "when": when, "times": self.random.randrange(1, 4)}

    def once(self) -> None:
        """One call."""
        draw = self.random
        (what,) = draw.choices(list(WEIGHTS), list(WEIGHTS.values()))
        self.done[what] += 1
        if what == "kill":
            self._kill()
            return
        if what in ("write", "bulk"):
            lines = self._lines(draw.randrange(1, 20) if what == "write" else 5_000)
            answer = self._ask("write", {"lines": lines, "no_sync": draw.random() < 0.3})
            self.rows += 0 if "refused" in answer else len(lines)
        elif what in ("reopen", "full"):
            answer = self._ask(what, self._lines(3))
            if "refused" not in answer:
                self._check(answer)
        else:
            given = {
                "advance": lambda: f"{draw.choice([100, 900, 5_000, 45_000])}ms",
                "request": lambda: draw.choice("abc"),
                "query": lambda: draw.choice(QUERIES),
                "fault": self._fault,
                "toggle": lambda: draw.choice(TRIGGERS)[0],
            }.get(what, lambda: None)()
            answer = self._ask({"fault": "inject", "clear": "clear_faults"}.get(what, what), given)
        if "refused" in answer:
            self.refused[answer["refused"][:90]] += 1
        if "error" in answer:
            self.wrong.append(answer["error"])

    def _kill(self) -> None:
        """Kill -9 some time into a write, an advance or a checkpoint."""
        what = self.random.choice(["write", "write", "advance", "checkpoint"])
        lines = self._lines(self.random.choice([1, 10, 2_000]))
        given = {"write": {"lines": lines, "no_sync": False}, "advance": "10m", "checkpoint": None}[what]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([what, given]) + "\n")
        self.process.stdin.flush()
        select.select([self.process.stdout], [], [], self.random.random() ** 2 * 0.05)
        self.process.kill()
        answered = bool(self.process.stdout.read())
        self.process.wait()
        under_way = len(lines) if what == "write" else 0
        if answered:
            self.rows, under_way = self.rows + under_way, 0
        self._open(under_way)

    def close(self) -> None:
        """Look once more and end the working process in peace."""
        self._check(self._ask("state"))
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def tables(engine: Engine) -> Iterator[tuple[str, Any]]:
    """All rows of all tables, in one order."""
    for db in ("plant", "short"):
        for name in engine.store.table_names(db):
            key = ", ".join(["time", *(f'"{tag}"' for tag in engine.store.table(db, name).series_key)])
            found = engine.query_arrow(f'SELECT * FROM "{name}" ORDER BY {key}', db)
            texts = [f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in found.schema]
            yield f"{db}.{name}", found.cast(pa.schema(texts)).combine_chunks()


def again(folder: Path) -> tuple[list[str], int]:
    """What is wrong with the tables beside those that the event log makes, and how many rows they have."""
    with Engine(data_dir=folder) as engine:
        numbers = engine.query_arrow("SELECT n FROM load", "plant")["n"]
        wrong = [] if len(numbers.unique()) == len(numbers) else ["a row of load is there twice"]
        with engine.replay(plugin={}).engine as twin:
            ours, theirs = dict(tables(engine)), dict(tables(twin))
    wrong += [f"{name}: {len(ours[name])} rows, again {len(theirs.get(name, ()))}" for name in ours
              if name not in theirs or not ours[name].equals(theirs[name])]  # fmt: skip
    return wrong, sum(map(len, ours.values()))


def main(minutes: float, seed: int) -> int:
    with tempfile.TemporaryDirectory() as base:
        soak = Soak(Path(base, "d"), seed)
        began = time.monotonic()
        while time.monotonic() - began < minutes * 60 and not soak.wrong:
            soak.once()
        soak.close()
        seconds, calls = time.monotonic() - began, sum(soak.done.values())
        wrong, rows = again(Path(base, "d"))
        size = sum(p.stat().st_size for p in Path(base, "d").rglob("*") if p.is_file()) / 2**20
    print(f"seed {seed}: {calls:,} calls in {seconds / 60:.1f} minutes, {calls / seconds:.0f}/s: {dict(soak.done)}")
    print(f"refused: {dict(soak.refused)}")
    print(
        f"{rows:,} rows in the end, folder {size:.0f} MiB; made again from the event log in {time.monotonic() - began - seconds:.0f} s"
    )
    quarter = [
        [m for t, m in soak.memory if began + seconds * q / 4 <= t < began + seconds * (q + 1) / 4] for q in range(4)
    ]
    print(
        f"memory by quarter: {[round(statistics.median(q)) for q in quarter if q]} MiB, at most {max(m for _, m in soak.memory):.0f}"
    )
    for text in soak.wrong + wrong:
        print("WRONG:", text)
    return bool(soak.wrong + wrong)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(Path(sys.argv[2]))
    else:
        numbers = [float(word) for word in sys.argv[1:]]
        sys.exit(main(numbers[0] if numbers else 1.0, int(numbers[1]) if len(numbers) > 1 else 0))
