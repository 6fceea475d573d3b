"""Where the kit stops what the server would do for ever, and says what the server would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pe_kit.engine.invoke import error_text
from pe_kit.errors import CascadeLimitError, LimitError, RetryLimitError

if TYPE_CHECKING:
    from pe_kit.engine.call import Call
    from pe_kit.engine.outcome import Run
    from pe_kit.engine.trigger_table import Trigger
    from pe_kit.store.wal import FlushedBatch

__all__ = ["cascade_stop", "retry_stop", "self_wait_stop", "table_missing"]


def cascade_stop(
    calls: Sequence[Call], batch: FlushedBatch, triggers: Sequence[Trigger], depth: int
) -> CascadeLimitError:
    """Plugins fired each other too often: name the triggers and tables of the cycle."""
    tables = ", ".join(name for name, _ in batch.sizes())
    chain: list[str] = []
    run: Run | None = calls[0].run
    while run is not None and run.trigger not in chain:
        chain.append(run.trigger)
        run = run.caused_by
    chain.reverse()
    fed = [t for t in triggers if t.spec.kind == "all_tables" or calls[0].wrote_to(batch.database, t.spec.value)]
    fed = fed or list(triggers)
    back = next((t.name for t in fed if t.name in chain), fed[0].name)
    cycle = [*chain[chain.index(back) if back in chain else 0 :], back]
    return CascadeLimitError(
        f"plugins fired each other {depth} times in a row: {' -> '.join(cycle)} (through {batch.database}: {tables})",
        mend="The lines are stored, the triggers stay alive; the server would go on for ever, about once a second. "
        "Skip the plugin's own output table in process_writes, use a table: trigger, or raise "
        "Limits(cascade_depth=...).",
        cycle=cycle,
    )


def retry_stop(trigger: Trigger, retries: int, run: Run | None) -> RetryLimitError:
    """A retrying trigger failed too often."""
    error = f": {error_text(run.error)}" if run is not None and run.error is not None else ""
    code = (
        "with the code as it was when the batch came"
        if trigger.kind == "wal"
        else "reading the plugin file anew for each attempt"
    )
    blocked = " and, once 60 flushes wait, block every write of the server" if trigger.kind == "wal" else ""
    return RetryLimitError(
        f"trigger {trigger.name!r} failed {retries + 1} times in a row{error}",
        mend=f"error_behavior=retry: the server would try again for ever, without a delay, {code}{blocked}. "
        "The kit stopped at Limits(retries=...) and dropped the event.",
    )


def self_wait_stop(trigger: Trigger, queue: int) -> LimitError:
    """A plugin waits for a flush that waits for the plugin."""
    return LimitError(
        f"trigger {trigger.name!r} has {queue} events waiting and waits itself for the next flush: neither can go on",
        mend="On the server this plugin and all writes would hang: it writes with write_sync(no_sync=False), each "
        "flush puts another event into its own queue, and the queue is full. The kit dropped the event. Use write() or "
        "no_sync=True.",
    )


def table_missing(trigger: Trigger) -> str:
    """A ``table:`` trigger was fired before its table exists."""
    then = (
        "the server only writes this to its own standard error"
        if trigger.run_async
        else "on the server its task dies without a log row, until it is disabled and enabled or the server restarts"
    )
    return (
        f"trigger {trigger.name!r}: table not found: {trigger.spec.value!r} is not in database {trigger.database!r}; "
        f"{then}"
    )
