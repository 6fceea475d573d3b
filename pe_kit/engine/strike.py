"""Where faults strike: the sites inside a call, a flush and the cache, and what each fault does there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pe_kit.engine.faults import TTL
from pe_kit.errors import QueryError, ServerError
from pe_kit.types import TableBatch

if TYPE_CHECKING:
    from pe_kit.engine.cache import Namespace
    from pe_kit.engine.call import Call
    from pe_kit.engine.faults import Strike
    from pe_kit.engine.runtime import Runtime
    from pe_kit.engine.work import Work

__all__ = ["before_call", "on_cache", "on_query", "on_write", "reversed_batches", "with_batch_faults"]


def _in_call(call: Call, site: str, detail: str) -> Strike | None:
    """Pass a site within a call."""
    runtime = call.runtime
    strike = runtime.faults.at(site, call.work.trigger.name, detail, runtime.random)
    if strike is not None:
        call.faults.append(strike.text)
    return strike


def on_query(call: Call, sql: str) -> None:
    """A query fails or takes its time.

    Raises:
        QueryError: the injected failure, in the words of a failing query.
    """
    strike = _in_call(call, "query", sql)
    if strike is None:
        return
    if strike.fault == "error":
        raise QueryError("External error: injected fault", stage="streaming", status=500)
    call.pass_time(strike.amount_ns)


def on_write(call: Call, database: str, sync: bool) -> None:
    """A write is refused.

    Raises:
        ServerError: the injected refusal.
    """
    if _in_call(call, "write_sync" if sync else "write_back", database) is not None:
        raise ServerError("line protocol parse failed: injected fault", status=500)


def on_cache(runtime: Runtime, operation: str, namespace: str, values: Namespace, key: str) -> None:
    """A cached value is gone when it is read. Only values that are there can vanish."""
    call, entry = runtime.current_call, values.get(key)
    if operation != "get" or call is None or entry is None:
        return
    if _in_call(call, "cache", f"{namespace}:{key}" + ("" if entry.expires_ns is None else TTL)) is not None:
        del values[key]


def with_batch_faults(runtime: Runtime, work: Work) -> list[Work]:
    """Give the work that a flush makes for a trigger: usually just that, twice or reversed when a fault strikes."""
    trigger = work.trigger
    strike = runtime.faults.at("batch", trigger.name, trigger.database, runtime.random)
    if strike is None:
        return [work]
    work = replace(work, faults=(strike.text,), reverse=strike.fault == "reorder")
    return [work, work] if strike.fault == "twice" else [work]


def reversed_batches(batches: list[TableBatch]) -> list[TableBatch]:
    """Tables and rows in reverse order."""
    return [{"table_name": b["table_name"], "rows": b["rows"][::-1]} for b in reversed(batches)]


def before_call(runtime: Runtime, work: Work) -> Work | None:
    """Something happens just before a call; None when the call does not take place."""
    trigger = work.trigger
    strike = runtime.faults.at("call", trigger.name, trigger.kind, runtime.random)
    if strike is None:
        return work
    if strike.fault == "disable":
        trigger.disabled = True
        runtime.triggers.stop(trigger)
        runtime.cache.drop_trigger(trigger.key)
        runtime.gatherer.note(f"injected fault: {strike.text} for trigger {trigger.name!r}")
        return None
    if strike.fault == "jump":
        runtime.clock.move_to(runtime.clock.now_ns + strike.amount_ns)
    else:
        runtime.lose_memory()
    return replace(work, faults=(*work.faults, strike.text))
