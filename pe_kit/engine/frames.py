"""The engine's state as DataFrames: cache, log, query results."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pe_kit.engine.outcome import LogRow, logs_frame

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pe_kit.engine.cache import CacheStore

__all__ = ["cache_frame", "log_frame", "query_frame"]


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


def log_frame(rows: Iterable[LogRow], trigger: str | None, level: str | None) -> pd.DataFrame:
    """The log rows of a trigger and a level."""
    wanted = None if level is None else level.upper()
    return logs_frame(
        [r for r in rows if (trigger is None or r.trigger_name == trigger) and (wanted is None or r.level == wanted)]
    )


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
