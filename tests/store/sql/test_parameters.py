"""Parameters are literals put in before types are matched (core/iox_query_params/src/params.rs)."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

SECOND = "2020-01-01T00:00:01Z"


@pytest.mark.parametrize(
    ("start", "rows"),
    [
        (SECOND, 2), ("2020-01-01 00:00:01", 2), ("2020-01-01", 3), ("2020-01-01T02:00:01+02:00", 2),
        ("2020-01-02", 0),
    ],
)  # fmt: skip
def test_text_against_time_is_read_as_a_time(cpu: Any, start: str, rows: int) -> None:
    assert len(cpu.rows("select * from cpu where time >= $start", {"start": start})) == rows


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("1577836800000000000", "Error parsing timestamp from '1577836800000000000': error parsing date"),
        ("now", "Error parsing timestamp from 'now': timestamp must contain at least 10 characters"),
        ("garbage", "Error parsing timestamp from 'garbage': timestamp must contain at least 10 characters"),
    ],
)
def test_text_that_is_no_time_fails_in_the_optimizer(cpu: Any, value: str, reason: str) -> None:
    error = cpu.refuse("select * from cpu where time >= $start", {"start": value})
    head = "Optimizer rule 'simplify_expressions' failed\ncaused by\nArrow error: Parser error: "
    assert (error.message, error.status) == (head + reason, 500)


@pytest.mark.parametrize(
    ("condition", "value", "found"),
    [
        ("host = $x", "a", 2),
        ("note = $x", "x", 1),
        ("n > $x", "9", 0),  # '10' and '2' sort before '9'
        ("u > $x", "9", 0),
        ("usage > $x", "2", 2),  # '2.0' and '9.5' sort after '2', '10.0' before
        ("n between $x and '9'", "2", 2),
        ("n = $x", "9", 1),
        ("n = $x", "9.0", 0),
        ("usage = $x", "2", 0),  # the text of 2.0 is '2.0'
        ("usage = $x", "2.0", 1),
        ("n > $x", "abc", 0),  # no error, no rows
        ("usage > cast($x as double)", "2", 2),
        ("usage > $x::double", "9", 2),
    ],
)
def test_text_against_numbers_is_compared_as_text(cpu: Any, condition: str, value: str, found: int) -> None:
    """DataFusion 51 turns the column into text; later releases turn the literal into a number."""
    assert len(cpu.rows(f"select * from cpu where {condition}", {"x": value})) == found


@pytest.mark.parametrize(
    ("sql", "value", "text"),
    [
        ("select * from cpu where up = $x", "true", "comparison operation Boolean = Utf8"),
        ("select n + $x from cpu", "1", "Cannot coerce arithmetic expression Int64 + Utf8 to valid types"),
        ("select usage * $x from cpu", "1", "Cannot coerce arithmetic expression Float64 * Utf8 to valid types"),
        ("select * from cpu limit $x", "1", "Expected LIMIT to be an integer or null, but got Utf8"),
        ("select interval $x", "1 day", "Unsupported interval argument. Expected string literal or number, got: "),
        ("select * from $x", "cpu", "Expected: identifier, found: $x"),
    ],
)
def test_text_is_refused_elsewhere(cpu: Any, sql: str, value: str, text: str) -> None:
    assert text in cpu.refuse(sql, {"x": value}).message


@pytest.mark.parametrize("params", [None, {}, {"other": "a"}])
def test_a_parameter_without_a_value_is_an_error(cpu: Any, params: dict[str, Any] | None) -> None:
    error = cpu.refuse("select * from cpu where host = $host", params)
    assert error.message == "Error during planning: No value found for placeholder with name $host"
    assert (error.status, error.stage) == (400, "planning")


def test_parameters_that_are_not_used_are_ignored(cpu: Any) -> None:
    assert len(cpu.rows("select * from cpu where host = $h", {"h": "a", "z": "b"})) == 2
    assert len(cpu.rows("select * from cpu", {"z": "b"})) == 3


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, pa.null()), (True, pa.bool_()), (7, pa.uint64()), (-7, pa.int64()), (0.5, pa.float64()),
        ("x", pa.utf8()), (2**64, pa.float64()), (2**63, pa.uint64()),
    ],
)  # fmt: skip
def test_json_values_have_the_servers_types(cpu: Any, value: Any, kind: pa.DataType) -> None:
    result = cpu.arrow("select $x as x", {"x": value})
    assert (result.schema.field("x").type, result["x"].to_pylist()) == (kind, [value])


@pytest.mark.parametrize(("value", "what"), [([1], "arrays"), ((1, 2), "arrays"), ({"a": 1}, "objects")])
def test_arrays_and_objects_are_refused(cpu: Any, value: Any, what: str) -> None:
    assert cpu.refuse("select $x", {"x": value}).message == (
        f"JSON {what} are not supported as query parameters. Expected null, boolean, number, or string."
    )


def test_numbers_compare_as_numbers(cpu: Any) -> None:
    assert cpu.rows("select n from cpu where n > $x", {"x": 9}) == [(10,)]
    assert len(cpu.rows("select n from cpu where usage > $x limit $n", {"x": -1.5, "n": 2})) == 2


@pytest.mark.parametrize("evil", ["a' or '1'='1", "a'; drop table cpu --", 'a"', "$h", "a\\", "a\0b", "𝛼\n'"])
def test_a_value_is_never_read_as_sql(cpu: Any, evil: str) -> None:
    assert cpu.rows("select $h as x, count(*) from cpu where host = $h", {"h": evil}) == [(evil, 0)]


def test_a_dollar_in_text_or_comment_is_no_parameter(cpu: Any) -> None:
    assert cpu.rows("select '$h' as \"$h\" from cpu limit 1 -- $h", {"h": "x"}) == [("$h",)]
    assert cpu.rows("select count(*) from cpu where note = '$nothing'") == [(0,)]
