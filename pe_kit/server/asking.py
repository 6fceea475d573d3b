"""What a client asks and what it is answered: parameters with the server's refusals, replies as plain data.

The texts of refused parameters are those of the decoders that influxdb3_server/src/http.rs uses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pe_kit.errors import ServerError

__all__ = ["Ask", "Given", "Reply", "as_json", "refused"]

_MISSING: Any = object()


def refused(status: int, text: str, body: str | None = None) -> ServerError:
    """An answer that is not what was asked for."""
    return ServerError(text, status=status, body=body)


def as_json(value: Any) -> bytes:
    """JSON as the server writes it: no blanks, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, body and headers of a response."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_json(cls, value: Any, status: int = 200, content_type: str = "application/json") -> Reply:
        """Answer JSON."""
        return cls(status, as_json(value), (("content-type", content_type),))

    @classmethod
    def of_error(cls, error: ServerError) -> Reply:
        """Answer as the server answers an error: no content type, not even where the body is JSON."""
        return cls(error.status, error.body.encode())


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, read to its end. ``path`` and ``query`` are as they were sent; names of headers are in lower case."""

    method: str
    path: str
    query: str | None
    headers: Mapping[str, str]
    body: bytes = b""

    def by_query(self, missing: str | None = None, prefix: str = "serde error: ") -> Given:
        """The parameters in the query string; ``missing`` is the server's text where there is none at all."""
        if not self.query:
            if missing is not None:
                raise refused(400, missing)
            return Given({}, prefix)
        values: dict[str, str] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            if name in values:
                raise refused(400, f"{prefix}duplicate field `{name}`")
            values[name] = value
        return Given(values, prefix)

    def by_json(self, check_type: bool = True) -> Given:
        """The parameters in a JSON body."""
        kind = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if (
            check_type
            and kind != "application/json"
            and not (kind.startswith("application/") and kind.endswith("+json"))
        ):
            raise refused(415, "unacceptable content-type, expected: application/json")
        try:
            text = self.body.decode()
            values = json.loads(text, parse_constant=_no_constant)
            if "\\u" in text:
                as_json(values)  # half of a surrogate pair cannot be written: it is none of the server's texts
        except json.JSONDecodeError as error:
            what = "EOF while parsing a value" if error.pos >= len(text.rstrip()) else "expected value"
            column = error.colno if text else 0
            raise refused(400, f"serde json error: {what} at line {error.lineno} column {column}") from None
        except (ValueError, RecursionError):
            raise refused(400, "serde json error: expected value at line 1 column 1") from None
        lines = text.rstrip().split("\n")
        where = f" at line {len(lines)} column {len(lines[-1])}"
        if not isinstance(values, dict):
            raise refused(400, f"serde json error: invalid type: {_shown(values)}, expected a map{where}")
        return Given(values, "serde json error: ", where)

    def by_either(self) -> Given:
        """The parameters in the query string if there is one, else those in the JSON body."""
        return self.by_query() if self.query else self.by_json()


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, int):
        return f"integer `{value}`"
    if isinstance(value, float):
        return f"floating point `{value}`"
    if isinstance(value, str):
        return f"string {json.dumps(value, ensure_ascii=False)}"
    return "sequence" if isinstance(value, list) else "map"


class Given:
    """Parameters by name. Without a default a parameter is required; unknown ones are ignored."""

    def __init__(self, values: Mapping[str, Any], prefix: str, where: str = "") -> None:
        self._values, self._prefix, self._where = values, prefix, where

    def wrong(self, text: str) -> ServerError:
        """Refuse the parameters."""
        return refused(400, f"{self._prefix}{text}{self._where}")

    def _get(self, name: str, default: Any, kind: type | tuple[type, ...], expected: str) -> Any:
        value = self._values.get(name, _MISSING)
        if value is _MISSING or (value is None and default is not _MISSING):
            if default is _MISSING:
                raise self.wrong(f"missing field `{name}`")
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(f"invalid type: {_shown(value)}, expected {expected}")
        return value

    def text(self, name: str, default: Any = _MISSING) -> Any:
        """A text."""
        return self._get(name, default, str, "a string")

    def flag(self, name: str, default: Any = _MISSING) -> Any:
        """``true`` or ``false``."""
        if isinstance(text := self._values.get(name), str) and not self._where:
            if text not in ("true", "false"):
                raise self.wrong("provided string was not `true` or `false`")
            return text == "true"
        return self._get(name, default, bool, "a boolean")

    def number(self, name: str, default: Any = _MISSING) -> Any:
        """A whole number that is not negative."""
        value = self._get(name, default, int, "u64")
        if isinstance(value, int) and value < 0:
            raise self.wrong(f"invalid value: {_shown(value)}, expected u64")
        return value

    def texts(self, name: str, default: Any = _MISSING) -> Any:
        """A list of texts."""
        value = self._get(name, default, list, "a sequence")
        for item in value or ():
            if not isinstance(item, str):
                raise self.wrong(f"invalid type: {_shown(item)}, expected a string")
        return value

    def items(self, name: str) -> list[Given]:
        """A list of objects."""
        value = self._get(name, _MISSING, list, "a sequence")
        if any(not isinstance(item, dict) for item in value):
            raise self.wrong("invalid type, expected a map")
        return [Given(item, self._prefix, self._where) for item in value]

    def map(self, name: str, default: Any = _MISSING) -> Any:
        """An object."""
        return self._get(name, default, dict, "a map")

    def text_map(self, name: str) -> dict[str, str] | None:
        """An object of texts, or None."""
        value: dict[str, str] | None = self._get(name, None, dict, "a map")
        for item in (value or {}).values():
            if not isinstance(item, str):
                raise self.wrong(f"invalid type: {_shown(item)}, expected a string")
        return value

    def part(self, name: str) -> Given:
        """An object with parameters of its own."""
        return Given(self.map(name), self._prefix, self._where)

    def choice(self, name: str, known: tuple[str, ...], default: Any = _MISSING) -> Any:
        """One of some words."""
        value = self.text(name, default)
        if value is not default and value not in known:
            words = ", ".join(f"`{word}`" for word in known)
            raise self.wrong(f"unknown variant `{value}`, expected one of {words}")
        return value
