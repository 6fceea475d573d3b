"""Schedules fire when the server's do: crate cron 0.15, ``new_every`` in influxdb3_processing_engine/src/plugins.rs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pe_kit.clock import as_ns, as_text
from pe_kit.engine.cron import CronError, CronExpression
from pe_kit.engine.schedule import schedule_of
from pe_kit.engine.trigger import parse_spec


def times(spec: str, start: str, count: int) -> list[str]:
    schedule = schedule_of(parse_spec(spec))
    at, out = schedule.next_after(as_ns(start)), list[str]()
    while at is not None and len(out) < count:
        out.append(as_text(at))
        at = schedule.following(at)
    return out


@pytest.mark.parametrize(
    ("spec", "start", "expected"),
    [
        ("every:1h", "2026-01-01T10:17:03Z", ["2026-01-01T11:00:00Z", "2026-01-01T12:00:00Z"]),
        ("every:1h", "2026-01-01T10:00:00Z", ["2026-01-01T11:00:00Z"]),
        ("every:1d", "2026-01-01T10:00:00Z", ["2026-01-02T00:00:00Z"]),
        ("every:1w", "2026-01-01T10:00:00Z", ["2026-01-08T00:00:00Z"]),  # the epoch was a Thursday
        ("every:1500us", "2026-01-01T00:00:00Z", ["2026-01-01T00:00:00.001Z", "2026-01-01T00:00:00.0025Z"]),
        ("cron:* * * * * *", "2026-01-01T10:00:00.5Z", ["2026-01-01T10:00:01Z", "2026-01-01T10:00:02Z"]),
        ("cron:0 0 6 * * 1-5", "2026-01-01T00:00:00Z", ["2026-01-01T06:00:00Z", "2026-01-04T06:00:00Z"]),
        ("cron:0 0 6 * * MON-FRI", "2026-01-01T12:00:00Z", ["2026-01-02T06:00:00Z", "2026-01-05T06:00:00Z"]),
        ("cron:0 0 0 13 * FRI", "2026-01-01T00:00:00Z", ["2026-02-13T00:00:00Z", "2026-03-13T00:00:00Z"]),
        ("cron:0 0 0 ? * sunday", "2026-01-01T00:00:00Z", ["2026-01-04T00:00:00Z"]),
        ("cron:0 0 0 29 feb *", "2026-01-01T00:00:00Z", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("cron:30 59 23 31 12 * 2099-2100", "2026-01-01T00:00:00Z", ["2099-12-31T23:59:30Z", "2100-12-31T23:59:30Z"]),
        ("cron:0 0 0 1 1 * 2020/3", "2026-02-01T00:00:00Z", ["2029-01-01T00:00:00Z", "2032-01-01T00:00:00Z"]),
        ("cron:0 50/5 * * * *", "2026-01-01T00:00:00Z", ["2026-01-01T00:50:00Z", "2026-01-01T00:55:00Z"]),
        ("cron:0 0 1 - 3 , 9 * * *", "2026-01-01T02:00:00Z", ["2026-01-01T03:00:00Z", "2026-01-01T09:00:00Z"]),
        ("cron:@weekly", "2026-01-01T00:00:00Z", ["2026-01-04T00:00:00Z"]),
        ("cron:@yearly", "2026-01-01T00:00:00Z", ["2027-01-01T00:00:00Z"]),
        ("cron:@monthly", "2026-01-01T00:00:00Z", ["2026-02-01T00:00:00Z"]),
        ("cron:@daily", "2026-01-01T00:00:00Z", ["2026-01-02T00:00:00Z"]),
        ("cron:@hourly", "2026-01-01T00:00:00Z", ["2026-01-01T01:00:00Z"]),
    ],
)
def test_a_schedule_fires_at_these_times(spec: str, start: str, expected: list[str]) -> None:
    assert times(spec, start, len(expected)) == expected


@pytest.mark.parametrize(
    "spec",
    ["cron:0 0 0 31 2 *", "cron:0 0 0 31 2,4,6,9,11 MON", "cron:* * * * * * 1970-2025", "cron:0 0 0 30 2 * 2050"],
)
def test_a_schedule_that_never_fires_again_says_none(spec: str) -> None:
    assert schedule_of(parse_spec(spec)).next_after(as_ns("2026-01-01")) is None


def test_a_cron_schedule_ends_with_the_year_2100() -> None:
    schedule = schedule_of(parse_spec("cron:* * * * * *"))
    assert schedule.next_after(as_ns("2100-12-31T23:59:58Z")) == as_ns("2100-12-31T23:59:59Z")
    assert schedule.next_after(as_ns("2100-12-31T23:59:59Z")) is None


@pytest.mark.parametrize(
    "text",
    [
        *("0 0 6 * *", "* * * * * * * *", "60 * * * * *", "* * 24 * * *", "* * * 0 * *", "* * * 32 * *"),
        *("* * * * 13 *", "* * * * * 0", "* * * * * 8", "* * * * * * 1969", "* * * * * * 2101", "? * * * * *"),
        *("* * ? * * *", "* * * * ? *", "* * * L * *", "* * * 15W * *", "* * * * * 5L", "* * * * * FRI#2"),
        *("* * * * * FRI/2", "* * * * * 1-FRI", "* * * * * FRI-MON", "* * 22-2 * * *", "*/0 * * * * *"),
        *("*/60 * * * * *", "-1 * * * * *", "* * * * FOO *", "* * * * * MON,", "1,,2 * * * * *", "* * * * * *foo *"),
        *("JAN * * * * *", "@annually", "@midnight", "@daily *", ""),
    ],
)
def test_what_the_server_refuses_is_refused(text: str) -> None:
    with pytest.raises(CronError):
        CronExpression.parse(text)


@pytest.mark.parametrize(
    "text", ["******", "0 0 12 1*?", " 0 0 0 1 Jan,DECEMBER tues-thurs/2 1970 ", "* * * ?/2 * ?", "0\t0\n0 * * *"]
)
def test_odd_spellings_that_the_server_takes_are_taken(text: str) -> None:
    assert CronExpression.parse(text)


RANGES = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2100)]
MONTHS = ["Jan", "February", "mar", "APR", "may", "June", "jul", "aug", "September", "oct", "nov", "DECEMBER"]
DAYS = ["Sunday", "mon", "TUES", "wed", "thurs", "FRI", "saturday"]


@st.composite
def items(draw: st.DrawFn, low: int, high: int, names: list[str]) -> tuple[str, set[int]]:
    """One item of a field and the numbers it stands for."""
    a = draw(st.integers(low, high))
    b = draw(st.integers(a, high))
    step = draw(st.integers(1, min(high, 40)))
    shapes = [(str(a), {a}), (f"{a}-{b}", set(range(a, b + 1))), (f"{a}-{b}/{step}", set(range(a, b + 1, step)))]
    shapes += [(f"{a}/{step}", set(range(a, high + 1, step))), (f"*/{step}", set(range(low, high + 1, step)))]
    if names:
        shapes += [(names[a - 1], {a}), (f"{names[a - 1]}-{names[b - 1]}", set(range(a, b + 1)))]
    return draw(st.sampled_from(shapes))


@st.composite
def expressions(draw: st.DrawFn) -> tuple[str, list[set[int]]]:
    texts, sets = [], []
    for number in range(draw(st.integers(6, 7))):
        low, high = RANGES[number]
        if draw(st.booleans()):
            texts.append(draw(st.sampled_from("*?")) if number in (3, 5) else "*")
            sets.append(set(range(low, high + 1)))
            continue
        names = MONTHS if number == 4 else DAYS if number == 5 else []
        drawn = draw(st.lists(items(low, high, names), min_size=1, max_size=3))
        texts.append(",".join(text for text, _ in drawn))
        sets.append(set().union(*(values for _, values in drawn)))
    return " ".join(texts), sets if len(sets) == 7 else [*sets, set(range(1970, 2101))]


def brute_force(sets: list[set[int]], after: datetime) -> datetime | None:
    """The next match found by walking over all days; weekdays count from 1 = Sunday."""
    seconds, minutes, hours, days, months, weekdays, years = sets
    day = after.date()
    while day <= date(2100, 12, 31):
        if day.year in years and day.month in months and day.day in days and day.isoweekday() % 7 + 1 in weekdays:
            for h, m, s in product(sorted(hours), sorted(minutes), sorted(seconds)):
                found = datetime(day.year, day.month, day.day, h, m, s, tzinfo=UTC)
                if found > after:
                    return found
        day += timedelta(days=1)
    return None


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(expressions(), st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31)))
def test_random_expressions_agree_with_a_brute_force_matcher(
    drawn: tuple[str, list[set[int]]], start: datetime
) -> None:
    text, sets = drawn
    schedule = schedule_of(parse_spec(f"cron:{text}"))
    after = start.replace(tzinfo=UTC)
    for _ in range(3):
        found, expected = schedule.next_after(as_ns(after)), brute_force(sets, after)
        assert found == (None if expected is None else as_ns(expected)), text
        if expected is None:
            break
        after = expected


def test_asking_backwards_after_forwards_gives_the_same_answers() -> None:
    schedule = schedule_of(parse_spec("cron:0 0 12 1 */2 *"))
    starts = [as_ns("2026-01-01") + n * 7 * 86_400 * 10**9 for n in range(60)]
    forwards = [schedule.next_after(s) for s in starts]
    assert [schedule.next_after(s) for s in reversed(starts)] == forwards[::-1]
