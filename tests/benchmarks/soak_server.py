"""Load on loopback: writers, readers and three triggers against ``pe-kit serve``; SIGTERM in the middle of it; and
one-line writes beside a bare echo.

Usage: soak_server.py [SECONDS] (60 unless told). Prints figures for README.md; exit status 1 when a line was lost or a
request failed.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from pe_kit import Engine

WRITERS, READERS = 20, 20
COUNTS = """
def process_writes(api, batches, args):
    for batch in batches:
        if batch["table_name"] == "load":
            api.write(LineBuilder("seen").int64_field("rows", len(batch["rows"])))
"""
SCHEDULE = """
def process_scheduled_call(api, time, args):
    api.cache.put("last", api.query("SELECT count(*) AS n FROM load WHERE time > now() - INTERVAL '5 seconds'")[0]["n"])
"""
REQUEST = "def process_request(api, query, headers, body, args): return {'length': len(body)}\n"


@contextmanager
def _serving(folder: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process with three triggers, and its URL."""
    plugins = Path(folder, "plugins")
    plugins.mkdir()
    command = [sys.executable, "-c", "from pe_kit.cli.main import main; main()", "serve", "--port", "0", "--json"]
    with subprocess.Popen([*command, "--plugin-dir", plugins, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with httpx.Client(base_url=url + "/api/v3") as client:
            client.post("/write_lp?db=d", content="load,writer=w0 value=0i 1").raise_for_status()
            for name, source, spec in (
                ("w", COUNTS, "table:load"),
                ("s", SCHEDULE, "every:1s"),
                ("r", REQUEST, "request:echo"),
            ):
                (plugins / f"{name}.py").write_text(source)
                settings = {"run_async": False, "error_behavior": "log"}
                given = {"db": "d", "plugin_filename": f"{name}.py", "trigger_name": name, "trigger_settings": settings,
                         "trigger_specification": spec, "disabled": False}  # fmt: skip
                client.post("/configure/processing_engine_trigger", json=given).raise_for_status()
        try:
            yield process, url
        finally:
            process.kill()


def _memory(process: subprocess.Popen[str]) -> float:
    """Resident MiB."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096 / 2**20


class _Connection:
    """A kept-alive connection: as little work as can be, so that the server is what is measured."""

    @classmethod
    async def to(cls, port: int) -> _Connection:
        made = cls()
        made.reader, made.writer = await asyncio.open_connection("127.0.0.1", port)
        return made

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        status = int(answer[9:12])
        length = 0 if status == 204 else int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return status, await self.reader.readexactly(length)


async def _load(port: int, seconds: float, no_sync: bool) -> dict[str, Any]:
    """Write and read from many connections until time is up or the server is gone; in a process of its own."""
    end = time.monotonic() + seconds
    writes: list[float] = []
    reads: list[float] = []
    failed: list[str] = []
    stored = [0] * WRITERS

    async def write(n: int) -> None:
        connection = await _Connection.to(port)
        path = f"/api/v3/write_lp?db=d&no_sync={str(no_sync).lower()}"
        while time.monotonic() < end:
            line = f"load,writer=w{n} value={stored[n]}i {1_700_000_000_000_000_000 + stored[n]}"
            began = time.perf_counter()
            status, body = await connection.ask("POST", path, line.encode())
            writes.append(time.perf_counter() - began)
            stored[n] += status == 204
            if status != 204:
                failed.append(body.decode())

    async def read(n: int) -> None:
        connection = await _Connection.to(port)
        query = f"/api/v3/query_sql?db=d&q=SELECT%20count(*)%20AS%20n%20FROM%20load%20WHERE%20writer%20=%20'w{n}'"
        while time.monotonic() < end:
            began = time.perf_counter()
            asked = ("POST", "/api/v3/engine/echo", b"x" * 100) if n % 2 else ("GET", query)
            status, body = await connection.ask(*asked)
            reads.append(time.perf_counter() - began)
            if status != 200:
                failed.append(body.decode())
            await asyncio.sleep(0.01)

    async def until_gone(work: Coroutine[Any, Any, None]) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await work

    works = [*(write(n) for n in range(WRITERS)), *(read(n) for n in range(READERS))]
    await asyncio.gather(*map(until_gone, works))
    return {"writes": writes, "reads": reads, "failed": failed, "stored": stored}


def _loaded(queue: Any, *given: Any) -> None:
    queue.put(asyncio.run(_load(*given)))


@contextmanager
def _clients(url: str, seconds: float, no_sync: bool) -> Iterator[tuple[Any, Any]]:
    """Clients at work: their process, and the queue that gets what they saw."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    client = context.Process(target=_loaded, args=(queue, int(url.rpartition(":")[2]), seconds, no_sync))
    client.start()
    yield client, queue
    client.join()


def _shown(what: str, seconds: float, times: list[float]) -> str:
    ms = np.array(times) * 1e3
    return f"{what}: {len(ms) / seconds:.0f}/s, p50 {np.percentile(ms, 50):.1f} ms, p99 {np.percentile(ms, 99):.1f} ms"


def soak(seconds: float) -> bool:
    """Load a server; True when nothing failed and nothing was lost."""
    with tempfile.TemporaryDirectory() as folder, _serving(folder) as (process, url):
        sizes = []
        with _clients(url, seconds, True) as (client, queue):
            while client.is_alive() and queue.empty():
                sizes.append(_memory(process))
                client.join(0.5)
            seen = queue.get()
        httpx.post(url + "/api/v3/write_lp?db=d", content="last value=1i")  # waits for the flush
        sql = {"db": "d", "q": "SELECT count(*) AS n FROM load", "format": "json"}
        stored = httpx.get(url + "/api/v3/query_sql", params=sql).json()[0]["n"] - 1
        told = dict(re.findall(r'pe_kit_trigger_(\w+_total\{.*trigger="\w)"} (\d+)', httpx.get(url + "/metrics").text))
    errors = sum(int(count) for name, count in told.items() if name.startswith("errors"))
    runs = {name[-1]: int(count) for name, count in told.items() if name.startswith("runs")}
    written = sum(seen["stored"])
    print(f"{seconds:.0f} s, {WRITERS} writers, {READERS} readers, triggers ran {runs}, {errors} of them with an error")
    print(_shown("writes", seconds, seen["writes"]))
    print(_shown("reads", seconds, seen["reads"]))
    print(f"requests that failed: {len(seen['failed'])} {seen['failed'][:2]}; lines lost: {written - stored}")
    first, *_, last = (float(np.median(part)) for part in np.array_split(sizes[len(sizes) // 10 :], 4))
    grown = (last - first) * 2**20 / (stored / 2)  # half of the rows came between the middles of these quarters
    print(f"memory, the first tenth aside: {first:.0f} MiB in the first quarter, {last:.0f} MiB in the last, "
          f"at most {max(sizes):.0f}: {grown:.0f} bytes for each row stored between")  # fmt: skip
    return not seen["failed"] and stored == written and not errors


def stopped(seconds: float) -> bool:
    """SIGTERM in the middle of load, with a data folder; True when all that was acknowledged is there, once."""
    with tempfile.TemporaryDirectory() as folder:
        with _serving(folder, "--data-dir", folder + "/data") as (process, url):
            with _clients(url, seconds + 60, False) as (client, queue):
                sql = {"db": "d", "q": "SELECT count(*) AS n FROM load", "format": "json"}
                while httpx.get(url + "/api/v3/query_sql", params=sql).json()[0]["n"] < 10 * WRITERS:
                    client.join(0.1)
                client.join(seconds)
                process.send_signal(signal.SIGTERM)
                status = process.wait()
                seen = queue.get()
        lost, twice = 0, 0
        with Engine(data_dir=folder + "/data") as engine:
            for n, acknowledged in enumerate(seen["stored"]):
                found = engine.query(f"SELECT value FROM load WHERE writer = 'w{n}' AND time > 1::timestamp", "d")[
                    "value"
                ]
                lost += len(set(range(acknowledged)) - set(found))
                twice += len(found) - len(set(found))
    print(f"SIGTERM in mid-load: exit status {status}, {sum(seen['stored'])} acknowledged lines, {lost} lost, {twice} twice, "
          f"{len(seen['failed'])} requests refused")  # fmt: skip
    return not (status or lost or twice)


@contextmanager
def _echo() -> Iterator[str]:
    """A bare starlette application that gives the body back."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Response(await Request(scope, receive).body())(scope, receive, send)

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio leaves Nagle on
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical", http="h11", loop="asyncio"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def _rate(url: str, path: str, body: bytes, seconds: float = 3.0) -> float:
    """Requests per second of one client on one connection."""
    count = 0
    with httpx.Client(base_url=url) as client:
        client.post(path, content=body)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            client.post(path, content=body).raise_for_status()
            count += 1
    return count / seconds


def beside_echo() -> None:
    """One-line writes and plugin calls beside the echo, each from one client."""
    with Engine(clock="wall") as engine, _echo() as echo:
        engine.create_database("d")
        engine.write_plugin("r.py", REQUEST)
        engine.create_trigger("r", db="d", path="r.py", spec="request:echo")
        url = engine.serve(port=0).url
        bare = _rate(echo, "/", b"m,host=a value=1i")
        write = _rate(url, "/api/v3/write_lp?db=d&no_sync=true", b"m,host=a value=1i")
        call = _rate(url, "/api/v3/engine/echo", b"m,host=a value=1i")
    print(f"one client: echo {bare:.0f}/s, one-line write {write:.0f}/s, trigger call {call:.0f}/s")
    print(
        f"beyond the echo: a write {1e6 / write - 1e6 / bare:.0f} µs, a trigger call {1e6 / call - 1e6 / bare:.0f} µs"
    )


if __name__ == "__main__":
    beside_echo()
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    sys.exit(not all([soak(length), stopped(length / 10)]))
