"""Bins on the clock on the wall: ``date_bin_wallclock`` and the steps of ``date_bin_wallclock_gapfill``.

Sources: core/query_functions/src/date_bin_wallclock.rs and
core/iox_query/src/exec/gapfill/date_bin_wallclock_gap_expander.rs. Times are int64 nanoseconds in numpy arrays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pe_kit.errors import QueryError
from pe_kit.store.functions.scalars import in_zone
from pe_kit.store.functions.signatures import display_type, no_arguments, no_match
from pe_kit.store.sqlerrors import plan_error

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from pe_kit.store.functions.rewriter import Rewriter, Scope
    from pe_kit.store.statements import Call

__all__ = ["date_bin_wallclock", "from_local", "is_utc", "offsets", "steps"]

_DAY = 86_400_000_000_000
_UTC = re.compile(
    r"[+-]?00:?(00)?|(Etc/)?(GMT(0|Minus0|Plus0)?|Greenwich|UCT|UTC|Universal|Zulu)",
)


def is_utc(zone: str | None) -> bool:
    """Say whether a zone never differs from UTC, by its name as the server lists them; no zone is UTC too."""
    return zone is None or _UTC.fullmatch(zone) is not None


def _arrow_zone(zone: str) -> str:
    return zone + ":00" if re.fullmatch(r"[+-]\d\d", zone) else zone


def _local(utc: np.ndarray[Any, Any], zone: str) -> np.ndarray[Any, Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = pa.array(utc, pa.timestamp("ns", _arrow_zone(zone)))
    return pc.local_timestamp(moments).cast(pa.int64()).to_numpy()  # type: ignore[no-any-return]


def offsets(utc: np.ndarray[Any, Any], zone: str) -> np.ndarray[Any, Any]:
    """Give local time minus UTC at each moment."""
    return _local(utc, zone) - utc  # type: ignore[no-any-return]


def from_local(
    local: np.ndarray[Any, Any], zone: str, interval_ns: int | None, row_offset: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Turn local times into UTC.

    Args:
        local: local times; some may exist twice or not at all.
        zone: the zone.
        interval_ns: the stride, or None when it has days or months.
        row_offset: the offset of the row that each local time comes from; decides between two moments when the
            stride is not longer than the time that is repeated.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    wall = pa.array(local, pa.timestamp("ns"))

    def read(ambiguous: str) -> np.ndarray[Any, Any]:
        moments = pc.assume_timezone(wall, _arrow_zone(zone), ambiguous=ambiguous, nonexistent="latest")
        return moments.cast(pa.int64()).to_numpy()  # type: ignore[no-any-return]

    earliest, latest = read("earliest"), read("latest")
    repeated = latest - earliest
    result = earliest.copy()
    if repeated.any() and interval_ns is not None:
        by_row = (repeated > 0) & (interval_ns <= repeated)
        result = np.where(by_row, local - row_offset, result)
    skipped = _local(earliest, zone) != local
    if skipped.any():  # the offset in force a day before
        before = local[skipped] - _DAY
        result[skipped] = local[skipped] + from_local(before, zone, interval_ns, row_offset[skipped]) - before
    return result


def steps(first: int, last: int, stride: int, zone: str) -> np.ndarray[Any, Any]:
    """Give the bins from ``first`` to ``last``, a stride apart on the wall."""
    import numpy as np

    parts: list[np.ndarray[Any, Any]] = []
    at, offset = first, int(offsets(np.array([first]), zone)[0])
    while at <= last:
        run = at + np.arange((last - at) // stride + 2, dtype=np.int64) * stride
        changed = np.flatnonzero(offsets(run, zone)[1:] != offset)
        if not len(changed):
            parts.append(run)
            break
        stop = int(changed[0]) + 1
        parts.append(run[:stop])
        at, offset = _cross(int(run[stop]), offset, stride, zone)
    found = np.concatenate(parts) if parts else np.array([], np.int64)
    return found[found <= last]


def _cross(at: int, offset: int, stride: int, zone: str) -> tuple[int, int]:
    """Step over a change of the clock: the bin's moment and the offset to go on with."""
    import numpy as np

    there = int(offsets(np.array([at]), zone)[0])
    change = abs(offset - there)
    if change >= stride:
        return at, there
    if there > offset and int(offsets(np.array([at - change]), zone)[0]) != there:
        return at, offset  # the time aimed at does not exist; the next step makes up for it
    return at + offset - there, there


