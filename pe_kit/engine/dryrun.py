"""Dry runs: what ``/api/v3/plugin_test/*`` of the server answers.

Queries are real, writes are collected and validated afterwards, the cache is a separate one. Behaviour:
``influxdb3_processing_engine/src/plugins.rs`` (``run_dry_run_wal_plugin``, ``run_test_schedule_plugin``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pe_kit.clock import as_text
from pe_kit.duration import format_duration
from pe_kit.engine.cache import PyCache
from pe_kit.engine.call import plugin_query
from pe_kit.engine.cron import CronError, CronExpression
from pe_kit.engine.invoke import error_text, invoke
from pe_kit.engine.localapi import PyPluginCallApi
from pe_kit.engine.outgoing import HttpSite
from pe_kit.engine.work import call_time, scheduled_text
from pe_kit.errors import InvalidNameError, LineProtocolError, ServerError
from pe_kit.store.refusal import EMPTY, write_buffer_text

if TYPE_CHECKING:
    from pe_kit.engine.records import Exchange
    from pe_kit.engine.runtime import Runtime
    from pe_kit.plugins.snapshot import Snapshot

__all__ = ["test_schedule_plugin", "test_wal_plugin"]

_GEN1_NS = 60 * 1_000_000_000
_DEFAULT_SCHEDULE = "* * * * * *"


class _DryCall:
    """Stands in for a Call: keeps what the plugin logs and writes instead of applying it."""

    def __init__(self, runtime: Runtime, database: str, cache_name: str | None) -> None:
        self.runtime = runtime
        self.database = database
        self.cache_name = cache_name
        self.id = 0
        self.slept_ns = 0
        self.notes: list[str] = []
        self.exchanges: list[Exchange] = []
        self.lines: list[str] = []
        self.sync: dict[str, list[str]] = {}
        self.queued: dict[str, list[str]] = {}

    @property
    def title(self) -> str:
        return "the plugin"

    def pass_time(self, ns: int) -> None:
        self.slept_ns += ns
        self.runtime.slept = True
        self.runtime.clock.move_to(self.runtime.clock.now_ns + ns)

    def log(self, level: str, text: str) -> None:
        self.lines.append(f"{level}: {text}")

    def query(self, sql: str, args: dict[str, str] | None, database: str | None) -> list[dict[str, Any]]:
        return plugin_query(self.runtime.store, sql, args, self.database if database is None else database)

    def queue(self, database: str, text: str) -> None:
        self.queued.setdefault(database, []).append(text)

    def write_now(self, database: str, text: str, no_sync: bool) -> None:
        del no_sync
        self.sync.setdefault(database, []).append(text)

    def cache(self) -> PyCache:
        store = self.runtime.cache
        store.sweep()
        shared, own = store.of_test(self.cache_name)
        return PyCache(store, own, shared, lambda *_: None, test=True)

    def writes(self) -> dict[str, list[str]]:
        out = {database: list(lines) for database, lines in self.sync.items()}
        for database, lines in self.queued.items():
            out.setdefault(database, []).extend(lines)
        return out


def test_wal_plugin(
    runtime: Runtime,
    code: Snapshot,
    lp: str,
    database: str,
    arguments: Mapping[str, str] | None,
    cache_name: str | None,
) -> dict[str, Any]:
    """Run ``process_writes`` on line protocol without storing anything."""
    scratch = runtime.store.scratch()
    try:
        scratch.write(lp, database, precision="nanosecond", accept_partial=False, http_name=False)
    except InvalidNameError:
        return _answer(errors=[f"invalid database {database}"])
    except ServerError as error:
        if error.message != EMPTY:  # no line at all is refused where data is buffered: not here
            return _answer(errors=[write_buffer_text(error)])
    batches = [b for b in scratch.flush(chunk_ns=_GEN1_NS) if b.database == database]
    table_batches = batches[0].table_batches() if batches else []
    call = _DryCall(runtime, database, cache_name)
    call.log("INFO", "starting execution of wal plugin.")
    return _finish(runtime, call, code, "process_writes", table_batches, arguments)


def test_schedule_plugin(
    runtime: Runtime,
    code: Snapshot,
    database: str,
    schedule: str | None,
    arguments: Mapping[str, str] | None,
    cache_name: str | None,
) -> dict[str, Any]:
    """Run ``process_scheduled_call`` for the next time after now that a bare cron expression names."""
    if not runtime.store.has_database(database):
        return {"trigger_time": None, **_answer(errors=["couldn't find db"])}
    expression = _DEFAULT_SCHEDULE if schedule is None else schedule
    try:
        due = CronExpression.parse(expression).next_after(runtime.clock.now_ns // 1_000_000_000)
    except CronError as error:
        return {"trigger_time": None, **_answer(errors=[f"invalid cron syntax: {error}"])}
    if due is None:
        return {"trigger_time": None, **_answer(errors=[f"cron schedule never triggers: {expression}"])}
    due_ns = due * 1_000_000_000
    call = _DryCall(runtime, database, cache_name)
    call.log("INFO", scheduled_text(due_ns))
    answer = _finish(runtime, call, code, "process_scheduled_call", call_time(due_ns), arguments)
    failed = any(error.startswith("error executing plugin: ") for error in answer["errors"])
    return {"trigger_time": None if failed else as_text(due_ns), **answer}


def _answer(
    log_lines: list[str] | None = None, writes: dict[str, list[str]] | None = None, errors: list[str] | None = None
) -> dict[str, Any]:
    return {"log_lines": log_lines or [], "database_writes": writes or {}, "errors": errors or []}


def _finish(
    runtime: Runtime, call: _DryCall, code: Snapshot, entry: str, given: Any, arguments: Mapping[str, str] | None
) -> dict[str, Any]:
    api = PyPluginCallApi(call)  # type: ignore[arg-type]  # the same five methods as a Call
    args = None if arguments is None else dict(arguments)
    if HttpSite.left and runtime.clock.virtual:
        HttpSite.patch(code)
    done = invoke(code, entry, (api, given, args), lambda body: runtime.around(call, body))  # type: ignore[arg-type]
    if done.error is not None:
        if runtime.is_interrupt(done.error):
            raise done.error
        return _answer(errors=[f"error executing plugin: {error_text(done.error)}"])
    call.log("INFO", f"finished execution in {format_duration(call.slept_ns)}")
    writes = call.writes()
    return _answer(call.lines, writes, [e for db, lines in writes.items() for e in _validate(runtime, db, lines)])


def _validate(runtime: Runtime, database: str, lines: list[str]) -> list[str]:
    """Check a database's lines against a copy of the catalog; stops at the first bad line, as the server does."""
    try:
        runtime.store.scratch().write(
            "\n".join(lines), database, precision="nanosecond", accept_partial=False, http_name=False
        )
    except InvalidNameError as error:
        return [f"database name {database} is invalid: {error.message}"]
    except LineProtocolError as error:
        fields = (
            f"original_line: {_debug(error.original_line)}, line_number: {error.line_number}, "
            f"error_message: {_debug(error.error_message)}"
        )
        return [f"line protocol parse error on write to db {database}: WriteLineError {{ {fields} }}"]
    except ServerError as error:
        if error.message != EMPTY:
            return [f"Failed to initialize validator for db {database}: {write_buffer_text(error)}"]
    return []


def _debug(text: str) -> str:
    """Quote a text as Rust's Debug does, for the characters that come up in lines."""
    return json.dumps(text, ensure_ascii=False)
