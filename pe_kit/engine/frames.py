"""What an engine has and did as DataFrames: cache, log, what plugins wrote, what fires next, query results."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pe_kit.lineprotocol.grammar import parse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pe_kit.engine.cache import CacheStore
    from pe_kit.engine.outcome import Run
    from pe_kit.engine.records import CacheChange, LogRow
    from pe_kit.engine.runtime import Runtime

__all__ = ["cache_frame", "changes_frame", "logs_frame", "query_frame", "upcoming_frame", "writes_frame"]


def cache_frame(cache: CacheStore) -> pd.DataFrame:
    """All values that have not expired; ``value`` is the live object, ``size_bytes`` its own size without referents."""
    import numpy as np
    import pandas as pd

    entries = list(cache.entries())
    expires = [np.datetime64("NaT" if e.expires_ns is None else e.expires_ns, "ns") for *_, e in entries]
    return pd.DataFrame(
        {
            "namespace": [namespace for namespace, *_ in entries],
            "database": pd.Series([database for _, database, *_ in entries], dtype=object),
            "trigger_name": pd.Series([trigger for _, _, trigger, *_ in entries], dtype=object),
            "key": [key for _, _, _, key, _ in entries],
            "value": pd.Series([e.value for *_, e in entries], dtype=object),
            "type": [type(e.value).__name__ for *_, e in entries],
            "expires_at": np.array(expires, dtype="datetime64[ns]"),
            "size_bytes": [_size(e.value) for *_, e in entries],
        }
    )


def _size(value: Any) -> int:
    try:
        return sys.getsizeof(value)
    except Exception:
        return 0


def changes_frame(changes: Iterable[CacheChange]) -> pd.DataFrame:
    """Changes of the plugin cache: run, namespace, key, before, after (objects as they were)."""
    import pandas as pd

    found = list(changes)
    columns: dict[str, Any] = {name: [getattr(c, name) for c in found] for name in ("run", "namespace", "key")}
    for name in ("before", "after"):
        columns[name] = pd.Series([getattr(c, name) for c in found], dtype=object)
    return pd.DataFrame(columns)


def logs_frame(rows: Iterable[LogRow], trigger: str | None = None, level: str | None = None) -> pd.DataFrame:
    """Log rows, of one trigger and level where they are given: event_time, database, trigger_name, log_level, log_text.

    The level may be in any case.
    """
    import pandas as pd

    wanted = None if level is None else level.upper()
    found = [r for r in rows if trigger in (None, r.trigger_name) and wanted in (None, r.level)]
    return pd.DataFrame(
        {
            "event_time": _times([r.time_ns for r in found]),
            "database": [r.database for r in found],
            "trigger_name": [r.trigger_name for r in found],
            "log_level": [r.level for r in found],
            "log_text": [r.text for r in found],
        }
    )


def writes_frame(runs: Iterable[Run]) -> pd.DataFrame:
    """Turn the lines of runs into rows: database, table, the columns as they came up, time (``datetime64[ns]``).

    Integers stay integers where no row lacks them; a missing timestamp shows the time of the write.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    times: list[int] = []
    for entry in (entry for run in runs for entry in run.written):
        for line in (item.line for item in parse(entry.line) if item.line is not None):
            row: dict[str, Any] = {"database": entry.database, "table": line.measurement}
            row.update(line.tags)
            row.update((key, value) for key, _, value in line.fields)
            rows.append(row)
            times.append(entry.time_ns if line.timestamp is None else line.timestamp)
    frame = pd.DataFrame(rows) if rows else pd.DataFrame({"database": [], "table": []})
    frame["time"] = _times(times)
    return frame


def upcoming_frame(runtime: Runtime, n: int) -> pd.DataFrame:
    """The next ``n`` moments: time, kind (``wal_flush`` or ``schedule``), trigger_name, database."""
    import pandas as pd

    heap: list[tuple[int, int, Any]] = []
    if runtime.flush_due_ns is not None:
        heap.append((runtime.flush_due_ns, -1, None))
    heap.extend((t.next_ns, t.order, t) for t in runtime.triggers.scheduled() if t.next_ns is not None)
    heapq.heapify(heap)
    rows: list[tuple[int, str, str | None, str | None]] = []
    while heap and len(rows) < n:
        moment, order, trigger = heapq.heappop(heap)
        if trigger is None:
            rows.append((moment, "wal_flush", None, None))
            continue
        rows.append((moment, "schedule", trigger.name, trigger.database))
        following = trigger.schedule.following(moment)
        if following is not None:
            heapq.heappush(heap, (following, order, trigger))
    frame = pd.DataFrame(rows, columns=["time", "kind", "trigger_name", "database"])
    frame["time"] = _times([r[0] for r in rows])
    return frame


def _times(ns: list[int]) -> Any:
    import numpy as np

    return np.array(ns, dtype="int64").view("datetime64[ns]")


def query_frame(table: pa.Table) -> pd.DataFrame:
    """A query's result: tags as text, nanosecond times intact, of equal names each kept."""
    import pyarrow as pa

    def readable(column: pa.ChunkedArray) -> pa.ChunkedArray:
        if pa.types.is_dictionary(column.type):
            return column.cast(pa.string())
        views = pa.types.is_list(column.type) and pa.types.is_string_view(column.type.value_type)
        return column.cast(pa.list_(pa.string())) if views else column  # pandas cannot take lists of views

    columns = [readable(column) for column in table.columns]
    plain = pa.table(columns, names=table.column_names) if table.num_columns else table
    frame: pd.DataFrame = plain.to_pandas(date_as_object=False)
    return frame
