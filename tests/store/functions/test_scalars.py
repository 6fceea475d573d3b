"""tz, to_timestamp and the regular expressions (core/query_functions/src/{tz,to_timestamp,regex}.rs)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.store.functions.scalars import clean_escapes

TODAY = 1_728_668_794_000_000_000


@pytest.fixture
def m(database: Any, tags: Callable[..., Any]) -> Any:
    words = ["air", "aphex twin", "bruce", "Blood Orange", None, "cocteau twins"]
    database.put(
        "m",
        {
            "time": [TODAY + i for i in range(6)],
            "words": words,
            "tag": tags(words),
            "n": pa.array([1, 2, 3, 4, None, TODAY], pa.int64()),
            "u": pa.array([1] * 6, pa.uint64()),
        },
    )
    return database


@pytest.mark.parametrize(
    ("call", "zone"),
    [
        ("tz(time)", "UTC"),
        ("tz(time, 'America/New_York')", "America/New_York"),
        ("tz(time, '+05:00')", "+05:00"),
        ("tz(tz(time, 'America/Denver'), 'Europe/Brussels')", "Europe/Brussels"),
        ("tz(time at time zone 'UTC', 'Europe/Paris')", "Europe/Paris"),
        ("TZ(Time, 'UTC')", "UTC"),
    ],
)
def test_tz_moves_the_zone_and_not_the_moment(m: Any, call: str, zone: str) -> None:
    result = m.arrow(f"select {call} as x from m limit 1")
    assert result.schema.field("x").type == pa.timestamp("ns", zone)
    assert result["x"].cast(pa.int64()).to_pylist() == [TODAY]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("tz(time, 'NewYork')", 'TZ requires a valid timezone string, got "NewYork"'),
        ("tz(time, 'Foo/Bar')", 'TZ requires a valid timezone string, got "Foo/Bar"'),
        ("tz(time, words)", "tz requires its second argument to be a timezone string, got None"),
        ("tz(time, null)", "tz requires its second argument to be a timezone string, got Some(NULL)"),
        ("tz(time, 5)", "tz requires its second argument to be a timezone string, got Some(Int64(5))"),
        ("tz(time, $zone)", "tz requires its second argument to be a timezone string, got None"),
        ("tz(time, 'UTC', 'UTC')", "tz expects 1 or 2 arguments, got 3"),
        (
            "tz(n)",
            "Failed to coerce arguments to satisfy a call to 'tz' function: coercion from Int64 to the signature",
        ),
    ],
)
def test_tz_refuses(m: Any, call: str, text: str) -> None:
    assert m.refuse(f"select {call} from m", {"zone": "UTC"}).message.startswith(f"Error during planning: {text}")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("to_timestamp(5)", 5),  # nanoseconds here, seconds in plain DataFusion
        ("to_timestamp(-1)", -1),
        ("to_timestamp(n)", 1),
        ("to_timestamp(n + 1)", 2),
        ("to_timestamp(time)", TODAY),
        ("to_timestamp(time::timestamp(0))", TODAY),
        ("to_timestamp('2020-01-01T00:00:00Z')", 1_577_836_800_000_000_000),
        ("to_timestamp('2020-01-01 00:00:01')", 1_577_836_801_000_000_000),
        ("to_timestamp('01/02/2020', '%d/%m/%Y')", 1_580_515_200_000_000_000),
        ("to_timestamp('2020-01-01' || 'T00:00:00Z')", 1_577_836_800_000_000_000),
        ("to_timestamp_nanos(5)", 5),
    ],
)
def test_to_timestamp(m: Any, call: str, expected: int) -> None:
    result = m.arrow(f"select {call} as x from m order by time limit 1")
    assert result.schema.field("x").type == pa.timestamp("ns")
    assert result["x"].cast(pa.int64()).to_pylist() == [expected]


def test_to_timestamp_in_conditions(m: Any) -> None:
    assert m.rows(f"select count(*) from m where time >= to_timestamp({TODAY + 4}) and to_timestamp(n) < now()") == [
        (1,)
    ]


@pytest.mark.parametrize(
    ("value", "kind"), [("1.5", "Float64"), ("u", "UInt64"), ("true", "Boolean"), ("n::int", "Int32")]
)
def test_to_timestamp_refuses_other_types(m: Any, value: str, kind: str) -> None:
    message = m.refuse(f"select to_timestamp({value}) from m").message
    assert (
        "to_timestamp supports either 1 argument (being Int64 or Timestamp), or multiple arguments, all of which being Utf8."
        f" Could not coerce the provided [{kind}] to these types."
    ) in message
    assert message.startswith("Error during planning: ")


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("influx_regex_match(words, '.*')", ["air", "aphex twin", "bruce", "Blood Orange", "cocteau twins"]),
        ("influx_regex_not_match(words, '.*')", []),
        ("influx_regex_match(words, '')", ["air", "aphex twin", "bruce", "Blood Orange", "cocteau twins"]),
        ("influx_regex_match(words, '.+O.*')", ["Blood Orange"]),
        ("influx_regex_not_match(words, '^(a|b).*')", ["Blood Orange", "cocteau twins"]),
        ("influx_regex_match(words, 'twi')", ["aphex twin", "cocteau twins"]),
        ("influx_regex_match(tag, $p)", ["aphex twin", "cocteau twins"]),
        ("words ~ 'twi'", ["aphex twin", "cocteau twins"]),
        ("words ~* '^b'", ["bruce", "Blood Orange"]),
        ("words !~ 'i'", ["bruce", "Blood Orange"]),
        ("words !~* '[ab]'", []),
        ("tag ~ 'twi'", ["aphex twin", "cocteau twins"]),
    ],
)
def test_regular_expressions(m: Any, call: str, found: list[str]) -> None:
    assert [w for (w,) in m.rows(f"select words from m where {call} order by time", {"p": "twi"})] == found


def test_null_matches_to_null(m: Any) -> None:
    assert m.rows("select influx_regex_match(words, 'a') from m order by time")[4] == (None,)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            "influx_regex_match(words, '[')",
            "Internal error: error compiling regex pattern: regex parse error:\n    [\n    ^\n",
        ),
        (
            "influx_regex_match(words, words)",
            "This feature is not implemented: regex_match(true) with non scalar patterns not yet implemented",
        ),
        (
            "influx_regex_not_match(words, tag)",
            "This feature is not implemented: regex_match(false) with non scalar patterns not yet implemented",
        ),
        (
            "influx_regex_match(words, null)",
            "This feature is not implemented: NULL patterns not supported in regex match",
        ),
    ],
)
def test_patterns_that_cannot_be(m: Any, call: str, text: str) -> None:
    assert m.refuse(f"select {call} from m").message.startswith(text)


@pytest.mark.parametrize(
    ("pattern", "cleaned"),
    [
        ("", ""), ("\\", "\\"), (r"\\", r"\\"), (r"\:", ":"), (r"\.", r"\."), ("foo\\", "foo\\"), (r"foo\\", r"foo\\"),
        (r"foo\:", "foo:"), (r"foo\xff", r"foo\xff"), (r"fo\\o", r"fo\\o"), (r"fo\:o", "fo:o"),
        (r"fo\:o\x123", r"fo:o\x123"), (r"fo\:o\x123\:", r"fo:o\x123:"), (r"foo\\\:bar", r"foo\\:bar"),
        (r"foo\\\:bar\\\:", r"foo\\:bar\\:"), ("foo", "foo"),
    ],
)  # fmt: skip
def test_needless_escapes_are_dropped(pattern: str, cleaned: str) -> None:
    assert clean_escapes(pattern) == cleaned


@given(st.text(st.sampled_from("\\:.aq/")))
def test_cleaning_changes_nothing_but_escapes(pattern: str) -> None:
    cleaned = clean_escapes(pattern)
    assert clean_escapes(cleaned) == cleaned
    assert re.sub(r"\\", "", cleaned) == re.sub(r"\\", "", pattern)


def test_columns_are_named_as_on_the_server(m: Any) -> None:
    names = m.arrow(
        "select tz(time, 'UTC'), to_timestamp(n), influx_regex_match(words, 'a'), tz(to_timestamp(1)) as x from m"
    )
    assert names.column_names == [
        'tz(m.time,Utf8("UTC"))', "to_timestamp(m.n)", 'influx_regex_match(m.words,Utf8("a"))', "x",
    ]  # fmt: skip
