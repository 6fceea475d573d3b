"""An engine on a port: starts and stops the HTTP and the Flight server."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from typing import TYPE_CHECKING

from pe_kit.errors import EngineClosedError, UsageError
from pe_kit.server.service import Service

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["Served"]

CONNECTIONS = 1_000
LAST_REQUESTS = 10  # real seconds for requests under way when it stops


class Served:
    """An engine that is served.

    Attributes:
        url: where. host, port: the same in parts.
    """

    def __init__(self, engine: Engine, host: str, port: int, token: str | None) -> None:
        try:
            import uvicorn

            from pe_kit.server.app import App
            from pe_kit.server.flight import FlightFace
            from pe_kit.server.front import front
        except ModuleNotFoundError as error:
            raise UsageError(
                f"the server needs {error.name}", mend="Install the extra: pip install 'pe-kit[server]'."
            ) from None
        from pe_kit.server.tokens import Tokens

        if engine.closed:
            raise EngineClosedError("this engine is closed", mend="Make a new one: Engine().")
        if token is None and not _is_loopback(host):
            raise UsageError(
                f"{host} can be reached from other machines, so a token is needed",
                mend="Give token=... (a long random text), or bind to 127.0.0.1.",
            )
        if token == "":
            raise UsageError("an empty token is none", mend="Give a long random text.")
        self._engine = engine
        self._stopped = False
        self._lock = threading.Lock()
        listener = _listen(host, port)
        self.host, self.port = host, int(listener.getsockname()[1])
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        tokens = None if token is None else Tokens(token, lambda: engine.now_ns)
        engine.store.system_sources["tokens"] = lambda _: None if tokens is None else tokens.rows()
        self._service = Service(engine, tokens)
        self.admit = None if self._service.tokens is None else self._service.tokens.check
        self._app, self._flight = App(self._service), FlightFace(self._service)
        self._front = front(self._flight.port)
        config = uvicorn.Config(
            self._app,
            http=self._front,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=LAST_REQUESTS,
        )
        self._server = uvicorn.Server(config)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(listener,), name="pe_kit server", daemon=True)
        self._thread.start()
        self._ready.wait()

    def _serve(self, listener: socket.socket) -> None:
        async def main() -> None:
            serving = asyncio.ensure_future(self._server.serve([listener]))
            while not self._server.started and not serving.done():
                await asyncio.sleep(0.001)
            self._ready.set()
            await serving
            for transport in list(self._front.open):
                transport.close()
            await asyncio.sleep(0)

        try:
            asyncio.run(main())
        finally:
            self._ready.set()
            listener.close()

    def stop(self) -> None:
        """Take no more requests, answer those under way, and end. Calling it again does nothing."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        self._server.should_exit = True
        self._thread.join()
        self._flight.shutdown()
        self._app.close()
        self._engine.store.system_sources["tokens"] = lambda _: None
        self._engine.not_served(self)

    def __repr__(self) -> str:
        return f"<{'stopped' if self._stopped else 'serving'} at {self.url}>"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65_535:  # getaddrinfo would take it, cut to 16 bits
        raise UsageError(f"port {port}", mend="Ports are 1 to 65535; port=0 takes a free one.")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(256)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            mend="Another server may run there; port=0 takes a free one.",
        ) from None
    return listener
