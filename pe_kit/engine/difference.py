"""Row-aligned differences of frames and of engines: what was added, removed and changed, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pe_kit.engine.frames import cache_frame, logs_frame, query_frame
from pe_kit.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pe_kit.engine.engine import Engine
    from pe_kit.engine.runtime import Runtime

__all__ = ["Difference", "diff_frames", "diff_states"]


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """What differs between two states.

    Each frame has one row a difference: ``change`` (``added``, ``removed`` or ``changed``), the key columns, ``column``
    (``*`` for a whole row, whose values are a dict), ``before``, ``after``.

    Attributes:
        tables: keys database, table and the row's key (``key``: its tags and time).
        logs: keys event_time, database, trigger_name, nth.
        cache: keys namespace, database, trigger_name, key.
    """

    tables: pd.DataFrame
    logs: pd.DataFrame
    cache: pd.DataFrame

    @property
    def equal(self) -> bool:
        """True when nothing differs."""
        return not (len(self.tables) or len(self.logs) or len(self.cache))

    def __bool__(self) -> bool:
        return not self.equal

    def __repr__(self) -> str:
        if self.equal:
            return "<no difference>"
        parts = []
        for name in ("tables", "logs", "cache"):
            frame: pd.DataFrame = getattr(self, name)
            if len(frame):
                parts.append(
                    f"{name}: {len(frame)} differences\n{frame.head(10).to_string(index=False, max_colwidth=60)}"
                )
                if len(frame) > 10:
                    parts.append(f"... and {len(frame) - 10} more in .{name}")
        return "\n".join(parts)


def diff_frames(
    before: pd.DataFrame, after: pd.DataFrame, keys: Sequence[str], tolerances: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Compare two frames row by row.

    Args:
        before, after: the frames; rows are aligned by ``keys``, rows of equal keys by their order.
        keys: columns that both have.
        tolerances: column -> largest absolute difference of numbers that still counts as equal.

    Returns:
        change, the keys, column, before, after; empty when equal. A vanished column shows in every row that had it.
        Times are compared to the nanosecond; 1 and 1.0 differ, as an integer and a float field do.
    """
    import pandas as pd

    old, new = _by_key(before, keys), _by_key(after, keys)
    rows: list[dict[str, Any]] = []
    for key, cells in old.items():
        named = dict(zip(keys, key, strict=False))
        if key not in new:
            rows.append({"change": "removed", **named, "column": "*", "before": cells, "after": None})
            continue
        other = new[key]
        for column in dict.fromkeys([*cells, *other]):
            a, b = cells.get(column), other.get(column)
            if not _same(a, b, (tolerances or {}).get(column)):
                rows.append({"change": "changed", **named, "column": column, "before": a, "after": b})
    rows.extend(
        {"change": "added", **dict(zip(keys, key, strict=False)), "column": "*", "before": None, "after": cells}
        for key, cells in new.items()
        if key not in old
    )
    frame = pd.DataFrame(rows, columns=["change", *keys, "column", "before", "after"])
    for column in ("before", "after"):
        frame[column] = pd.Series([row[column] for row in rows], dtype=object)
    return frame


def _by_key(frame: pd.DataFrame, keys: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows by key; the n-th row of an equal key carries n. Absent cells are left out."""
    names = [c for c in frame.columns if c not in keys]
    seen: dict[tuple[Any, ...], int] = {}
    out: dict[tuple[Any, ...], dict[str, Any]] = {}
    columns = [frame[k].tolist() if frame[k].dtype.kind != "M" else list(frame[k]) for k in keys]
    values = [list(frame[n]) for n in names]
    for position in range(len(frame)):
        key = tuple(None if _absent(c[position]) else c[position] for c in columns)
        nth = seen[key] = seen.get(key, -1) + 1
        out[(*key, nth)] = {n: v[position] for n, v in zip(names, values, strict=True) if not _absent(v[position])}
    return out


def _absent(value: Any) -> bool:
    import pandas as pd

    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _same(a: Any, b: Any, tolerance: float | None) -> bool:
    if a is b:
        return True
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    if numbers and tolerance is not None:
        return bool(abs(a - b) <= tolerance)
    if numbers and isinstance(a, bool | float) != isinstance(b, bool | float):
        return False
    try:
        return bool(a == b) and type(a).__name__ == type(b).__name__
    except Exception:  # arrays and the like: equal when they are written the same
        return repr(a) == repr(b)


def diff_states(a: Engine, b: Engine) -> Difference:
    """Compare tables, logs and cache of two engines or views.

    Raises:
        UsageError: one of them is neither.
    """
    import pandas as pd

    for given in (a, b):
        if not hasattr(given, "_runtime"):
            raise UsageError(f"{given!r} is no engine", mend="engine.at(n) gives the one after event n.")
    left, right = a._runtime, b._runtime
    frames: list[pd.DataFrame] = []
    names = dict.fromkeys([*left.store.database_names(), *right.store.database_names()])
    for database in names:
        tables = dict.fromkeys([*_tables(left, database), *_tables(right, database)])
        for table in tables:
            one, other = (_arrow(runtime, database, table) for runtime in (left, right))
            if one == other:
                continue
            frame = diff_frames(_keyed(one), _keyed(other), ["key"])
            frame.insert(1, "database", database)
            frame.insert(2, "table", table)
            frames.append(frame)
    found = [f for f in frames if len(f)]
    columns = ["change", "database", "table", "key", "column", "before", "after"]
    return Difference(
        tables=pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns),
        logs=diff_frames(
            logs_frame(left.logbook), logs_frame(right.logbook), ["event_time", "database", "trigger_name"]
        ),
        cache=diff_frames(_cache(left), _cache(right), ["namespace", "database", "trigger_name", "key"]),
    )


def _tables(runtime: Runtime, database: str) -> list[str]:
    return runtime.store.table_names(database) if runtime.store.has_database(database) else []


def _arrow(runtime: Runtime, database: str, table: str) -> pa.Table | None:
    """The rows of a table, its tags encoded as columns of dictionaries; None where there is no such table."""
    import pyarrow as pa

    if table not in _tables(runtime, database):
        return None
    found = runtime.store.table(database, table)
    return pa.Table.from_batches(found.batches(), found.schema)


def _keyed(table: pa.Table | None) -> pd.DataFrame:
    """The rows of a table with one key column: ``tag=value, ... time``."""
    import pandas as pd
    import pyarrow as pa

    if table is None:
        return pd.DataFrame({"key": []})
    frame = query_frame(table)
    tags = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    keys = [
        ", ".join([*(f"{t}={v}" for t, v in zip(tags, row, strict=True) if not _absent(v)), str(time)])
        for *row, time in zip(*(frame[t] for t in tags), frame["time"], strict=True)
    ]
    frame = frame.drop(columns=[*tags, "time"])
    frame.insert(0, "key", keys)
    return frame


def _cache(runtime: Runtime) -> pd.DataFrame:
    return cache_frame(runtime.cache).drop(columns="size_bytes")
