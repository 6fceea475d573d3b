"""Cron expressions as the server reads them (crate ``cron`` 0.15, ``src/parsing.rs``), all in UTC.

Seconds come first, six or seven fields, weekdays count from 1 = Sunday, and every field must match: day of month AND
day of week. The time of day is looked up in tables; the days come from croniter, told to mean the same.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

__all__ = ["WEEKDAYS", "CronError", "CronExpression"]

WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SHORTHANDS = {
    "@yearly": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 1",
    "@daily": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def _names(*spellings: str) -> dict[str, int]:
    return {name: number for number, group in enumerate(spellings, 1) for name in group.split()}


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: dict[str, int]


_FIELDS = (
    _Field("seconds", 0, 59, {}),
    _Field("minutes", 0, 59, {}),
    _Field("hours", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field(
        "month",
        1,
        12,
        _names(
            "jan january", "feb february", "mar march", "apr april", "may", "jun june",
            "jul july", "aug august", "sep september", "oct october", "nov november", "dec december",
        ),
    ),
    _Field(
        "day of week",
        1,
        7,
        _names(
            "sun sunday", "mon monday", "tue tues tuesday", "wed wednesday", "thu thurs thursday",
            "fri friday", "sat saturday",
        ),
    ),
    _Field("year", 1970, 2100, {}),
)  # fmt: skip
_BLANK = r"[ \t\r\n]*"
_NUMBER, _NAME = rf"{_BLANK}([0-9]+){_BLANK}", rf"{_BLANK}([A-Za-z]+){_BLANK}"
_STEP = rf"(?:/{_NUMBER})?"
# blanks around numbers and names belong to them, `*` has none; fields need no blank between them
_ITEM = re.compile(rf"(\*|\?){_STEP}|{_NUMBER}(?:-{_NUMBER})?{_STEP}|{_NAME}(?:-{_NAME}{_STEP})?")
_SPACE = re.compile(_BLANK)


class CronError(ValueError):
    """A text that is no cron expression for the server; says why."""


@dataclass(frozen=True)
class CronExpression:
    """A parsed expression: the matching ``seconds``, ``minutes`` of the day, ``years``, and croniter's ``days``."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    days: str
    years: tuple[int, ...]
    _found: list[tuple[int, int | None]] = field(default_factory=lambda: [(0, -1)], compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> CronExpression:
        """Read an expression such as ``0 30 6 * * MON-FRI`` or ``@daily``.

        Raises:
            CronError: the server would refuse it.
        """
        long = _SHORTHANDS.get(text.strip(" \t\r\n"), text)
        at, sets = 0, []
        for number, kind in enumerate(_FIELDS):
            at = _end_of(_SPACE, long, at)
            if number == 6 and at == len(long):
                break
            values, at = _read_field(kind, long, at)
            sets.append(values)
            at = _end_of(_SPACE, long, at)
            if at == len(long) and number < 5:
                raise CronError(f"there is no {_FIELDS[number + 1].name} field")
        if at != len(long):
            raise CronError(f"{long[at:]!r} is too much")
        seconds, minutes, hours, days, months, weekdays = map(sorted, sets[:6])
        joined = (",".join(map(str, v)) for v in (days, months, [d - 1 for d in weekdays]))
        return cls(
            text=text,
            seconds=tuple(seconds),
            minutes=tuple(h * 60 + m for h in hours for m in minutes),
            days="0 0 " + " ".join(joined),
            years=tuple(sorted(sets[6])) if len(sets) > 6 else tuple(range(1970, 2101)),
        )

    def next_after(self, second: int) -> int | None:
        """Give the first matching Unix second later than ``second``, or None when there is none up to the year 2100."""
        day, rest = divmod(second + 1, 86_400)
        found = self._day_from(day)
        if found == day:
            minute, rest = divmod(rest, 60)
            at = bisect_left(self.minutes, minute)
            if at < len(self.minutes) and self.minutes[at] == minute:
                if rest <= self.seconds[-1]:
                    return day * 86_400 + minute * 60 + self.seconds[bisect_left(self.seconds, rest)]
                at += 1
            if at < len(self.minutes):
                return day * 86_400 + self.minutes[at] * 60 + self.seconds[0]
            found = self._day_from(day + 1)
        return None if found is None else found * 86_400 + self.minutes[0] * 60 + self.seconds[0]

    def _day_from(self, day: int) -> int | None:
        since, found = self._found[0]  # no day in [since, found) matches
        if since <= day and (found is None or day <= found):
            return found
        self._found[0] = (day, self._search_day(day))
        return self._found[0][1]

    def _search_day(self, day: int) -> int | None:
        from croniter import CroniterBadDateError, croniter

        while True:
            year = date.fromordinal(day + _EPOCH_DAY).year
            if year not in self.years:
                later = bisect_left(self.years, year)
                if later == len(self.years):
                    return None
                day = date(self.years[later], 1, 1).toordinal() - _EPOCH_DAY
            try:
                found = int(croniter(self.days, day * 86_400 - 1, day_or=False).get_next(float)) // 86_400
            except CroniterBadDateError:
                return None
            if date.fromordinal(found + _EPOCH_DAY).year in self.years:
                return found
            day = found


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _read_field(kind: _Field, text: str, at: int) -> tuple[set[int], int]:
    values: set[int] = set()
    start = at
    while match := _ITEM.match(text, at):
        if match[1] == "?" and kind.name not in ("day of month", "day of week"):
            break
        values.update(_expand(kind, match))
        start, at = match.end(), match.end()
        if not text.startswith(",", at):
            return values, at
        at += 1
    if values:
        return values, start  # a comma that no item follows is left to the next field, which refuses it
    raise CronError(f"{text[at:].split()[0] if text[at:].split() else ''!r} is no {kind.name}")


def _expand(kind: _Field, match: re.Match[str]) -> range:
    star, step_a, low, high, step_b, first, last, step_c = match.groups()
    step_text = step_a or step_b or step_c
    if first:
        low, high = (_number_of(kind, name) if name else None for name in (first, last))
    start = kind.low if star else int(low)
    stop = kind.high if star or (high is None and step_text) else int(high if high is not None else low)
    shown = match[0].strip()
    for value in (start, stop):
        if not kind.low <= value <= kind.high:
            raise CronError(f"{shown!r}: {kind.name} is {kind.low} to {kind.high}, not {value}")
    if start > stop:
        raise CronError(f"{shown!r}: a range does not wrap around; write two items, with a comma")
    step = int(step_text) if step_text else 1
    if not 1 <= step <= kind.high:
        raise CronError(f"{shown!r}: a step of {kind.name} is 1 to {kind.high}")
    return range(start, stop + 1, step)


def _number_of(kind: _Field, name: str) -> int:
    if name.lower() not in kind.names:
        raise CronError(f"{name!r} is no {kind.name}" + (" name" if kind.names else ", which has no names"))
    return kind.names[name.lower()]
