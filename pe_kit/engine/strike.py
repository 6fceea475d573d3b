"""Where faults strike: the sites inside a call, a flush and the cache, and what each fault does there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pe_kit.errors import QueryError, ServerError
from pe_kit.types import TableBatch

if TYPE_CHECKING:
    from pe_kit.engine.cache import Namespace
    from pe_kit.engine.call import Call
    from pe_kit.engine.runtime import Runtime
    from pe_kit.engine.work import Work

__all__ = ["before_call", "on_cache", "on_query", "on_write", "reversed_batches", "with_batch_faults"]


def _strike(runtime: Runtime, call: Call | None, site: str, trigger: str, detail: str) -> tuple[str, int] | None:
    rule = runtime.faults.at(site, trigger, detail, runtime.random)
    if rule is None:
        return None
    text = f"{site}: {rule.fault}" + (f" ({detail[:80]})" if detail else "")
    if call is not None:
        call.faults.append(text)
    elif runtime.collector is not None:
        runtime.collector.note(f"injected fault: {text} for trigger {trigger!r}")
    return rule.fault, rule.amount_ns


def on_query(runtime: Runtime, call: Call, sql: str) -> None:
    """A query fails or takes its time.

    Raises:
        QueryError: the injected failure, in the words of a failing query.
    """
    struck = _strike(runtime, call, "query", call.work.trigger.name, sql)
    if struck is None:
        return
    if struck[0] == "slow":
        call.pass_time(struck[1])
        return
    raise QueryError("External error: injected fault", stage="streaming", status=500)


def on_write(runtime: Runtime, call: Call, database: str, sync: bool) -> None:
    """A write is refused.

    Raises:
        ServerError: the injected refusal.
    """
    if _strike(runtime, call, "write_sync" if sync else "write_back", call.work.trigger.name, database) is not None:
        raise ServerError("line protocol parse failed: injected fault", status=500)


def on_cache(runtime: Runtime, operation: str, namespace: str, values: Namespace, key: str) -> None:
    """A cached value is gone when it is read. Only values that are there can vanish."""
    call = runtime.current_call
    entry = values.get(key)
    if operation != "get" or call is None or entry is None:
        return
    faults = runtime.faults
    # an early expiry needs a TTL: other reads do not pass for it
    detail = f"{namespace}:{key}" + (" (ttl)" if entry.expires_ns is not None else "")
    rule = faults.at("cache", call.work.trigger.name, detail, runtime.random)
    if rule is not None and (rule.fault == "vanish" or entry.expires_ns is not None):
        call.faults.append(f"cache: {rule.fault} ({detail})")
        del values[key]


def with_batch_faults(runtime: Runtime, work: Work) -> list[Work]:
    """Give the work that a flush makes for a trigger: usually just that, twice or reversed when a fault strikes."""
    struck = _strike(runtime, None, "batch", work.trigger.name, work.trigger.database)
    if struck is None:
        return [work]
    return [work, work] if struck[0] == "twice" else [replace(work, reverse=True)]


def reversed_batches(batches: list[TableBatch]) -> list[TableBatch]:
    """Tables and rows in reverse order."""
    return [{"table_name": b["table_name"], "rows": b["rows"][::-1]} for b in reversed(batches)]


def before_call(runtime: Runtime, work: Work) -> bool:
    """Something happens just before a call; False when the call does not take place."""
    trigger = work.trigger
    struck = _strike(runtime, None, "call", trigger.name, trigger.kind)
    if struck is None:
        return True
    if struck[0] == "jump":
        runtime.clock.move_to(runtime.clock.now_ns + struck[1])
        return True
    if struck[0] == "disable":
        trigger.disabled = True
        runtime.triggers.stop(trigger)
        runtime.cache.drop_trigger(trigger.key)
        return False
    runtime.lose_memory()
    return True
