"""What a request plugin returned -> HTTP (``process_flask_response`` of influxdb3_py_api/src/system_py.rs)."""

from __future__ import annotations

import json
import operator
import re
from typing import Any

from pe_kit.engine.records import Response
from pe_kit.errors import PluginError

__all__ = ["HANDLER_DOWN", "error_response", "to_response"]

HANDLER_DOWN = Response(500, {}, b"Processing engine error: request handler for trigger down")
"""The answer where the server's task for the trigger has died, or has no response that HTTP allows."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")


def error_response(text: str) -> Response:
    """Answer an error as the server does: status 500, JSON, no content type."""
    return Response(500, {}, json.dumps({"error": text}, ensure_ascii=False, separators=(",", ":")).encode())


def to_response(value: Any) -> Response:
    """Turn a return value into a response.

    The first rule that fits decides: ``__flask_response__``; a tuple of one to three; text; dict or list; anything
    that can be iterated over; else it is an error. Header names are kept as they are spelled, twice when twice.

    Raises:
        PluginError: the server has no response for it; it counts as an error of the plugin there.
        BaseException: what the value's own code raises (an iterator, ``__str__``) or ``json.dumps``.
    """
    if _is_flask(value):
        body = _text_of(value.get_data())
        return _finish(_unsigned(value.status_code), _headers(value.headers), body)
    if isinstance(value, tuple) and 1 <= len(value) <= 3:
        return _from_tuple(value)
    text = _as_text(value)
    if text is not None:
        return _finish(200, {"Content-Type": "text/html"}, text)
    if isinstance(value, dict | list):
        return _finish(200, {"Content-Type": "application/json"}, json.dumps(value))
    if hasattr(value, "__iter__"):
        return _finish(200, {"Content-Type": "text/html"}, "".join(map(_chunk, value)))
    raise PluginError(
        "Unsupported return type from Python function",
        mend=f"process_request returned {type(value).__name__}; return text, a dict or (body, status, headers).",
    )


def _from_tuple(value: tuple[Any, ...]) -> Response:
    first = value[0]
    body = _as_text(first)
    kind = "text/html"
    if body is None:
        if isinstance(first, dict | list):
            body, kind = json.dumps(first), "application/json"
        else:
            body, kind = _text_of(str(first)), "text/plain"
    headers, status = {"Content-Type": kind}, 200
    if len(value) > 1:
        second = value[1]
        try:
            number = operator.index(second)
        except TypeError:
            if isinstance(second, dict):
                headers |= _headers(second)
        else:
            if -(2**63) <= number < 2**63:
                status = number if 0 <= number < 2**16 else 500
    if len(value) == 3:
        if not isinstance(value[2], dict):
            raise PluginError(
                "expected a dictionary in header item", mend="Return (body, status, headers) with headers as a dict."
            )
        headers |= _headers(value[2])
    return _finish(status, headers, body)


def _finish(status: int, headers: dict[str, str], body: str) -> Response:
    """Build the response; a status that HTTP does not know is a 500, a header name ends the server's handler."""
    if not all(_HEADER_NAME.fullmatch(name) for name in headers):
        return HANDLER_DOWN
    kept = {name: value if _HEADER_VALUE.fullmatch(value) else "" for name, value in headers.items()}
    return Response(status if 100 <= status <= 999 else 500, kept, body.encode())


def _is_flask(value: Any) -> bool:
    try:
        return value.__flask_response__() is True
    except Exception:
        return False


def _as_text(value: Any) -> str | None:
    """The value if it is text that UTF-8 can hold, else None."""
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"'{type(value).__name__}' object is not an instance of 'str'")
    value.encode()
    return value


def _unsigned(value: Any) -> int:
    number = operator.index(value)
    if not 0 <= number < 2**16:
        raise OverflowError("out of range integral type conversion attempted")
    return number


def _headers(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError(f"'{type(value).__name__}' object is not an instance of 'dict'")
    return {_text_of(name): _text_of(header) for name, header in value.items()}


def _chunk(item: Any) -> str:
    """One piece of an iterable: text, or bytes that are UTF-8; everything else is left out."""
    if isinstance(item, bytes):
        try:
            return item.decode()
        except UnicodeDecodeError:
            return ""
    return _as_text(item) or ""
