"""What plugins wrote, as a DataFrame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pe_kit.engine.outcome import Run
from pe_kit.lineprotocol.grammar import parse

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["writes_frame"]


def writes_frame(runs: Iterable[Run]) -> pd.DataFrame:
    """Turn the lines of runs into rows: database, table, the columns as they came up, time (``datetime64[ns]``).

    Integers stay integers where no row lacks them; a missing timestamp shows the time of the write.
    """
    import numpy as np
    import pandas as pd

    rows: list[dict[str, Any]] = []
    times: list[int] = []
    for run in runs:
        for entry in run.written:
            for item in parse(entry.line):
                if item.line is None:
                    continue
                row: dict[str, Any] = {"database": entry.database, "table": item.line.measurement}
                row.update(item.line.tags)
                row.update((key, value) for key, _, value in item.line.fields)
                rows.append(row)
                times.append(entry.time_ns if item.line.timestamp is None else item.line.timestamp)
    frame = pd.DataFrame(rows) if rows else pd.DataFrame({"database": [], "table": []})
    frame["time"] = np.array(times, dtype="int64").view("datetime64[ns]")
    return frame
