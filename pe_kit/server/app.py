"""The HTTP face as an ASGI application: routes, authentication, limits (influxdb3_server/src/http.rs, all_paths.rs)."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pe_kit.engine.request import MAX_REQUEST_SIZE, decoded
from pe_kit.errors import PeKitError, ServerError
from pe_kit.server import configuring
from pe_kit.server.asking import Ask, Reply, refused
from pe_kit.server.programming import ENGINE_PREFIX, call_plugin
from pe_kit.server.routes import ROUTES, handler_of
from pe_kit.server.service import Handler, Service

__all__ = ["App"]

BODY_PATIENCE = 30.0  # real seconds between two pieces of a body
THREADS = 256


class Gone(Exception):  # noqa: N818 - no error: the client went away
    """The client left before its request was complete."""


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
            raise refused(405, configuring.NO_TOKENS)
        if tokens is not None and (method, path) not in _OPEN:
            password = parse_qs(query or "").get("p", [None])[0] if path in _TAKES_PASSWORD else None
            tokens.check(headers.get("authorization"), password)
        handler = handler_of(method, path)
        body = await _read(receive, headers)
        plain = {name.lower(): value for name, value in headers.items()}
        if handler is not call_plugin:
            body = decoded(body, headers.get("content-encoding"))
        ask = Ask(method, path, query, plain, body)
        work = partial(_guarded, handler, self._service, ask)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _guarded(handler: Handler, service: Service, ask: Ask) -> Reply:
    try:
        return handler(service, ask) or Reply()
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
