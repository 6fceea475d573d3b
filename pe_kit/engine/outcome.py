"""What happened: Run, Outcome. Records only; displays, doors and fixtures read them and add nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, overload
from weakref import ref

from pe_kit.clock import as_datetime, as_text
from pe_kit.engine.frames import changes_frame, logs_frame, writes_frame
from pe_kit.engine.records import (
    CacheChange,
    Event,
    Exchange,
    LogRow,
    QueryRecord,
    Rejected,
    Response,
    Written,
)
from pe_kit.errors import OutcomeError
from pe_kit.types import TableBatch

if TYPE_CHECKING:
    import pandas as pd

    from pe_kit.engine.track import Tracked
    from pe_kit.engine.work import Work

__all__ = [
    "Outcome",
    "Run",
    "Runs",
]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One call of one plugin.

    Attributes:
        id: 1, 2, 3, ... in the order in which calls started.
        trigger, database: their names. kind: ``wal``, ``schedule`` or ``request``. plugin: the plugin's filename.
        event: what the user asked that led to this call.
        started_ns, ended_ns: virtual time. duration: wall seconds, measured. cpu_seconds: thread CPU time, measured.
        error: the exception that left the plugin, not wrapped, or None. traceback: the plugin's own frames as text.
        log_rows, query_records, cache_records: what it logged, asked and changed in the cache.
        exchanges: its outgoing HTTP calls, with what came.
        written: the lines that reached the database from this run, synchronous writes first.
        rejected: write-backs that the database refused (the run still counts as a success on the server).
        response: what a request plugin answered.
        caused_by: the run whose write fired this one, or None.
        attempt: 1, or more after retries. depth: 0 for what the user fired, 1 for what that fired, ...
        tables: (table, rows) of the batch of a WAL run. call_time_ns: the scheduled time of a schedule run.
        request: ``{"path", "method", "params", "headers", "body"}`` of a request run.
        slept_ns: virtual time that the plugin slept. printed: what it printed (the server's stdout).
        notes: sentences for the user, e.g. that an async function is never awaited.
        faults: the faults that were injected into this run.
        work: what its batch is made from; the engine keeps it for the newest WAL runs.
        tracked: peak memory, lines that ran and a profile, where ``Engine.track`` asked for them.
    """

    id: int
    trigger: str
    database: str
    kind: str
    plugin: str
    event: Event
    started_ns: int
    ended_ns: int
    duration: float
    cpu_seconds: float = 0.0
    error: BaseException | None = None
    traceback: str = ""
    log_rows: tuple[LogRow, ...] = ()
    written: tuple[Written, ...] = ()
    query_records: tuple[QueryRecord, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    cache_records: tuple[CacheChange, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    response: Response | None = None
    caused_by: Run | None = None
    attempt: int = 1
    depth: int = 0
    tables: tuple[tuple[str, int], ...] = ()
    call_time_ns: int | None = None
    request: Mapping[str, Any] | None = None
    slept_ns: int = 0
    printed: str = ""
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    work: ref[Work] | None = None
    tracked: Tracked | None = None

    @property
    def rows_in(self) -> int:
        """How many rows its batch had."""
        return sum(rows for _, rows in self.tables)

    @property
    def batch(self) -> list[TableBatch] | None:
        """The table batches that it received, made afresh; None where there were none or they are no longer kept."""
        work = self.work() if self.work is not None else None
        return work.table_batches() if work is not None else None

    @property
    def lines(self) -> dict[str, list[str]]:
        """Database -> lines that reached the database from this run, synchronous writes included."""
        out: dict[str, list[str]] = {}
        for entry in self.written:
            out.setdefault(entry.database, []).append(entry.line)
        return out

    @property
    def ok(self) -> bool:
        """True unless the plugin raised or a write-back was refused."""
        return self.error is None and not self.rejected

    @property
    def empty(self) -> bool:
        """True for a WAL run that got no table batch: the server calls ``table:`` triggers on every flush."""
        return self.kind == "wal" and not self.tables

    @property
    def started_at(self) -> datetime:
        """Virtual start, aware UTC."""
        return as_datetime(self.started_ns)

    @property
    def logs(self) -> pd.DataFrame:
        """The rows it logged: event_time, database, trigger_name, log_level, log_text."""
        return logs_frame(self.log_rows)

    @property
    def queries(self) -> pd.DataFrame:
        """Its queries: database, sql, params, rows, seconds, error."""
        import pandas as pd

        return pd.DataFrame(list(self.query_records), columns=list(QueryRecord._fields))

    @property
    def cache_changes(self) -> pd.DataFrame:
        """What it changed in the cache: run, namespace, key, before, after."""
        return changes_frame(self.cache_records)

    def __repr__(self) -> str:
        state = "ok" if self.ok else f"{type(self.error).__name__}" if self.error else "write-back rejected"
        return f"<Run {self.id} of {self.trigger} at {as_text(self.started_ns)}: {state}>"


class Runs(Sequence[Run]):
    """A sequence of runs, oldest first; ``.frame`` shows them as a DataFrame."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> Run | Runs:
        if isinstance(index, slice):
            return Runs(list(self._runs)[index])
        return self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} runs>"

    @property
    def frame(self) -> pd.DataFrame:
        """One row a run: id, trigger, database, kind, started_at, duration_ms, cpu_ms, ok, error, rows_in, lines_out,
        queries, attempt, caused_by, event.
        """
        import numpy as np
        import pandas as pd

        runs = list(self._runs)
        frame = pd.DataFrame(
            {
                "id": [r.id for r in runs],
                "trigger": [r.trigger for r in runs],
                "database": [r.database for r in runs],
                "kind": [r.kind for r in runs],
                "started_at": np.array([r.started_ns for r in runs], dtype="int64").view("datetime64[ns]"),
                "duration_ms": [r.duration * 1e3 for r in runs],
                "cpu_ms": [r.cpu_seconds * 1e3 for r in runs],
                "ok": [r.ok for r in runs],
                "error": [describe_error(r.error) for r in runs],
                "rows_in": [r.rows_in for r in runs],
                "lines_out": [len(r.written) for r in runs],
                "queries": [len(r.query_records) for r in runs],
                "attempt": [r.attempt for r in runs],
                "caused_by": pd.array([r.caused_by.id if r.caused_by else None for r in runs], dtype="Int64"),
                "event": [r.event.id for r in runs],
            }
        )
        return frame


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What one call on the engine caused.

    Attributes:
        event: what was asked.
        runs: the plugin calls in causal order, cascades included. At most ``Engine`` keeps (see ``dropped_runs``).
        stops: the kit's own stops (cascade, retry and other limits), in order.
        response: the response of ``Engine.request``, else None.
        started_ns, ended_ns: virtual time before and after.
        flushes: how many WAL flushes happened.
        dropped_runs: runs that happened but are no longer kept, the oldest first.
        first_error: the first error of any run, kept even when that run is dropped.
        notes: sentences for the user, e.g. that an advance was interrupted.
    """

    event: Event
    runs: Runs
    stops: tuple[BaseException, ...] = ()
    response: Response | None = None
    started_ns: int = 0
    ended_ns: int = 0
    flushes: int = 0
    dropped_runs: int = 0
    first_error: BaseException | None = None
    rejections: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def run(self) -> Run:
        """The only run that nothing but the user caused and whose batch is not empty.

        Raises:
            OutcomeError: there is none, or more than one.
        """
        roots = [r for r in self.runs if r.caused_by is None and not r.empty]
        if len(roots) != 1:
            names = ", ".join(r.trigger for r in roots[:5])
            raise OutcomeError(
                f"this outcome has {len(roots)} runs with a batch that the event itself caused, .run needs exactly one"
                + (f": {names}" if roots else ""),
                mend="Look at .runs; engine.triggers says which triggers there are and whether they are disabled."
                if not roots
                else "Look at .runs.",
            )
        return roots[0]

    @property
    def error(self) -> BaseException | None:
        """The first run's error, else the kit's own stop, else None."""
        return self.first_error or (self.stops[0] if self.stops else None)

    @property
    def ok(self) -> bool:
        """True when no run failed, nothing was stopped and no write-back was refused."""
        return self.error is None and not self.rejections

    @property
    def lines(self) -> dict[str, list[str]]:
        """Database -> lines of line protocol that plugins wrote, in order."""
        out: dict[str, list[str]] = {}
        for run in self.runs:
            for database, lines in run.lines.items():
                out.setdefault(database, []).extend(lines)
        return out

    @property
    def writes(self) -> pd.DataFrame:
        """The rows that plugins wrote: database, table, the columns, time."""
        return writes_frame(self.runs)

    @property
    def logs(self) -> pd.DataFrame:
        """All rows that were logged: event_time, database, trigger_name, log_level, log_text."""
        return logs_frame([row for run in self.runs for row in run.log_rows])

    @property
    def cache(self) -> pd.DataFrame:
        """All changes of the plugin cache: run, namespace, key, before, after."""
        return changes_frame([change for run in self.runs for change in run.cache_records])

    def raise_for_error(self) -> Outcome:
        """Give the outcome back, or raise.

        Raises:
            OutcomeError: a plugin raised, a write-back was refused or the kit stopped something; the plugin's own
                exception is the cause.
        """
        if self.ok:
            return self
        failed = next((r for r in self.runs if not r.ok), None)
        if self.error is None:
            refused = next((x for r in self.runs for x in r.rejected), None)
            raise OutcomeError(f"a write-back was refused: {refused.error if refused else 'see .runs'}")
        text = f"{type(self.error).__name__}: {self.error}"
        if failed is not None and failed.error is not None:
            text = f"{failed.trigger}: {text}\n{failed.traceback}".rstrip()
        raise OutcomeError(text) from self.error

    def plot(self) -> Any:
        """Draw what the outcome wrote, against what it read (Altair chart)."""
        from pe_kit.notebook.plot import plot_outcome

        return plot_outcome(self)

    def __repr__(self) -> str:
        from pe_kit.notebook.text import outcome_text

        return outcome_text(self)


def describe_error(error: BaseException | None) -> str | None:
    """Write an exception as the server does: ``Type: message``."""
    return None if error is None else f"{type(error).__name__}: {error}"
