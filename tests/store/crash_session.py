"""A scripted session in a data folder that is stopped at the n-th operation on the disk, and the check of what is left.

Run: python crash_session.py FOLDER MODE:N ...   prints one line of JSON for each; MODE:count prints how many operations.

Modes: kill (SIGKILL before the operation), torn (half of what is appended, then SIGKILL), full (no room on the disk from
there on), fsync (that sync and all later ones fail). The process forks, so that each session is one of its own.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pe_kit import Engine
from pe_kit.errors import StorageError
from pe_kit.store import files

START = "2026-01-01T00:00:00Z"
PLUGIN = """
def process_writes(influxdb3_local, table_batches, args=None):
    rows = sum(len(batch["rows"]) for batch in table_batches)
    seen = influxdb3_local.cache.get("seen", default={"rows": 0})
    seen["rows"] += rows
    influxdb3_local.cache.put("seen", seen)
    if rows:
        influxdb3_local.write(LineBuilder("out").tag("rows", str(rows)).int64_field("seen", seen["rows"]))
"""
BULK = "\n".join(f"cpu,host=h{n % 7} usage={n / 4} {1767225600000000000 + n * 10**9}" for n in range(300))

Step = Callable[[Engine], Any]
STEPS: list[Step] = [
    lambda e: e.create_database("home", retention_period="30d"),
    lambda e: e.write_plugin("count.py", PLUGIN),
    lambda e: e.create_trigger("count", db="home", path="count.py", spec="table:cpu"),
    lambda e: e.create_table("home", "cpu", ["host"], fields={"usage": "float64"}),
    lambda e: e.write("cpu,host=a usage=1\ncpu,host=b usage=2,idle=3i", "home"),
    lambda e: e.write("cpu,host=c usage=3", "home", no_sync=True),
    lambda e: e.advance("5s"),
    lambda e: e.create_last_cache("home", "cpu"),
    lambda e: e.checkpoint(),
    lambda e: e.write("cpu,host=a idle=9i 1767225600000000000\ncpu,host=z usage=1", "home"),
    lambda e: e.write(BULK, "home"),
    lambda e: e.checkpoint(),
    lambda e: e.disable_trigger("count", "home"),
    lambda e: e.write("cpu,host=d usage=4\nmem,host=d free=1u", "home"),
    lambda e: e.enable_trigger("count", "home"),
    lambda e: e.load("mem,host=e free=2u", "other"),
    lambda e: e.write("cpu,host=f usage=5", "home", no_sync=True),
    lambda e: e.checkpoint(),
    lambda e: e.delete_table("home", "mem"),
    lambda e: e.write("mem,host=g used=1i", "home"),
    lambda e: e.checkpoint(),
    lambda e: e.restart(),
    lambda e: e.write("cpu,host=g usage=6", "home"),
    lambda e: e.delete_trigger("count", "home", force=True),
    lambda e: e.delete_database("other"),
    lambda e: e.write("cpu,host=h usage=7", "home"),
]


def state(engine: Engine) -> dict[str, Any]:
    """Everything that a person can see and that a data folder keeps."""
    tables = {}
    for db in [d for d in engine.store.database_names() if d != "_internal"]:
        for table in engine.store.table_names(db):
            rows = engine.query_arrow(f'SELECT * FROM "{table}"', db).to_pylist()
            tables[f"{db}.{table}"] = sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
    assert engine.plugin_dir is not None
    return {
        "now": engine.now_ns,
        "tables": tables,
        "pending": engine.store.pending,
        "cache": [[r.namespace, r.trigger_name, r.key, repr(r.value)] for r in engine.cache.itertuples()],
        "triggers": [[r.trigger_name, r.state, r.trigger_specification] for r in engine.triggers.itertuples()],
        "last": engine.query_arrow("SELECT * FROM last_cache('cpu')", "home").num_columns if _has_last(engine) else 0,
    }


def _has_last(engine: Engine) -> bool:
    return "home" in engine.store.live and bool(engine.store.live["home"].last.definitions())


def expected() -> list[dict[str, Any]]:
    """The state after 0, 1, 2, ... steps of a session in memory."""
    with Engine(start=START) as engine:
        engine.checkpoint = lambda: None  # type: ignore[method-assign]
        found = [state(engine)]
        for step in STEPS:
            if step is STEPS[21]:
                engine.restart(keep_cache=True)
            else:
                step(engine)
            found.append(state(engine))
        return found


def stop_at(mode: str, number: int) -> list[int]:
    """Let the n-th operation on the disk be the last one; gives the counter."""
    counter = [0]

    def before(operation: str, path: Path, data: bytes) -> None:
        counter[0] += 1
        if counter[0] == number and mode in ("kill", "torn"):
            if mode == "torn" and data:
                with path.open("ab") as file:
                    file.write(data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        if counter[0] >= number > 0:
            if mode == "full" and operation in ("append", "create", "mkdir", "open"):
                raise OSError(errno.ENOSPC, "No space left on device")
            if mode == "fsync" and operation == "fsync":
                raise OSError(errno.EIO, "Input/output error")

    files.before = before
    return counter


def session(folder: Path, mode: str, number: int) -> None:
    """Go through the script; the file ``acked`` beside the folder says how many steps have returned."""
    counter = stop_at(mode, number)
    acked = os.open(folder.with_suffix(".acked"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        engine = Engine(data_dir=folder, start=START)
        for count, step in enumerate(STEPS, 1):
            try:
                step(engine)
            except StorageError as error:
                if "checkpoint" not in error.message:
                    os._exit(0)
            os.pwrite(acked, str(count).encode(), 0)
        engine.close()
    except StorageError:
        os._exit(0)
    if not number:
        print(json.dumps({"operations": counter[0]}), flush=True)


def check(folder: Path, states: list[dict[str, Any]]) -> str:
    """Open what was left: all that was acknowledged is there, and of the step under way all or nothing."""
    acked = int(folder.with_suffix(".acked").read_text() or 0)
    for _ in range(2):  # opening twice is opening once
        with Engine(data_dir=folder, start=START) as engine:
            found = state(engine)
            if engine.damage:
                return f"named as damaged: {engine.damage}"
        if found not in states[acked : acked + 2]:
            return f"after {acked} acknowledged steps: {_difference(states[acked], found)}"
    with Engine(data_dir=folder) as engine:
        engine.write("later,host=x on=true", "more")
        if engine.query("SELECT * FROM later", "more").shape != (1, 3):
            return "it cannot be written to"
    return "good"


def _difference(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    return "; ".join(f"{k}: {str(wanted[k])[:300]} is {str(found[k])[:300]}" for k in wanted if wanted[k] != found[k])


def forked(work: Callable[[], None]) -> None:
    """Do something in a process of its own and wait for its end."""
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:
            print(json.dumps({"verdict": traceback.format_exc()}), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)


def main() -> None:
    base = Path(sys.argv[1])
    table = base / "states.json"
    if not table.exists():
        forked(lambda: table.write_text(json.dumps(expected())) and None)
    states = json.loads(table.read_text())
    for point in sys.argv[2:]:
        mode, number = point.split(":")
        folder = base / point.replace(":", "-")
        if number == "count":
            forked(lambda folder=folder, mode=mode: session(folder, mode, 0))  # type: ignore[misc]
            continue
        forked(lambda folder=folder, mode=mode, number=number: session(folder, mode, int(number)))  # type: ignore[misc]
        forked(
            lambda folder=folder, point=point: print(
                json.dumps({"point": point, "verdict": check(folder, states)}), flush=True
            )
        )  # type: ignore[misc]
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
