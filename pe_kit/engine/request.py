"""What a request plugin receives, and what the server answers without asking a plugin.

Behaviour: ``influxdb3_server/src/http.rs`` (``processing_engine_request_plugin``).
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from pe_kit.engine.records import Response
from pe_kit.errors import ServerError, UsageError

__all__ = ["MAX_REQUEST_SIZE", "as_request", "decoded", "method_allowed", "not_found", "not_routed"]

MAX_REQUEST_SIZE = 10_485_760


def method_allowed(method: str) -> bool:
    """Only GET and POST reach plugins."""
    return method.upper() in ("GET", "POST")


def not_found() -> Response:
    """The answer to a wrong method or an unknown path of the API."""
    return Response(404, {}, b"Not found")


def not_routed() -> Response:
    """The answer to an engine path that no running trigger has; the body is not JSON on the server either."""
    return Response(404, {}, b'{error: "not found"}')


def as_request(
    path: str,
    method: str,
    params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None,
    headers: Mapping[str, str] | None,
    body: bytes | str | None,
) -> dict[str, Any] | Response:
    """Make what the plugin is called with, or the response that refuses the request.

    Raises:
        UsageError: a header value that cannot be sent.
    """
    pairs = list(params.items()) if isinstance(params, Mapping) else list(params or ())
    given: dict[str, str] = {}
    for name, value in (headers or {}).items():
        text = str(value)
        if any(not (32 <= ord(c) < 127 or c == "\t") for c in text):
            raise UsageError(
                f"the value of header {name!r} is not visible ASCII",
                mend="The server's handler panics on such a value; encode it.",
            )
        given[str(name).lower()] = text
    given.pop("authorization", None)
    data = body.encode() if isinstance(body, str) else bytes(body or b"")
    try:
        data = decoded(data, given.get("content-encoding"))
    except ServerError as error:
        return Response(error.status, {}, error.body.encode())
    return {
        "path": path,
        "method": method.upper(),
        "params": {str(k): str(v) for k, v in pairs},
        "headers": given,
        "body": data,
    }


def decoded(body: bytes, encoding: str | None) -> bytes:
    """Undo the encoding of a body: none, or gzip with one member or several.

    Raises:
        ServerError: (400) another encoding, or no good gzip; (413) it is too large, before or after.
    """
    plain = body
    if encoding == "gzip" and len(body) <= MAX_REQUEST_SIZE:
        try:
            plain = gzip.GzipFile(fileobj=io.BytesIO(body)).read(MAX_REQUEST_SIZE + 1)
        except EOFError:
            raise ServerError("error decoding gzip stream: unexpected end of file", status=400) from None
        except (OSError, zlib.error) as error:
            raise ServerError(f"error decoding gzip stream: {error}", status=400) from None
    if len(plain) > MAX_REQUEST_SIZE:
        raise ServerError(f"max request size ({MAX_REQUEST_SIZE} bytes) exceeded", status=413)
    if encoding not in (None, "identity", "gzip"):
        raise ServerError(f"unacceptable content-encoding: {encoding}", status=400)
    return plain
