"""Load on loopback: writers, readers and three triggers against a served engine; and one-line writes beside a bare echo.

Usage: soak_server.py [SECONDS] (60 unless told). Prints figures for README.md; exit status 1 when a line was lost, a
request failed or memory grew.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def _memory() -> float:
    """Resident MiB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


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


async def _load(port: int, seconds: float) -> dict[str, Any]:
    """Write and read from many connections; runs in a process of its own."""
    end = time.monotonic() + seconds
    writes: list[float] = []
    reads: list[float] = []
    failed: list[str] = []

    async def write(n: int) -> None:
        connection, i = await _Connection.to(port), 0
        while time.monotonic() < end:
            line = f"load,writer=w{n} value={i}i {1_700_000_000_000_000_000 + i}"
            began = time.perf_counter()
            status, body = await connection.ask("POST", "/api/v3/write_lp?db=d&no_sync=true", line.encode())
            writes.append(time.perf_counter() - began)
            i += 1
            if status != 204:
                failed.append(body.decode())

    async def read(n: int) -> None:
        connection = await _Connection.to(port)
        query = f"/api/v3/query_sql?db=d&q=SELECT%20count(*)%20AS%20n%20FROM%20load%20WHERE%20writer%20=%20'w{n}'"
        while time.monotonic() < end:
            began = time.perf_counter()
            asked = ("POST", "/api/v3/engine/echo", b"x" * 100) if n % 2 else ("GET", query.replace(" ", "%20"))
            status, body = await connection.ask(*asked)
            reads.append(time.perf_counter() - began)
            if status != 200:
                failed.append(body.decode())
            await asyncio.sleep(0.01)

    await asyncio.gather(*(write(n) for n in range(WRITERS)), *(read(n) for n in range(READERS)))
    return {"writes": writes, "reads": reads, "failed": failed}


def _loaded(port: int, seconds: float, queue: Any) -> None:
    queue.put(asyncio.run(_load(port, seconds)))


def soak(seconds: float) -> bool:
    """Load an engine; True when nothing failed and nothing was lost."""
    with Engine(clock="wall") as engine:
        engine.create_database("d")
        engine.write("load,writer=w0 value=0i 1", "d")
        for name, source, spec in (
            ("w", COUNTS, "table:load"),
            ("s", SCHEDULE, "every:1s"),
            ("r", REQUEST, "request:echo"),
        ):
            engine.write_plugin(f"{name}.py", source)
            engine.create_trigger(name, db="d", path=f"{name}.py", spec=spec)
        served = engine.serve(port=0)
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        client = context.Process(target=_loaded, args=(served.port, seconds, queue))
        client.start()
        sizes = []
        while client.is_alive() and queue.empty():
            sizes.append(_memory())
            client.join(1)
        seen = queue.get()
        client.join()
        engine.flush()
        stored = int(engine.query("SELECT count(*) AS n FROM load", "d")["n"][0]) - 1
        errors = int(engine.triggers["errors"].sum())
        runs = engine.triggers.set_index("trigger_name")["runs"].to_dict()
    writes, reads = np.array(seen["writes"]) * 1e3, np.array(seen["reads"]) * 1e3
    print(f"{seconds:.0f} s, {WRITERS} writers, {READERS} readers, triggers ran {runs}, {errors} of them with an error")
    print(
        f"writes: {len(writes) / seconds:.0f}/s, p50 {np.percentile(writes, 50):.1f} ms, p99 {np.percentile(writes, 99):.1f} ms"
    )
    print(
        f"reads: {len(reads) / seconds:.0f}/s, p50 {np.percentile(reads, 50):.1f} ms, p99 {np.percentile(reads, 99):.1f} ms"
    )
    print(f"requests that failed: {len(seen['failed'])} {seen['failed'][:2]}; lines lost: {len(writes) - stored}")
    half = len(sizes) // 2
    print(
        f"memory: {sizes[half]:.0f} MiB in the middle, {sizes[-1]:.0f} MiB at the end, {stored * 50 / 2**20:.0f} MiB of it are rows"
    )
    return not seen["failed"] and stored == len(writes) and not errors


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
    sys.exit(not soak(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
