"""Durations as the server spells them (crate humantime 2.3): ``1h 30m`` <-> nanoseconds."""

from __future__ import annotations

import difflib
import math
import re
from datetime import timedelta
from numbers import Integral, Real

from pe_kit.errors import DurationError

__all__ = ["as_duration_ns", "format_duration", "parse_duration"]

_SECOND = 1_000_000_000
_UNITS = {
    name: ns
    for names, ns in (
        ("nanos nsec ns", 1),
        ("usec us µs", 1_000),
        ("millis msec ms", 1_000_000),
        ("seconds second secs sec s", _SECOND),
        ("minutes minute min mins m", 60 * _SECOND),
        ("hours hour hr hrs h", 3600 * _SECOND),
        ("days day d", 86_400 * _SECOND),
        ("weeks week wk wks w", 604_800 * _SECOND),
        ("months month M", 2_630_016 * _SECOND),
        ("years year yr yrs y", 31_557_600 * _SECOND),
    )
    for name in names.split()
}
_SHOWN = (
    ("year", "years", 31_557_600 * _SECOND),
    ("month", "months", 2_630_016 * _SECOND),
    ("day", "days", 86_400 * _SECOND),
    ("h", "h", 3600 * _SECOND),
    ("m", "m", 60 * _SECOND),
    ("s", "s", _SECOND),
    ("ms", "ms", 1_000_000),
    ("us", "us", 1_000),
    ("ns", "ns", 1),
)
_PART = re.compile(r"\s*([0-9][0-9\s]*)([a-zA-Zµ]*)")
_DECIMAL = re.compile(r"([0-9]*\.[0-9]+|[0-9]+\.)\s*([a-zA-Zµ]+)")
_U64 = 2**64


def parse_duration(text: str) -> int:
    """Turn a text such as ``10s``, ``1h30m`` or ``1 day 2 hours`` into nanoseconds.

    Units as in humantime ``src/duration.rs``, case-sensitive (``m`` minutes, ``M`` months of 30.44 days, ``y`` years
    of 365.25 days); whole numbers only; no unit only for ``0``.

    Raises:
        DurationError: the text is none; the message carries humantime's own reason.
    """
    if text and not text.strip("0"):
        return 0
    total, at = 0, 0
    while text[at:].strip():
        match = _PART.match(text, at)
        if match is None:  # one blank after a unit belongs to that unit
            raise _error(text, f"expected number at {len(text[: at + bool(at)].encode())}")
        number, unit = int("".join(match[1].split())), match[2]
        at = match.end()
        if at < len(text) and not text[at].isspace() and not text[at].isdecimal():
            raise _error(text, f"invalid character at {len(text[:at].encode())}")
        if unit not in _UNITS:
            raise _error(text, _unknown_unit(number, unit), unit)
        total += number * _UNITS[unit]
        if number >= _U64 or total >= _U64 * _SECOND or (_UNITS[unit] < _SECOND and number * _UNITS[unit] >= _U64):
            raise _error(text, "number is too large")
    if not at:
        raise _error(text, "value was empty")
    return total


def _unknown_unit(number: int, unit: str) -> str:
    if not unit:
        return f"time unit needed, for example {number}sec or {number}ms"
    return (
        f'unknown time unit "{unit}", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years '
        "(and few variations)"
    )


def _error(text: str, reason: str, unit: str = "") -> DurationError:
    return DurationError(f"{text!r} is not a duration: {reason}", mend=_mend(text, unit))


def _mend(text: str, unit: str) -> str:
    decimal = _DECIMAL.fullmatch(text.strip())
    if decimal and decimal[2] in _UNITS:
        whole = round(float(decimal[1]) * _UNITS[decimal[2]])
        return f"Numbers are whole; did you mean `{format_duration(whole)}`?"
    if text.strip().isdecimal():
        return f"A number needs a unit; did you mean `{text.strip()}s`?"
    if unit and unit.lower() in _UNITS:
        return f"Units are case-sensitive; did you mean `{text.replace(unit, unit.lower())}`?"
    if unit and (close := difflib.get_close_matches(unit.lower(), _UNITS, n=1)):
        return f"Did you mean `{text.replace(unit, close[0])}`?"
    return "Write a whole number and a unit, for example `10s`, `90m` or `1h 30m`; units: ns us ms s m h d w M y."


def format_duration(ns: int) -> str:
    """Write nanoseconds as humantime does: ``1m 30s``, ``7days``, ``1ms 234us 567ns``, ``0s`` for zero."""
    if not ns:
        return "0s"
    parts = []
    for one, many, size in _SHOWN:
        count, ns = divmod(ns, size)
        if count:
            parts.append(f"{count}{many if count > 1 else one}")
    return " ".join(parts)


def as_duration_ns(value: str | timedelta | float) -> int:
    """Turn what the kit's own API takes for a duration into nanoseconds: text, timedelta, or a number of seconds.

    Raises:
        DurationError: it is none of these, not finite, or negative.
    """
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        ns = (value.days * 86_400 + value.seconds) * _SECOND + value.microseconds * 1000
        ns += int(getattr(value, "nanoseconds", 0))
    elif isinstance(value, Real) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise DurationError(f"{value} is not a duration", mend="A number is a count of seconds, for example 1.5.")
        ns = int(value) * _SECOND if isinstance(value, Integral) else round(float(value) * _SECOND)
    else:
        raise DurationError(
            f"a duration is text, a timedelta or a number of seconds, not {type(value).__name__}",
            mend="For example '10s', timedelta(seconds=10) or 10.",
        )
    if ns < 0:
        raise DurationError(f"{value!r} is negative, a duration is not", mend="Write it without the minus sign.")
    return ns