def date_bin_wallclock(rewriter: Rewriter, call: Call, scope: Scope) -> tuple[str, int]:
    """Rewrite ``date_bin_wallclock(interval, time[, origin])``: DataFusion bins the local time, then back to UTC."""
    args = rewriter.arguments(call, scope)
    new = wallclock_bin(rewriter, args, scope, call.name)
    rewriter.note(new, call, args, scope)
    return new, call.end


def wallclock_bin(rewriter: Rewriter, args: list[str], scope: Scope, name: str = "date_bin_wallclock") -> str:
    """Write the bin of rewritten arguments in plain SQL."""
    import pyarrow as pa

    if not args:
        raise no_arguments(name, "Interval(MonthDayNano), Timestamp(ns)")
    kinds = [rewriter.type_of(arg, scope) for arg in args]
    kind = kinds[1] if len(args) > 1 else None
    is_time = kind is None or pa.types.is_temporal(kind) or pa.types.is_string(kind)
    if len(args) not in (2, 3) or not is_time:
        error = no_match(name, kinds, _SIGNATURES)
        error.mend = "" if kind is None or is_time else f"{args[1]} is {display_type(kind)}."
        raise error
    if kind is not None and not (pa.types.is_timestamp(kind) and kind.unit == "ns"):
        args, kind = [args[0], f"arrow_cast({args[1]}, 'Timestamp(Nanosecond, None)')", *args[2:]], None
    stride, time, origin = args[0], args[1], args[2] if len(args) == 3 else None
    zone = None if kind is None else kind.tz
    if origin is not None and rewriter.constant(origin) is None:
        text = "DATE_BIN_WALLCLOCK only supports literal values for the origin argument, not arrays"
        raise plan_error(text, kind="NotImplemented")
    naive = None if origin is None else f"arrow_cast({origin}, 'Timestamp(Nanosecond, None)')"
    if is_utc(zone):
        rest = "" if naive is None else ", " + (naive if zone is None else in_zone(naive, zone))
        return f"date_bin({stride}, {time}{rest})"
    assert zone is not None
    interval = rewriter.constant(f"arrow_cast({stride}, 'Interval(MonthDayNano)')")
    if interval is None:
        raise QueryError(
            "Execution error: DATE_BIN_WALLCLOCK requires scalar interval value", stage="streaming", status=500
        )
    parts = interval.as_py()
    nanoseconds = parts.nanoseconds if parts is not None and not parts.months and not parts.days else None
    rest = "" if naive is None else f", {naive}"
    back = _define(rewriter, zone, nanoseconds)
    return f"{back}(date_bin({stride}, to_local_time({time}){rest}), {time})"


_SIGNATURES = [
    ["Interval(MonthDayNano)", time, *rest]
    for time in ("Timestamp(Nanosecond, None)", 'Timestamp(Nanosecond, Some("+TZ"))')
    for rest in ([], ["Timestamp(Nanosecond, None)"])
]


def _define(rewriter: Rewriter, zone: str, interval_ns: int | None) -> str:
    """Make the way back from local time a function of DataFusion's, called once a batch."""
    import pyarrow as pa

    kind = pa.timestamp("ns", zone)

    def back(wall: pa.Array, moment: pa.Array) -> pa.Array:
        valid = wall.is_valid()
        local = wall.fill_null(0).cast(pa.int64()).to_numpy()
        utc = moment.cast(pa.int64()).fill_null(0).to_numpy()
        found = from_local(local, zone, interval_ns, offsets(utc, zone))
        return pa.array(found, kind, mask=~valid.to_numpy(zero_copy_only=False))

    name = "from_local_" + "".join(f"{ord(c):x}" for c in zone) + f"_{interval_ns or 0}"
    rewriter.planner.define(name, back, [pa.timestamp("ns"), kind], kind)
    return name
