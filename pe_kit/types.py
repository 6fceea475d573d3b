"""Records and protocols that all floors share: what a plugin receives and what it may call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypedDict

__all__ = ["LineSource", "LocalApi", "Now", "PluginCache", "Row", "TableBatch", "Value"]

Value = str | int | float | bool
Row = dict[str, Value]
"""One written line: tags in line order, fields in line order, ``time`` (int, ns) last; absent columns are absent."""

Now = Callable[[], int]
"""Gives the engine's time as int nanoseconds since the Unix epoch."""


class TableBatch(TypedDict):
    """The rows of one table in one WAL flush, as ``process_writes`` receives them."""

    table_name: str
    rows: list[Row]


class LineSource(Protocol):
    """Anything whose ``build()`` gives line protocol; :class:`pe_kit.LineBuilder` is one."""

    def build(self) -> str:
        """Give one or more lines of line protocol."""
        ...


class PluginCache(Protocol):
    """``influxdb3_local.cache``: values kept in memory between calls, by reference."""

    def put(self, key: str, value: Any, ttl: float | None = None, use_global: bool | None = None) -> None:
        """Keep ``value`` under ``key``; ``ttl`` in seconds."""
        ...

    def get(self, key: str, default: Any = None, use_global: bool | None = None) -> Any:
        """Give the value of ``key``, or ``default`` when there is none or it has expired."""
        ...

    def delete(self, key: str, use_global: bool | None = None) -> bool:
        """Drop ``key``; True if it was there."""
        ...


class LocalApi(Protocol):
    """``influxdb3_local``, the only object through which a plugin reaches the database."""

    @property
    def cache(self) -> PluginCache:
        """The in-memory cache of this trigger."""
        ...

    def info(self, *args: object) -> None:
        """Log at INFO."""
        ...

    def warn(self, *args: object) -> None:
        """Log at WARN."""
        ...

    def error(self, *args: object) -> None:
        """Log at ERROR."""
        ...

    def query(
        self, query: str, args: dict[str, str] | None = None, database: str | None = None
    ) -> list[dict[str, Any]]:
        """Run SQL; parameters are strings, named ``$name`` in the text."""
        ...

    def write(self, line_builder: LineSource) -> None:
        """Queue lines; they are written after the function has returned."""
        ...

    def write_to_db(self, db_name: str, line_builder: LineSource) -> None:
        """Queue lines for another database."""
        ...

    def write_sync(self, line_builder: LineSource, no_sync: bool) -> None:
        """Write at once; raises when the lines are refused."""
        ...

    def write_sync_to_db(self, db_name: str, line_builder: LineSource, no_sync: bool) -> None:
        """Write at once to another database."""
        ...
