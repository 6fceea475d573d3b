"""One piece of work for a trigger: what it is to be called with, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pe_kit.engine.strike import reversed_batches
from pe_kit.types import TableBatch

if TYPE_CHECKING:
    from pe_kit.engine.call import Call
    from pe_kit.engine.records import Event
    from pe_kit.engine.trigger_table import Trigger
    from pe_kit.plugins.snapshot import Snapshot
    from pe_kit.store.wal import FlushedBatch

__all__ = ["Work"]


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """An event on its way to a trigger.

    Attributes:
        due_ns: virtual time at which it was handed to the trigger.
        batch: the flush of a WAL event. call_time_ns: the scheduled time. request: path, method, params, headers, body.
        causes: the calls whose writes are in the batch, unless the user wrote into it too.
        within: the call that sent the request and waits for the answer.
        code: the code of the first attempt: the server reads a WAL plugin once a batch, however often it retries.
        reverse: a fault reverses the order of tables and rows.
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
    reverse: bool = False

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
