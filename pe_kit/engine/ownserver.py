"""A plugin's request to the server that runs it, answered in place in virtual time.

On the server the other plugin runs beside the one that asks (influxdb3_processing_engine/src/lib.rs). In virtual time
one call runs at a time, so the one that is asked runs within the one that asks, at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from pe_kit.engine.call import Call
from pe_kit.engine.records import Response
from pe_kit.engine.request import as_request, method_allowed, not_found, not_routed
from pe_kit.errors import ServerError

__all__ = ["Asked", "OwnServer", "WouldHang"]

PORT = 8181
_PREFIX = "/api/v3/engine/"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class WouldHang(Exception):  # noqa: N818 - no error of the kit: the caller sees its library's timeout
    """The plugin that is asked waits for the one that asks."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An outgoing request of a plugin, in whatever library's terms it was made."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class OwnServer:
    """Where the plugins of one engine find the server that runs them.

    Attributes:
        ports: the server's usual port until the engine is served, then those it is served on.
        admit: checks an Authorization header; None: everybody is let in.
    """

    def __init__(self) -> None:
        self.ports = frozenset({PORT})
        self.admit: Callable[[str | None], None] | None = None

    def answers(self, url: str) -> bool:
        """Whether a URL leads to a request plugin of this engine."""
        parts = urlsplit(url)
        return parts.hostname in _LOOPBACK and parts.port in self.ports and parts.path.startswith(_PREFIX)

    def answer(self, call: Call, asked: Asked) -> Response:
        """Give the answer of the request plugin that ``call`` asks.

        Raises:
            WouldHang: its trigger is busy with the call that asks.
        """
        parts, headers = urlsplit(asked.url), {name.lower(): value for name, value in asked.headers.items()}
        if self.admit is not None:
            try:
                self.admit(headers.get("authorization"))
            except ServerError as error:
                return Response(error.status, {}, error.body.encode())
        if not method_allowed(asked.method):
            return not_found()
        path, triggers = parts.path.removeprefix(_PREFIX), call.runtime.triggers
        params = parse_qsl(parts.query, keep_blank_values=True)
        request = as_request(path, asked.method, params, {"host": parts.netloc, **headers}, asked.body)
        if isinstance(request, Response):
            return request
        if (trigger := triggers.routed(path)) is None:
            return not_routed()
        runtime, real = call.runtime, isinstance(call, Call)  # a dry run asks the real trigger, as on the server
        return runtime.request_within(call, trigger, request) if real else runtime.request(trigger, request)
