"""A preview of what fires next."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pe_kit.engine.runtime import Runtime

__all__ = ["upcoming"]


def upcoming(runtime: Runtime, n: int) -> pd.DataFrame:
    """The next ``n`` moments: time, kind (``wal_flush`` or ``schedule``), trigger_name, database."""
    import numpy as np
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
    frame["time"] = np.array([r[0] for r in rows], dtype="int64").view("datetime64[ns]")
    return frame
