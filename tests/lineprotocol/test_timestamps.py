"""Precisions and the time of a line (influxdb3_types/src/write.rs and its tests)."""

from __future__ import annotations

import pytest

from pe_kit.lineprotocol.timestamps import INT64_MAX, INT64_MIN, as_precision, missing_ns, to_ns, units_of

SECONDS = 1_761_048_000
NANOS = 1_761_048_000_123_456_789


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("auto", "auto"),
        ("s", "second"),
        ("second", "second"),
        ("ms", "millisecond"),
        ("millisecond", "millisecond"),
        ("us", "microsecond"),
        ("u", "microsecond"),
        ("microsecond", "microsecond"),
        ("ns", "nanosecond"),
        ("n", "nanosecond"),
        ("nanosecond", "nanosecond"),
    ],
)
def test_precisions_have_short_and_long_names(text: str, precision: str) -> None:
    assert as_precision(text) == precision


@pytest.mark.parametrize("text", ["invalid", "sec", "milliseconds", "micro", "nano", "h", "m", "S", ""])
def test_other_precisions_are_refused_in_the_servers_words(text: str) -> None:
    with pytest.raises(ValueError, match=f"^unrecognized precision unit: {text}$"):
        as_precision(text)


@pytest.mark.parametrize(
    ("ts", "unit"),
    [
        (0, 10**9),
        (1, 10**9),
        (4_999_999_999, 10**9),
        (5_000_000_000, 10**6),
        (SECONDS, 10**9),
        (SECONDS * 1_000, 10**6),
        (4_999_999_999_999, 10**6),
        (5_000_000_000_000, 10**3),
        (SECONDS * 1_000_000, 10**3),
        (4_999_999_999_999_999, 10**3),
        (5_000_000_000_000_000, 1),
        (SECONDS * 1_000_000_000, 1),
        (INT64_MAX, 1),
    ],
)
def test_auto_guesses_the_unit_by_magnitude(ts: int, unit: int) -> None:
    assert to_ns(ts, "auto") == ts * unit
    assert to_ns(-ts, "auto") == -ts * unit


def test_explicit_precisions_multiply() -> None:
    assert to_ns(SECONDS, "second") == SECONDS * 10**9
    assert to_ns(SECONDS, "millisecond") == SECONDS * 10**6
    assert to_ns(SECONDS, "microsecond") == SECONDS * 10**3
    assert to_ns(SECONDS, "nanosecond") == SECONDS
    assert to_ns(INT64_MIN, "nanosecond") == INT64_MIN
    assert to_ns(INT64_MAX // 10**9, "second") == INT64_MAX // 10**9 * 10**9
    assert to_ns(-(INT64_MAX // 10**9), "second") == -(INT64_MAX // 10**9) * 10**9


@pytest.mark.parametrize(
    ("ts", "precision", "name"),
    [
        (INT64_MAX, "second", "Second"),
        (INT64_MAX // 10**9 + 1, "second", "Second"),
        (INT64_MIN, "millisecond", "Millisecond"),
        (INT64_MAX, "microsecond", "Microsecond"),
        # its absolute value wraps to itself in the server's release build: less than five, hence seconds
        (INT64_MIN, "auto", "Auto"),
    ],
)
def test_times_outside_int64_are_refused_in_the_servers_words(ts: int, precision: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"^timestamp, {ts}, out of range for precision: {name}$"):
        to_ns(ts, precision)


@pytest.mark.parametrize(
    ("now", "precision", "expected"),
    [
        (NANOS, "second", SECONDS * 10**9),
        (NANOS, "millisecond", 1_761_048_000_123_000_000),
        (NANOS, "microsecond", 1_761_048_000_123_456_000),
        (NANOS, "nanosecond", NANOS),
        (NANOS, "auto", NANOS),
        (0, "second", 0),
        (1, "second", 0),
        (1_500_000_000, "second", 1_000_000_000),
        (-1_500_000_000, "second", -1_000_000_000),
        (-NANOS, "auto", -NANOS),
    ],
)
def test_a_missing_time_is_now_cut_toward_zero(now: int, precision: str, expected: int) -> None:
    assert missing_ns(now, precision) == expected


def test_units_are_nanoseconds() -> None:
    names = ("auto", "second", "millisecond", "microsecond", "nanosecond")
    assert [units_of(name) for name in names] == [1, 10**9, 10**6, 1000, 1]
