"""The HTTP face as an ASGI application: routes, authentication, limits (influxdb3_server/src/http.rs, all_paths.rs)."""

from __future__ import annotations

import asyncio
import os
import secrets
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pe_kit.engine.request import MAX_REQUEST_SIZE, decoded
from pe_kit.errors import PeKitError, ServerError
from pe_kit.server import configuring, programming
from pe_kit.server.asking import Ask, Reply, refused
from pe_kit.server.programming import ENGINE_PREFIX, call_plugin
from pe_kit.server.querying import query_influxql, query_sql, query_v1
from pe_kit.server.service import VERSION, Service
from pe_kit.server.writing import write_v1, write_v2, write_v3

__all__ = ["App"]

BODY_PATIENCE = 30.0  # real seconds between two pieces of a body
THREADS = 256

Handler = Callable[[Service, Ask], Reply]


class Gone(Exception):  # noqa: N818 - no error: the client went away
    """The client left before its request was complete."""


def ping(service: Service, ask: Ask) -> Reply:
    """Who answers."""
    del service, ask
    number = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    headers = {
        "Request-Id": number,
        "X-Request-Id": number,
        "X-Influxdb-Build": "Core",
        "X-Influxdb-Version": VERSION,
    }
    process = str(uuid.UUID(int=os.getpid()))
    told = {"product_name": "InfluxDB 3 Core", "version": VERSION, "revision": "pe-kit", "process_id": process}
    reply = Reply.of_json(told)
    return Reply(200, reply.body, (*reply.headers, *headers.items()))


def health(service: Service, ask: Ask) -> Reply:
    """It lives."""
    del service, ask
    return Reply(200, b"OK", (("content-type", "text/plain; charset=utf-8"),))


def metrics(service: Service, ask: Ask) -> Reply:
    """Counters in Prometheus' text form."""
    del ask
    lines = ["# HELP http_requests_total accumulated total requests", "# TYPE http_requests_total counter"]
    for (method, path, status), count in sorted(service.answered.items()):
        kind = "ok" if status < 400 else "client_error" if status < 500 else "server_error"
        lines.append(
            f'http_requests_total{{method="{method}",path="{path}",status="{kind}",status_code="{status}"}} {count}'
        )
    frame = service.engine.triggers
    for name, column in (("runs", "runs"), ("errors", "errors")):
        lines += [f"# TYPE pe_kit_trigger_{name}_total counter"] + [
            f'pe_kit_trigger_{name}_total{{database="{db}",trigger="{_escaped(trigger)}"}} {count}'
            for db, trigger, count in zip(frame["database"], frame["trigger_name"], frame[column], strict=True)
        ]
    text = "\n".join([*lines, "# EOF\n"])
    return Reply(200, text.encode(), (("content-type", "text/plain; version=0.0.4; charset=utf-8"),))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


ROUTES: dict[tuple[str, str], Handler] = {
    ("POST", "/api/v3/write_lp"): write_v3,
    ("POST", "/api/v2/write"): write_v2,
    ("POST", "/write"): write_v1,
    ("GET", "/health"): health,
    ("GET", "/api/v1/health"): health,
    ("GET", "/metrics"): metrics,
    **{(method, "/ping"): ping for method in ("GET", "POST")},
    **{(method, "/api/v3/query_sql"): query_sql for method in ("GET", "POST")},
    **{(method, "/api/v3/query_influxql"): query_influxql for method in ("GET", "POST")},
    **{(method, "/query"): query_v1 for method in ("GET", "POST")},
    **configuring.ROUTES,
    **programming.ROUTES,
}
_TAKES_PASSWORD = ("/write", "/query")
_OPEN = {("POST", "/api/v3/configure/token/admin")}
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "*",
    "access-control-allow-headers": "*",
    "access-control-max-age": "86400",
}


class App:
    """Answers HTTP requests for one engine; each is worked on in a thread of a bounded pool."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="pe_kit http")

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        path = scope["raw_path"].split(b"?")[0].decode("latin-1")
        method, origin = scope["method"], {}
        if method == "OPTIONS":
            reply, origin = Reply(204), _CORS
        else:
            try:
                reply = await self._answer(scope, receive, method, path)
                origin = {"access-control-allow-origin": "*"}  # errors do not get it; what a plugin answers does
            except Gone:
                return
            except ServerError as error:
                reply = Reply.of_error(error)
        shown = path if (method, path) in ROUTES else ENGINE_PREFIX if path.startswith(ENGINE_PREFIX) else "other"
        self._service.answered[method, shown, reply.status] += 1
        response = Response(reply.body, reply.status, {"cluster-uuid": self._service.cluster, **origin})
        response.raw_headers += [(name.encode("latin-1"), value.encode("utf-8")) for name, value in reply.headers]
        if reply.status == 204:
            response.raw_headers = [pair for pair in response.raw_headers if pair[0] != b"content-length"]
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, method: str, path: str) -> Reply:
        headers = Headers(scope=scope)
        query = scope["query_string"].decode("latin-1") or None
        tokens = self._service.tokens
        if tokens is None and path.startswith(configuring.TOKEN):
            raise refused(405, "endpoint disabled, started without auth")
        if tokens is not None and (method, path) not in _OPEN:
            password = parse_qs(query or "").get("p", [None])[0] if path in _TAKES_PASSWORD else None
            tokens.check(headers.get("authorization"), password)
        handler: Handler | None = ROUTES.get((method, path))
        if path.startswith(ENGINE_PREFIX) and method in ("GET", "POST"):
            handler = call_plugin
        if handler is None:
            raise refused(404, "Not found")
        body = await _read(receive, headers)
        plain = {name.lower(): value for name, value in headers.items()}
        if handler is not call_plugin:
            body = decoded(body, headers.get("content-encoding"))
        ask = Ask(method, path, query, plain, body)
        work = partial(_guarded, handler, self._service, ask)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _guarded(handler: Handler, service: Service, ask: Ask) -> Reply:
    try:
        return handler(service, ask)
    except ServerError:
        raise
    except PeKitError as error:  # the kit's own refusals, of what the server would not have refused
        raise refused(400, error.message) from None


async def _read(receive: Receive, headers: Headers) -> bytes:
    too_large = refused(413, f"max request size ({MAX_REQUEST_SIZE} bytes) exceeded")
    if headers.get("content-length", "0").isdigit() and int(headers.get("content-length", "0")) > MAX_REQUEST_SIZE:
        raise too_large
    pieces, size = [], 0
    while True:
        try:
            message: Any = await asyncio.wait_for(receive(), BODY_PATIENCE)
        except TimeoutError:
            raise refused(408, "the request's body did not arrive in time") from None
        if message["type"] == "http.disconnect":
            raise Gone
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > MAX_REQUEST_SIZE:
            raise too_large
        if not message.get("more_body"):
            return b"".join(pieces)
