"""One call of one plugin while it happens: what ``influxdb3_local`` does, and the Run that comes of it."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from threading import Lock
from time import perf_counter  # the real one, whatever is patched while plugins run
from typing import TYPE_CHECKING, Any
from weakref import ref

from pe_kit.engine.cache import PyCache
from pe_kit.engine.guard import shielded
from pe_kit.engine.invoke import Invocation, error_text
from pe_kit.engine.localapi import QueryError
from pe_kit.engine.memory import CEILING
from pe_kit.engine.outcome import Run
from pe_kit.engine.records import CacheChange, Exchange, LogRow, QueryRecord, Rejected, Response, Written
from pe_kit.engine.response import error_response
from pe_kit.engine.strike import on_query, on_write
from pe_kit.errors import InvalidNameError, ServerError
from pe_kit.errors import QueryError as StoreQueryError
from pe_kit.lineprotocol.grammar import parse
from pe_kit.lineprotocol.pieces import split_lines
from pe_kit.store.conversion import to_rows
from pe_kit.store.refusal import write_buffer_text

if TYPE_CHECKING:
    from pe_kit.engine.runtime import Runtime
    from pe_kit.engine.track import Tracked
    from pe_kit.engine.work import Work
    from pe_kit.store.store import Store

KEPT_LOG_ROWS = 10_000  # of one run; as many as the server's ring buffer holds

__all__ = ["Call", "plugin_query", "single_lines"]

_COPIED = (list, dict, set, tuple, bytearray)
_COPY_LIMIT = 256


def plugin_query(
    store: Store,
    sql: str,
    args: dict[str, str] | None,
    database: str,
    before: Callable[[], None] | None = None,
) -> list[dict[str, Any]]:
    """Run a plugin's query: the server's rows, types and error texts (``influxdb3_py_api/src/query.rs``).

    ``before`` may fail the query in the store's way.
    """
    try:
        if before is not None:
            before()
        table = store.query_arrow(sql, database, args, http_name=False)
    except InvalidNameError as error:
        raise QueryError(f"invalid database name provided: {error.message}") from None
    except StoreQueryError as error:
        cause = error.message
        if error.stage in ("planning", "executing"):
            cause = f"error while {'planning query' if error.stage == 'planning' else 'executing plan'}: {cause}"
        raise QueryError(f"error: {cause} executing query on {database}: {sql}") from None
    return to_rows(table)


def single_lines(text: str) -> list[str]:
    """Split what one ``build()`` gave into single lines."""
    return [text] if "\n" not in text else [line for line in split_lines(text) if line.strip()]


def _kept(value: Any) -> Any:
    """What a cache change shows later: small containers as they were, everything else by reference."""
    return copy.copy(value) if isinstance(value, _COPIED) and len(value) <= _COPY_LIMIT else value


class Call:
    """A call under way. Made when it starts; :meth:`as_run` ends it."""

    def __init__(self, runtime: Runtime, work: Work, call_id: int) -> None:
        self.runtime = runtime
        self.work = work
        self.id = call_id
        self.database = work.trigger.database
        self.started_ns = runtime.clock.now_ns
        self.log_rows: deque[LogRow] = deque(maxlen=KEPT_LOG_ROWS)
        self.logged = 0
        self.queued: dict[str, list[str]] = {}
        self.written: list[Written] = []
        self.queries: list[QueryRecord] = []
        self.cache_records: list[CacheChange] = []
        self.rejected: list[Rejected] = []
        self.exchanges: list[Exchange] = []
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.slept_ns = 0
        self.ended_ns: int | None = None
        self.run: Run | None = None
        self.answered: list[tuple[Call, Invocation, Response | None]] = []
        """Requests that this call sent to the server that runs it, and what came of them."""
        self.asking = Lock()
        """Held while such a request is answered: threads of the plugin take turns."""
        self.tracked: Callable[[], Tracked] | None = None

    @property
    def title(self) -> str:
        """What error texts call it."""
        return f"trigger {self.work.trigger.name!r} ({self.work.trigger.path})"

    def log(self, level: str, text: str) -> None:
        """Add a row to the log, at once: it survives a later exception."""
        row = LogRow(self.runtime.clock.now_ns, self.database, self.work.trigger.name, level, text)
        self.runtime.logbook.append(row)
        self.log_rows.append(row)
        self.logged += 1

    def pass_time(self, ns: int) -> None:
        """Let virtual time pass while the plugin runs; what becomes due meanwhile fires after the run."""
        self.slept_ns += ns
        self.runtime.slept = True
        self.runtime.clock.move_to(self.runtime.clock.now_ns + ns)

    def query(self, sql: str, args: dict[str, str] | None, database: str | None) -> list[dict[str, Any]]:
        """Run SQL for the plugin."""
        target = self.database if database is None else database
        started = perf_counter()
        try:
            before = (lambda: on_query(self, sql)) if self.runtime.faults else None
            with CEILING.lifted():
                rows = plugin_query(self.runtime.store, sql, args, target, before)
        except Exception as error:
            self.queries.append(QueryRecord(target, sql, args, 0, perf_counter() - started, error_text(error)))
            raise
        self.queries.append(QueryRecord(target, sql, args, len(rows), perf_counter() - started, None))
        return rows

    def queue(self, database: str, text: str) -> None:
        """Keep lines until the function has returned."""
        self.queued.setdefault(database, []).append(text)

    def write_now(self, database: str, text: str, no_sync: bool) -> None:
        """Write lines while the plugin runs; the server's exception when they are refused."""
        try:
            with shielded:
                self._write(database, [text], sync=True)
                if not no_sync:
                    self.runtime.carry()
        except InvalidNameError as error:
            raise Exception(
                f"error writing line protocol to {database}: invalid database name: {error.message}"
            ) from None
        except ServerError as error:
            text = write_buffer_text(error)
            raise Exception(f"error writing line protocol to {database}: Cannot write: {text}") from None

    def _write(self, database: str, texts: list[str], sync: bool) -> None:
        runtime = self.runtime
        if runtime.faults:
            on_write(self, database, sync)
        runtime.write("\n".join(texts), database, precision="nanosecond", http_name=False, cause=self)
        now = runtime.clock.now_ns
        self.written.extend(Written(database, line, now, sync) for text in texts for line in single_lines(text))

    def wrote_to(self, database: str, table: str) -> bool:
        """Whether a line of it has reached a table."""
        lines = (written.line for written in self.written if written.database == database)
        return any(item.line is not None and item.line.measurement == table for line in lines for item in parse(line))

    def write_back(self, kind: str) -> None:
        """Write what the plugin queued: one write a database, all of its lines or none."""
        for database, texts in self.queued.items():
            try:
                self._write(database, texts, sync=False)
            except InvalidNameError:
                self._reject(database, kind, f"invalid database name: {database}")
            except ServerError as error:
                text = write_buffer_text(error)
                self._reject(database, kind, f"error writing back lines to {database}: Cannot write: {text}")
        if self.queued:
            self.runtime.carry_back()

    def _reject(self, database: str, kind: str, text: str) -> None:
        self.rejected.append(Rejected(database, text))
        self.log("ERROR", f"error running {kind} plugin: {text}")

    def failed(self, error: BaseException, stage: str) -> Response | None:
        """Log an error as its trigger kind and error behaviour do; only request plugins answer."""
        trigger, text = self.work.trigger, error_text(error)
        if trigger.kind == "request":
            text = f"Python function call failed: {text}" if stage == "call" else text
            self.log("ERROR", f"error running request plugin: {text}")
            return error_response(text)
        if trigger.error_behavior == "log":
            self.log("ERROR", f"error executing {trigger.kind} plugin: {text}")
            if trigger.kind == "schedule":
                how = "async scheduled" if trigger.run_async else "scheduled"
                self.log("ERROR", f"error running {how} plugin: {text}")
        return None

    def cache(self) -> PyCache:
        """Give the plugin its cache; expired values are swept now and then, as on the server."""
        store = self.runtime.cache
        store.sweep()
        return PyCache(store, store.of_trigger(self.work.trigger.key), store.shared, self._cache_changed)

    def _cache_changed(self, namespace: str, key: str, before: Any, after: Any) -> None:
        self.cache_records.append(CacheChange(self.id, namespace, key, _kept(before), _kept(after)))
        if self.runtime.unkept is not None and after is not None:
            where = namespace if namespace != "trigger" else f"{self.database}.{self.work.trigger.name}"
            if why := self.runtime.unkept(where, key, after):
                self.notes.append(why)

    def as_run(self, done: Invocation, response: Response | None) -> Run:
        """End the call."""
        work, trigger = self.work, self.work.trigger
        lost, needs = self.logged - len(self.log_rows), self.runtime.missing.get(trigger.path)
        if lost:
            self.notes.append(f"it logged {self.logged:,} rows; the newest {KEPT_LOG_ROWS:,} are kept")
        if needs is not None:
            self.notes.append(needs)
        if work.batch is not None:
            self.runtime.kept.append(work)
        self.run = Run(
            id=self.id,
            trigger=trigger.name,
            database=self.database,
            kind=trigger.kind,
            plugin=trigger.path,
            event=work.event,
            started_ns=self.started_ns,
            ended_ns=self.runtime.clock.now_ns if self.ended_ns is None else self.ended_ns,
            duration=done.seconds,
            cpu_seconds=done.cpu_seconds,
            error=done.error,
            traceback=done.traceback,
            log_rows=tuple(self.log_rows),
            written=tuple(self.written),
            query_records=tuple(self.queries),
            exchanges=tuple(self.exchanges),
            cache_records=tuple(self.cache_records),
            rejected=tuple(self.rejected),
            response=response,
            caused_by=cause.run if (cause := work.within or next(iter(work.causes), None)) is not None else None,
            attempt=work.attempt,
            depth=work.depth,
            tables=work.sizes(),
            call_time_ns=work.call_time_ns,
            request=work.request,
            slept_ns=self.slept_ns,
            printed=done.printed,
            notes=(*done.notes, *self.notes),
            faults=(*work.faults, *self.faults),
            work=None if work.batch is None else ref(work),
            tracked=self.tracked() if self.tracked is not None else None,
        )
        return self.run
