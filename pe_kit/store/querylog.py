"""The log of queries that ``system.queries`` shows (core/iox_query/src/query_log.rs)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from pe_kit.errors import QueryError
from pe_kit.types import Now

__all__ = ["QueryEntry", "QueryLog"]

_SIZE = 1000 + 1
"""``--query-log-size``; the server makes room before it checks that there is need, and so keeps one more."""


class QueryEntry(NamedTuple):
    """One query; the fields are the columns of ``system.queries``, times and durations in ns of the engine's clock."""

    id: str
    phase: str
    issue_time: int
    query_type: str
    query_text: str
    partitions: int | None = None
    parquet_files: int | None = None
    plan_duration: int | None = None
    permit_duration: int | None = None
    execute_duration: int | None = None
    end2end_duration: int | None = None
    compute_duration: int | None = None
    max_memory: int | None = None
    success: bool = False
    running: bool = True
    cancelled: bool = False
    trace_id: str | None = None


class QueryLog:
    """The newest 1001 queries of all databases, oldest first."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._count = 0
        self._entries: deque[QueryEntry] = deque(maxlen=_SIZE)

    @contextmanager
    def query(self, sql: str) -> Iterator[None]:
        """Log one query while the block runs it; what it raises decides how the entry ends."""
        self._count += 1
        began = self._now()
        # a query of system.queries sees itself with a permit and running
        entry = QueryEntry(str(UUID(int=self._count)), "permit", began, "sql", sql, 0, 0, 0, 0)
        self._entries.append(entry)
        try:
            yield
        except QueryError as error:
            self._end(entry, "fail", ran=error.stage not in ("database", "planning"))
            raise
        except BaseException:
            self._end(entry, "cancel", ran=True)
            raise
        self._end(entry, "success", ran=True)

    def _end(self, entry: QueryEntry, phase: str, ran: bool) -> None:
        took, zero = self._now() - entry.issue_time, 0 if ran else None
        ended = entry._replace(
            phase=phase,
            partitions=zero,
            parquet_files=zero,
            permit_duration=zero,
            execute_duration=took if ran and phase != "cancel" else None,
            end2end_duration=took,
            compute_duration=zero,
            max_memory=zero,
            success=phase == "success",
            running=False,
            cancelled=phase == "cancel",
        )
        for at in range(len(self._entries) - 1, -1, -1):
            if self._entries[at].id == entry.id:
                self._entries[at] = ended
                break

    def entries(self) -> list[QueryEntry]:
        """Give the log, oldest first."""
        return list(self._entries)

    def clear(self) -> None:
        """Forget all, as a restart does."""
        self._entries.clear()
