"""What a call did, one record for each thing: log rows, queries, cache changes, lines; and the event that fired it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from pe_kit.clock import as_datetime

__all__ = [
    "CacheChange",
    "Event",
    "Exchange",
    "LogRow",
    "QueryRecord",
    "Rejected",
    "Response",
    "Written",
]


class LogRow(NamedTuple):
    """One row of the processing engine's log (``system.processing_engine_logs`` plus the database)."""

    time_ns: int
    database: str
    trigger_name: str
    level: str
    text: str


class QueryRecord(NamedTuple):
    """One ``influxdb3_local.query`` call. ``seconds`` is wall time; ``error`` is the text the plugin saw, or None."""

    database: str
    sql: str
    params: dict[str, str] | None
    rows: int
    seconds: float
    error: str | None


class Exchange(NamedTuple):
    """One outgoing HTTP call of a plugin with its answer, or with the ``error`` that its library raised, type first."""

    method: str
    url: str
    status: int = 0
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    error: str = ""


class CacheChange(NamedTuple):
    """One change of the plugin cache. ``before``/``after`` are None when there was/is no value."""

    run: int
    namespace: str
    key: str
    before: Any
    after: Any


class Written(NamedTuple):
    """One line that a plugin wrote. ``time_ns`` is what a missing timestamp means; ``sync`` for ``write_sync*``."""

    database: str
    line: str
    time_ns: int
    sync: bool


class Rejected(NamedTuple):
    """A buffered write-back that the database refused: all lines of that database are lost."""

    database: str
    error: str


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was asked of the engine; the session's history is the list of them.

    Attributes:
        id: 1, 2, 3, ... in the order of the calls.
        kind: the Engine method: ``write``, ``advance``, ``request``, ``create_trigger``, ...
        time_ns: virtual time at which it was asked.
        database: the database it named, if any.
        data: its arguments as plain data, enough to do it again.
    """

    id: int
    kind: str
    time_ns: int
    database: str | None
    data: Mapping[str, Any]

    @property
    def time(self) -> datetime:
        """Virtual time at which it was asked, aware UTC."""
        return as_datetime(self.time_ns)


@dataclass(frozen=True, slots=True)
class Response:
    """What a request plugin answered. Header names are kept as the plugin spelled them."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body parsed as JSON."""
        return json.loads(self.body)
