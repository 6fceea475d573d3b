"""One port for HTTP and gRPC: the first bytes of a connection say which it is.

HTTP stays in this process's own protocol; gRPC is piped to the Flight server, which has a port of its own.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEAD_PATIENCE", "front"]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_PATIENCE = 10.0  # real seconds for the head of a request


class _Http(H11Protocol):
    """HTTP that does not wait for ever for the head of a request."""

    _deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiting = self.cycle is None or self.cycle.response_complete
        if waiting and self.conn.trailing_data[0] and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_PATIENCE, self.transport.close)
        elif not waiting and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)


class _Pipe(asyncio.Protocol):
    """The far end of a piped connection: what arrives here goes to the client."""

    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.close()

    def pause_writing(self) -> None:
        self._client.pause_reading()

    def resume_writing(self) -> None:
        self._client.resume_reading()


class _Front(asyncio.Protocol):
    """A connection of which it is not yet known what it speaks, or that is piped to Flight."""

    flight_port: ClassVar[int]
    open: ClassVar[set[asyncio.Transport]]

    def __init__(self, **parts: Any) -> None:
        self._parts = parts
        self._held = b""
        self._far: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._client = transport
        self.open.add(transport)
        self._deadline = asyncio.get_running_loop().call_later(HEAD_PATIENCE, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        self.open.discard(self._client)
        if self._far is not None:
            self._far.close()

    def data_received(self, data: bytes) -> None:
        if self._far is not None:
            self._far.write(data)
            return
        self._held += data
        if self._opening is not None:
            return
        if self._held.startswith(PREFACE):
            self._deadline.cancel()
            self._opening = asyncio.ensure_future(self._pipe())
        elif not PREFACE.startswith(self._held):
            self._deadline.cancel()
            self.open.discard(self._client)
            http = _Http(**self._parts)
            self._client.set_protocol(http)
            http.connection_made(self._client)
            http.data_received(self._held)

    async def _pipe(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            far, _ = await loop.create_connection(lambda: _Pipe(self._client), "127.0.0.1", self.flight_port)
        except OSError:
            self._client.close()
            return
        if self._client.is_closing():
            far.close()
            return
        far.write(self._held)
        self._held = b""
        self._far = far

    def pause_writing(self) -> None:
        if self._far is not None:
            self._far.pause_reading()

    def resume_writing(self) -> None:
        if self._far is not None:
            self._far.resume_reading()


def front(port: int) -> Any:
    """The protocol class that uvicorn is to use in front of a Flight server on a port."""
    return type("Front", (_Front,), {"flight_port": port, "open": set()})
