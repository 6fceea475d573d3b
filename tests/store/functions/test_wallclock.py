"""Bins on the clock on the wall (core/query_functions/src/date_bin_wallclock.rs, its tests, and the gap expander's)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.store.functions.wallclock import from_local, is_utc, offsets, steps

HOUR = 3_600_000_000_000
DAY = 24 * HOUR


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(int))


def at(text: str) -> str:
    return f"arrow_cast({ns(text)}, 'Timestamp(Nanosecond, None)')"


@pytest.mark.parametrize(
    ("zone", "moment", "origin", "expected"),
    [
        (None, "2021-05-01T01:00", None, "2021-05-01T00:00"),
        ("UTC", "2021-05-01T01:00", None, "2021-05-01T00:00"),
        ("America/New_York", "2021-05-01T01:00", None, "2021-04-30T04:00"),
        ("Europe/Paris", "2021-04-30T22:00", None, "2021-04-30T22:00"),
        ("Europe/London", "2021-05-01T00:00", "2021-04-30", "2021-04-30T23:00"),
        ("Europe/London", "2021-05-01T01:00", "2021-05-02", "2021-04-30T23:00"),
        ("+05:00", "2021-05-01T20:00", None, "2021-05-01T19:00"),
        ("Etc/Universal", "2021-05-01T01:00", "1970-01-01T06:00:00", "2021-04-30T06:00"),
        ("Europe/Paris", "2021-03-28T10:00", "1970-01-01T02:30:00", "2021-03-28T01:30"),  # which nobody's clock showed
        ("America/Sao_Paulo", "2017-10-15T12:00", None, "2017-10-15T03:00"),
    ],
)
def test_days_begin_on_the_wall(
    database: Any, zone: str | None, moment: str, origin: str | None, expected: str
) -> None:
    time = at(moment) if zone is None else f"tz({at(moment)}, '{zone}')"
    call = f"date_bin_wallclock(interval '1 day', {time}" + (f", timestamp '{origin}')" if origin else ")")
    result = database.arrow(f"select {call} as x")
    assert result.schema.field("x").type == pa.timestamp("ns", zone)
    assert result["x"].cast(pa.int64()).to_pylist() == [ns(expected)]


def test_a_column_with_null(database: Any) -> None:
    may_day = ns("2021-05-01")
    times = pa.array([may_day + HOUR, None, may_day + DAY], pa.int64()).cast(pa.timestamp("ns"))
    database.put("m", pa.table({"time": pa.array([1, 2, 3], pa.timestamp("ns")), "t": times}))
    rows = database.rows("select date_bin_wallclock(interval '1 day', tz(t, 'Europe/Paris')) from m order by time")
    assert rows == [(may_day - 2 * HOUR,), (None,), (may_day + 22 * HOUR,)]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("2020-10-25T02:29:00+01:00", "2020-10-24T23:30"), ("2020-10-25T02:30:00+01:00", "2020-10-25T01:30")],
)
def test_the_documented_oddity_where_an_hour_comes_twice(database: Any, moment: str, expected: str) -> None:
    call = f"date_bin_wallclock(interval '1 hour', '{moment}' at time zone 'Europe/Paris', '1970-01-01T00:30:00')"
    assert database.rows(f"select {call}") == [(ns(expected),)]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            "date_bin_wallclock(interval '1 day', time, time)",
            "This feature is not implemented: DATE_BIN_WALLCLOCK only supports literal values for the origin argument, not"
            " arrays",
        ),
        (
            "date_bin_wallclock(case when x > 1 then interval '1 day' end, tz(time, 'Europe/Paris'))",
            "Execution error: DATE_BIN_WALLCLOCK requires scalar interval value",
        ),
        (
            "date_bin_wallclock(case when x > 1 then interval '1 day' else interval '1 hour' end, time)",
            "This feature is not implemented: DATE_BIN only supports literal values for the stride argument, not arrays",
        ),
        (
            "date_bin_wallclock(interval '1 day', x)",
            "Error during planning: Failed to coerce arguments to satisfy a call to 'date_bin_wallclock' function:",
        ),
        ("date_bin_wallclock()", "Error during planning: 'date_bin_wallclock' does not support zero arguments"),
    ],
)
def test_wrong_arguments(database: Any, call: str, text: str) -> None:
    database.put("m", {"time": [1], "x": [1]})
    assert database.refuse(f"select {call} from m").message.startswith(text)


@pytest.mark.parametrize(
    ("zone", "start", "stride", "expected"),
    [
        ("Australia/Sydney", "2022-10-01T00:00", DAY, ["10-01 00:00 +10", "10-02 00:00 +10", "10-03 00:00 +11", "10-04 00:00 +11"]),
        ("Australia/Sydney", "2022-10-02T01:00", HOUR // 2, ["10-02 01:00 +10", "10-02 01:30 +10", "10-02 03:00 +11", "10-02 03:30 +11"]),
        ("Australia/Sydney", "2022-10-01T02:30", DAY, ["10-01 02:30 +10", "10-02 03:30 +11", "10-03 02:30 +11", "10-04 02:30 +11"]),
        ("Europe/Paris", "2022-10-29T00:00", DAY, ["10-29 00:00 +02", "10-30 00:00 +02", "10-31 00:00 +01", "11-01 00:00 +01"]),
        ("Europe/Paris", "2022-10-30T01:30", HOUR // 2, ["10-30 01:30 +02", "10-30 02:00 +02", "10-30 02:30 +02", "10-30 02:00 +01", "10-30 02:30 +01", "10-30 03:00 +01"]),
        ("Europe/Paris", "2022-10-29T03:30", DAY, ["10-29 03:30 +02", "10-30 03:30 +01", "10-31 03:30 +01", "11-01 03:30 +01"]),
    ],
)  # fmt: skip
def test_steps_over_a_change_of_the_clock(zone: str, start: str, stride: int, expected: list[str]) -> None:
    first = int(from_local(np.array([ns(start)]), zone, None, np.array([0]))[0])
    found = steps(first, first + 10 * stride, stride, zone)[: len(expected)]
    shown = [datetime.fromtimestamp(t // 10**9, ZoneInfo(zone)).strftime("%m-%d %H:%M %z")[:-2] for t in found.tolist()]
    assert shown == expected


def test_gaps_are_filled_day_by_day_on_the_wall(database: Any) -> None:
    database.put("m", {"time": [ns("2022-10-28T22:30"), ns("2022-10-31T12:00")], "x": [1, 2]})
    rows = database.rows(
        "select date_bin_wallclock_gapfill(interval '1 day', tz(time, 'Europe/Paris')) as t, locf(sum(x)) from m"
        " where time >= '2022-10-28T22:00:00Z' and time < '2022-11-01T23:00:00Z' group by t"
    )
    days = ["2022-10-28T22:00", "2022-10-29T22:00", "2022-10-30T23:00", "2022-10-31T23:00"]
    assert rows == [(ns(day), x) for day, x in zip(days, [1, 1, 2, 2], strict=True)]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (None, True), ("UTC", True), ("+00:00", True), ("-0000", True), ("00", True), ("Zulu", True), ("Etc/GMT0", True),
        ("GMT", True), ("Greenwich", True), ("Europe/London", False), ("+01:00", False), ("Etc/GMT+1", False),
    ],
)  # fmt: skip
def test_which_zones_are_utc(zone: str | None, expected: bool) -> None:
    assert is_utc(zone) is expected


@given(
    st.integers(ns("1990-01-01"), ns("2037-01-01")),
    st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "+05:30"]),
)
def test_there_and_back(moment: int, zone: str) -> None:
    """A moment's local time leads back to it, or to the same wall clock earlier; offsets are those of zoneinfo."""
    moment -= moment % 10**9
    utc = np.array([moment])
    offset = int(offsets(utc, zone)[0])
    if not zone.startswith("+"):
        aware = datetime.fromtimestamp(moment // 10**9, UTC).astimezone(ZoneInfo(zone))
        assert aware.utcoffset() == timedelta(microseconds=offset // 1000)
    earliest = int(from_local(utc + offset, zone, None, np.array([offset]))[0])
    assert earliest <= moment
    assert earliest + int(offsets(np.array([earliest]), zone)[0]) == moment + offset
    assert int(from_local(utc + offset, zone, 1, np.array([offset]))[0]) == moment
