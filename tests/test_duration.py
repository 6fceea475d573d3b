"""Durations mean what humantime (src/duration.rs) means by them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.duration import as_duration_ns, format_duration, parse_duration
from pe_kit.errors import DurationError

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("17nsec", 17),
        ("17nanos", 17),
        ("78us", 78_000),
        ("163µs", 163_000),
        ("31millis", 31_000_000),
        ("3000s", 3000 * SECOND),
        ("50seconds", 50 * SECOND),
        ("12mins", 720 * SECOND),
        ("7hrs", 25_200 * SECOND),
        ("2days", 172_800 * SECOND),
        ("104wks", 62_899_200 * SECOND),
        ("3months", 7_890_048 * SECOND),
        ("12M", 31_560_192 * SECOND),
        ("17y", 536_479_200 * SECOND),
        ("20 min 17 nsec ", 1200 * SECOND + 17),
        ("1h30m", 5400 * SECOND),
        ("1 0s", 10 * SECOND),
        ("0", 0),
        ("000", 0),
        ("0s", 0),
    ],
)
def test_units_and_concatenations_are_read_as_on_the_server(text: str, ns: int) -> None:
    assert parse_duration(text) == ns


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "value was empty"),
        ("  ", "value was empty"),
        ("10", "time unit needed, for example 10sec or 10ms"),
        ("1.5h", "invalid character at 1"),
        ("-5s", "expected number at 0"),
        ("h", "expected number at 0"),
        ("2 hours min", "expected number at 8"),
        ("1h!", "invalid character at 2"),
        ("5x", 'unknown time unit "x", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years'),
        ("0 ", "time unit needed, for example 0sec or 0ms"),
        ("100000000000000000000ns", "number is too large"),
        ("20000000000000000000ms", "number is too large"),
    ],
)
def test_what_is_no_duration_says_why(text: str, reason: str) -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert reason in caught.value.message
    assert caught.value.mend


@pytest.mark.parametrize(
    ("text", "meant"), [("1.5h", "`1h 30m`"), ("10", "`10s`"), ("10S", "`10s`"), ("3 hourss", "`3 hours`")]
)
def test_the_mend_says_what_was_probably_meant(text: str, meant: str) -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert meant in caught.value.mend


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (90 * SECOND, "1m 30s"),
        (86_400 * SECOND, "1day"),
        (7 * 86_400 * SECOND, "7days"),
        (1_234_567, "1ms 234us 567ns"),
        (31_557_600 * SECOND, "1year"),
        (2 * 2_630_016 * SECOND + 1, "2months 1ns"),
    ],
)
def test_durations_are_written_as_on_the_server(ns: int, text: str) -> None:
    assert format_duration(ns) == text


@given(st.integers(min_value=0, max_value=2**62))
def test_a_written_duration_reads_back_as_itself(ns: int) -> None:
    assert parse_duration(format_duration(ns)) == ns


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        ("10s", 10 * SECOND),
        (timedelta(days=1, microseconds=1), 86_400 * SECOND + 1000),
        (2, 2 * SECOND),
        (0.5, SECOND // 2),
    ],
)
def test_the_kit_takes_text_timedelta_or_seconds(value: object, ns: int) -> None:
    assert as_duration_ns(value) == ns  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-1, timedelta(seconds=-1), float("nan"), float("inf"), None, True, [1]])
def test_other_values_are_no_durations(value: object) -> None:
    with pytest.raises(DurationError):
        as_duration_ns(value)  # type: ignore[arg-type]
