"""Timestamp precisions: what a number on a line means in nanoseconds (influxdb3_types/src/write.rs)."""

from __future__ import annotations

from typing import Literal

__all__ = ["INT64_MAX", "INT64_MIN", "Precision", "as_precision", "missing_ns", "to_ns", "units_of"]

Precision = Literal["auto", "second", "millisecond", "microsecond", "nanosecond"]

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_UNITS: dict[Precision, int] = {
    "second": 1_000_000_000,
    "millisecond": 1_000_000,
    "microsecond": 1_000,
    "nanosecond": 1,
}
_NAMES: dict[str, Precision] = {
    "auto": "auto",
    "s": "second",
    "second": "second",
    "ms": "millisecond",
    "millisecond": "millisecond",
    "us": "microsecond",
    "u": "microsecond",
    "microsecond": "microsecond",
    "ns": "nanosecond",
    "n": "nanosecond",
    "nanosecond": "nanosecond",
}


def as_precision(text: str) -> Precision:
    """Give the long name of a precision as the server's write endpoint takes it.

    Raises:
        ValueError: the server's text for a precision that it does not know.
    """
    try:
        return _NAMES[text]
    except KeyError:
        raise ValueError(f"unrecognized precision unit: {text}") from None


def units_of(precision: Precision) -> int:
    """Give the nanoseconds in one unit of a precision; 1 for ``auto``, which has no unit of its own."""
    return _UNITS.get(precision, 1)


def to_ns(ts: int, precision: Precision) -> int:
    """Turn the number on a line into nanoseconds; ``auto`` guesses the unit by its magnitude.

    Raises:
        ValueError: the server's text for a time outside int64 nanoseconds.
    """
    unit = _guess(ts) if precision == "auto" else _UNITS[precision]
    ns = ts * unit
    if not INT64_MIN <= ns <= INT64_MAX:
        raise ValueError(f"timestamp, {ts}, out of range for precision: {precision.capitalize()}")
    return ns


def missing_ns(now_ns: int, precision: Precision) -> int:
    """Give the time of a line that has none: now, cut toward zero to whole units (``auto`` cuts nothing)."""
    unit = units_of(precision)
    cut = abs(now_ns) // unit * unit
    return cut if now_ns >= 0 else -cut


def _guess(ts: int) -> int:
    billions = abs(ts) // 1_000_000_000
    # int64 has no positive twin of its lowest number: the server's abs() gives it back negative, hence "seconds"
    if billions < 5 or ts == INT64_MIN:
        return _UNITS["second"]
    if billions < 5_000:
        return _UNITS["millisecond"]
    if billions < 5_000_000:
        return _UNITS["microsecond"]
    return 1
