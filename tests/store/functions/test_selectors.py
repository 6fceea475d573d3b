"""Selectors pick a row of a group and give a struct of it (core/query_functions/src/selectors.rs, its tests)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def t(database: Any, tags: Callable[..., Any]) -> Any:
    """The fixture of the crate's tests: six rows, one microsecond apart."""
    us = [1000, 2000, 3000, 4000, 5000, 6000]
    stamps = pa.array(us, pa.int64()).cast(pa.timestamp("ns"))
    twice = pa.array([1000, 1000, 2000, 2000, 3000, 3000], pa.int64()).cast(pa.timestamp("ns"))
    database.put(
        "t",
        pa.table(
            {
                "time": stamps,
                "time_dup": twice,
                "f64": pa.array([2.0, 4.0, None, 1.0, 5.0, 3.0]),
                "i64": pa.array([20, 40, None, 10, 50, 30], pa.int64()),
                "u64": pa.array([20, 40, None, 10, 50, 30], pa.uint64()),
                "str": ["two", "four", None, "a_one", "z_five", "three"],
                "bool": [True, False, None, True, False, False],
                "i64_2": pa.array([None, None, None, None, 50, 30], pa.int64()),
                "bool_const": [True] * 6,
                "nn1": [NAN, INF, -INF, NAN, INF, -INF],
                "nn2": [-INF, -INF, -INF, INF, INF, INF],
                "nn3": [NAN] * 6,
                "tag": tags(["b", "a", None, "c", "a", "b"]),
            }
        ),
    )
    return database


def same(a: Any, b: Any) -> bool:
    return bool(a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b)))


CASES = [
    ("first", "f64", 2.0, 1), ("first", "i64", 20, 1), ("first", "u64", 20, 1), ("first", "str", "two", 1),
    ("first", "bool", True, 1), ("last", "f64", 3.0, 6), ("last", "i64", 30, 6), ("last", "u64", 30, 6),
    ("last", "str", "three", 6), ("last", "bool", False, 6), ("min", "f64", 1.0, 4), ("min", "i64", 10, 4),
    ("min", "u64", 10, 4), ("min", "str", "a_one", 4), ("min", "bool", False, 2), ("min", "i64_2", 30, 6),
    ("max", "f64", 5.0, 5), ("max", "i64", 50, 5), ("max", "u64", 50, 5), ("max", "str", "z_five", 5),
    ("max", "bool", True, 1), ("max", "i64_2", 50, 5), ("first", "nn1", NAN, 1), ("last", "nn1", -INF, 6),
    ("min", "nn1", -INF, 3), ("max", "nn1", NAN, 1), ("min", "nn2", -INF, 1), ("max", "nn2", INF, 4),
    ("min", "nn3", NAN, 1), ("max", "nn3", NAN, 1), ("first", "i64_2", 50, 5), ("last", "i64_2", 30, 6),
    ("min", "tag", "a", 2), ("max", "tag", "c", 4), ("first", "tag", "b", 1),
]  # fmt: skip


@pytest.mark.parametrize(("which", "column", "value", "micros"), CASES)
def test_the_row_that_is_picked(t: Any, which: str, column: str, value: Any, micros: int) -> None:
    """The whole struct and each member, which are computed in different ways, agree."""
    call = f"selector_{which}({column}, time)"
    result = t.arrow(f"select {call} as s, {call}['value'] as v, {call}['time'] as w from t")
    whole = result["s"].combine_chunks()
    assert same(whole.field("value").to_pylist()[0], value)
    assert same(result["v"].to_pylist()[0], value)
    assert whole.field("time").cast(pa.int64()).to_pylist() == [micros * 1000]
    assert result["w"].cast(pa.int64()).to_pylist() == [micros * 1000]


def test_of_equal_times_the_first_row_counts(t: Any) -> None:
    assert t.rows("select selector_first(f64, time_dup)['value'], selector_last(f64, time_dup)['value'] from t") == [
        (2.0, 5.0)
    ]
    assert t.rows("select selector_last(f64, time_dup)['time'] from t") == [(3000,)]


def test_of_equal_values_the_earliest_time_counts(t: Any) -> None:
    sql = "select selector_max(bool_const, time_dup)['time'], selector_min(bool_const, time)['time'] from t"
    assert t.rows(sql) == [(1000, 1000)]


def test_other_columns_come_from_the_same_row(t: Any) -> None:
    call = "selector_first(i64_2, time, bool, nn1, i64_2)"
    result = t.arrow(f"select {call} as s, {call}['other_1'] as a, {call}['other_3'] as b from t")
    fields = [(f.name, str(f.type)) for f in result.schema.field("s").type]
    assert fields == [
        ("value", "int64"), ("time", "timestamp[ns]"), ("other_1", "bool"), ("other_2", "double"), ("other_3", "int64"),
    ]  # fmt: skip
    row = result["s"].combine_chunks()
    assert [row.field(n).to_pylist()[0] for n in ("value", "other_1", "other_2", "other_3")] == [50, False, INF, 50]
    assert (result["a"].to_pylist(), result["b"].to_pylist()) == ([False], [50])


def test_without_a_value_there_is_no_struct(t: Any) -> None:
    sql = (
        "select selector_last(i64, time), selector_last(i64, time)['value'] as v, selector_max(i64, time)['time'] as w"
    )
    assert t.rows(f"{sql} from t where i64 is null") == [(None, None, None)]


def test_a_filter_narrows_the_rows(t: Any) -> None:
    sql = "select selector_first(i64, time) filter (where bool)['value'] as a, selector_last(i64, time) filter (where i64 > 30)['time'] as b from t"
    assert t.rows(sql) == [(20, 5000)]


def test_groups(t: Any) -> None:
    sql = "select bool, selector_max(i64, time)['value'] as v from t group by bool order by bool nulls last"
    assert t.rows(sql) == [(False, 50), (True, 20), (None, None)]


def test_columns_are_named_as_on_the_server(t: Any) -> None:
    names = t.arrow("select selector_first(f64, time), selector_max(i64, time)['value'] from t").column_names
    assert names == ["selector_first(t.f64,t.time)", "selector_max(t.i64,t.time)[value]"]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            "selector_first()",
            "'selector_first' does not support zero arguments No function matches the given name and argument types"
            " 'selector_first()'. You might need to add explicit type casts.\n\tCandidate functions:\n\t"
            "selector_first(Any, .., Any)",
        ),
        ("selector_min(f64)", "selector_min requires at least 2 arguments, got 1"),
        ("selector_last(time, f64)", "selector_last second argument must be a timestamp, but got Float64"),
        (
            "selector_last(f64, time::timestamp(0))",
            "selector_last second argument must be a timestamp, but got Timestamp(s)",
        ),
    ],
)
def test_wrong_arguments(t: Any, call: str, text: str) -> None:
    assert t.refuse(f"select {call} from t").message == f"Error during planning: {text}"


def test_as_a_window_function_the_ledger_is_named(t: Any) -> None:
    assert "sql.selectors.window" in t.refuse("select selector_first(f64, time) over () from t").mend
