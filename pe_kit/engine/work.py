"""One piece of work for a trigger: what it is to be called with, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pe_kit.engine.strike import reversed_batches
from pe_kit.types import TableBatch

if TYPE_CHECKING:
    from pe_kit.engine.call import Call
    from pe_kit.engine.records import Event
    from pe_kit.engine.trigger_table import Trigger
    from pe_kit.plugins.snapshot import Snapshot
    from pe_kit.store.wal import FlushedBatch

__all__ = ["Work", "call_time", "scheduled_text"]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Work:
    """An event on its way to a trigger.

    Attributes:
        due_ns: virtual time at which it was handed to the trigger.
        batch: the flush of a WAL event. call_time_ns: the scheduled time. request: path, method, params, headers, body.
        causes: the calls whose writes are in the batch, unless the user wrote into it too.
        within: the call that sent the request and waits for the answer.
        code: the code of the first attempt: the server reads a WAL plugin once a batch, however often it retries.
        faults: what was made to go wrong before the call. reverse: tables and rows come in reverse order.
    """

    trigger: Trigger
    event: Event
    due_ns: int
    batch: FlushedBatch | None = None
    call_time_ns: int | None = None
    request: Mapping[str, Any] | None = None
    causes: tuple[Call, ...] = ()
    within: Call | None = None
    depth: int = 0
    attempt: int = 1
    code: Snapshot | None = None
    faults: tuple[str, ...] = ()
    reverse: bool = False

    def starting(self) -> str:
        """The text of the framework's first row."""
        if self.call_time_ns is not None:
            return scheduled_text(self.call_time_ns)
        return f"starting execution of {self.trigger.kind} plugin."

    def given(self, api: object, arguments: dict[str, str] | None) -> tuple[Any, ...]:
        """What the plugin's function is called with, by position."""
        if self.batch is not None:
            return (api, self.table_batches(), arguments)
        if self.request is not None:
            request = self.request
            return (api, dict(request["params"]), dict(request["headers"]), request["body"], arguments)
        assert self.call_time_ns is not None
        return (api, call_time(self.call_time_ns), arguments)

    def sizes(self) -> tuple[tuple[str, int], ...]:
        """Table names and row counts of what :meth:`table_batches` gives; empty for other kinds of work."""
        if self.batch is None:
            return ()
        only = self.trigger.spec.value if self.trigger.spec.kind == "table" else None
        return tuple(size for size in self.batch.sizes() if only in (None, size[0]))

    def table_batches(self) -> list[TableBatch]:
        """Fresh table batches for a WAL call: all tables, or only the one of a ``table:`` trigger."""
        assert self.batch is not None
        spec = self.trigger.spec
        batches = self.batch.table_batches(spec.value if spec.kind == "table" else None)
        return reversed_batches(batches) if self.reverse else batches


def call_time(ns: int) -> datetime:
    """What a schedule plugin is given: naive, UTC, whole seconds."""
    return datetime(1970, 1, 1) + timedelta(seconds=ns // 1_000_000_000)


def scheduled_text(ns: int) -> str:
    """The text of the first row of a scheduled call; 3, 6 or 9 digits, as the server's time type is written."""
    fraction = f".{ns % 1_000_000_000:09d}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"starting execution with scheduled time {call_time(ns)}{fraction.removesuffix('.')} UTC"
