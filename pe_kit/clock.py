"""The one clock of an engine: virtual or wall. Times are int nanoseconds since the Unix epoch, UTC."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from pe_kit.errors import ClockError

__all__ = ["Clock", "VirtualClock", "WallClock", "as_datetime", "as_ns", "as_text"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIN, _MAX = -(2**63), 2**63 - 1
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|z|[+-]\d\d:?\d\d)?)?"
)


def as_ns(moment: datetime | str | int) -> int:
    """Turn a moment into int nanoseconds.

    Args:
        moment: a datetime (naive means UTC), RFC 3339 text (without offset means UTC), or int nanoseconds.

    Raises:
        ClockError: the text is no time, or the time does not fit int64 nanoseconds (1677 to 2262).
    """
    if isinstance(moment, bool) or not isinstance(moment, datetime | str | int):
        raise ClockError(
            f"a time is a datetime, RFC 3339 text or int nanoseconds, not {type(moment).__name__}",
            mend="For example '2026-01-01T00:00:00Z'.",
        )
    if isinstance(moment, int):
        ns = int(moment)
    elif isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        delta = aware - _EPOCH
        ns = (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000
        ns += int(getattr(moment, "nanosecond", 0))
    else:
        match = _RFC3339.fullmatch(moment.strip())
        try:
            if match is None:
                raise ValueError(moment)
            year, month, day, hour, minute, second, fraction, offset = match.groups()
            zone = "+00:00" if offset in (None, "Z", "z") else offset
            base = datetime.fromisoformat(
                f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}"
            )
        except ValueError:
            raise ClockError(
                f"{moment!r} is not a time", mend="Write RFC 3339, for example '2026-01-01T00:00:00Z' or '2026-01-01'."
            ) from None
        ns = as_ns(base) + int((fraction or "0").ljust(9, "0"))
    if not _MIN <= ns <= _MAX:
        raise ClockError(f"{moment!r} is outside the times that int64 nanoseconds can hold (1677 to 2262)")
    return ns


def as_datetime(ns: int) -> datetime:
    """Turn int nanoseconds into an aware UTC datetime (microseconds, rounded down)."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def as_text(ns: int) -> str:
    """Write int nanoseconds as RFC 3339 in UTC, with the fraction only where there is one."""
    seconds, rest = divmod(ns, 1_000_000_000)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


class Clock:
    """What both clocks are: ``now_ns`` and whether time may be moved by hand."""

    virtual: bool
    now_ns: int

    def move_to(self, ns: int) -> None:
        """Set the time; never backwards."""
        raise ClockError(
            "the wall clock cannot be moved", mend="Make the engine with Engine(clock='virtual') to move time by hand."
        )


class VirtualClock(Clock):
    """Time that stands still until it is moved."""

    virtual = True

    def __init__(self, start_ns: int) -> None:
        self.now_ns = start_ns

    def move_to(self, ns: int) -> None:
        """Set the time.

        Raises:
            ClockError: ``ns`` lies before the current time: virtual time never goes back.
        """
        if ns < self.now_ns:
            raise ClockError(
                f"time never goes back: it is {as_text(self.now_ns)}, {as_text(ns)} has passed",
                mend="engine.at(n) shows the past, engine.at(n).fork() continues from it.",
            )
        self.now_ns = ns


class WallClock(Clock):
    """The machine's time."""

    virtual = False

    @property
    def now_ns(self) -> int:  # type: ignore[override]
        """The machine's time in nanoseconds."""
        return time.time_ns()
