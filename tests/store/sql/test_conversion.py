"""Result -> the rows that a plugin gets (influxdb3_py_api/src/system_py.rs)."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.store.conversion import PanicException, debug_type, to_rows


def column(kind: pa.DataType, *values: Any) -> pa.Table:
    return pa.table({"x": pa.array(values, kind)})


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.int64(), [1, None, -(2**63)]),
        (pa.uint64(), [1, None, 2**64 - 1]),
        (pa.float64(), [1.5, None, float("inf")]),
        (pa.utf8(), ["a", None, "é😀\0"]),
        (pa.bool_(), [True, None, False]),
        (pa.dictionary(pa.int32(), pa.utf8()), ["a", None, "b"]),
    ],
)
def test_readable_types_become_plain_values(kind: pa.DataType, values: list[Any]) -> None:
    rows = to_rows(column(kind, *values))
    assert rows == [{"x": v} for v in values]
    assert [type(r["x"]) for r in rows] == [type(v) for v in values]


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Paris"])
def test_times_become_int_nanoseconds(zone: str | None) -> None:
    table = pa.table({"t": pa.array([1_577_836_800_000_000_001, None, -1], pa.int64()).cast(pa.timestamp("ns", zone))})
    assert to_rows(table) == [{"t": 1_577_836_800_000_000_001}, {"t": None}, {"t": -1}]


def test_nan_is_no_null() -> None:
    value = to_rows(column(pa.float64(), float("nan"), None))
    assert value[0]["x"] != value[0]["x"]
    assert value[1]["x"] is None


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (pa.int32(), 1, "Int32"),
        (pa.int8(), 1, "Int8"),
        (pa.uint16(), 1, "UInt16"),
        (pa.float32(), 1.0, "Float32"),
        (pa.date32(), 1, "Date32"),
        (pa.string_view(), "a", "Utf8View"),
        (pa.large_utf8(), "a", "LargeUtf8"),
        (pa.binary(), b"a", "Binary"),
        (pa.duration("ns"), 1, "Duration(Nanosecond)"),
        (pa.time64("ns"), 1, "Time64(Nanosecond)"),
        (pa.time32("s"), 1, "Time32(Second)"),
        (pa.decimal128(10, 2), 1, "Decimal128(10, 2)"),
        (pa.month_day_nano_interval(), (1, 2, 3), "Interval(MonthDayNano)"),
        (pa.list_(pa.int64()), [1], "List(Field { data_type: Int64, nullable: true })"),
        (
            pa.struct([pa.field("value", pa.float64()), pa.field("time", pa.timestamp("ns"))]),
            {"value": 1.0, "time": 1},
            'Struct([Field { name: "value", data_type: Float64, nullable: true }, Field { name: "time", data_type:'
            " Timestamp(Nanosecond, None), nullable: true }])",
        ),
    ],
)
def test_other_types_raise_with_rusts_spelling(kind: pa.DataType, value: Any, text: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(f"Unsupported data type: {text}") + "$"):
        to_rows(column(kind, None, value))


@pytest.mark.parametrize("kind", [pa.int32(), pa.string_view(), pa.timestamp("s"), pa.list_(pa.int64())])
def test_they_raise_only_for_a_value(kind: pa.DataType) -> None:
    assert to_rows(column(kind, None, None)) == [{"x": None}, {"x": None}]
    assert to_rows(column(kind)) == []


def test_the_first_bad_value_row_by_row_is_named() -> None:
    table = pa.table({"a": pa.array([None, 1], pa.int32()), "b": pa.array([None, "x"], pa.string_view())})
    with pytest.raises(ValueError, match="Int32"):
        to_rows(table)
    with pytest.raises(ValueError, match="Utf8View"):
        to_rows(table.set_column(1, "b", pa.array(["x", None], pa.string_view())))


def test_a_column_of_type_null_is_refused(cpu: Any) -> None:
    with pytest.raises(ValueError, match=r"^Unsupported data type: Null$"):
        to_rows(cpu.arrow("select null"))
    assert to_rows(cpu.arrow("select null where false")) == []


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_other_time_units_panic(unit: str) -> None:
    with pytest.raises(PanicException) as caught:
        to_rows(column(pa.timestamp(unit), 1))
    assert not isinstance(caught.value, Exception)
    assert type(caught.value).__module__ == "pyo3_runtime"


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int8(), pa.utf8()), pa.dictionary(pa.int32(), pa.int64())])
def test_dictionaries_that_are_no_tags_panic(kind: pa.DictionaryType) -> None:
    with pytest.raises(PanicException, match="unexpected datatype"):
        to_rows(pa.table({"x": pa.array(["1"]).cast(kind.value_type).dictionary_encode().cast(kind)}))


def test_of_two_columns_with_one_name_the_last_wins() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array(["b"]), pa.array([3])], names=["x", "y", "x"])
    assert to_rows(table) == [{"x": 3, "y": "b"}]
    assert list(to_rows(table)[0]) == ["x", "y"]


@pytest.mark.slow
@given(
    st.lists(st.lists(st.tuples(st.none() | st.integers(-9, 9), st.none() | st.sampled_from("abc")), max_size=5)),
    st.booleans(),
)
def test_chunks_and_dictionaries_make_no_difference(chunks: list[list[tuple[Any, Any]]], slice_off: bool) -> None:
    kinds = [pa.int64(), pa.dictionary(pa.int32(), pa.utf8())]
    schema = pa.schema([("i", kinds[0]), ("t", kinds[1])])
    batches = [
        pa.record_batch([pa.array([i for i, _ in c], kinds[0]), pa.array([t for _, t in c], kinds[1])], schema=schema)
        for c in chunks
    ]
    table = pa.Table.from_batches(batches, schema)
    if slice_off:
        table = table.slice(1)
    assert to_rows(table) == table.to_pylist()


def test_the_spelling_of_types_is_that_of_arrow_57(cpu: Any) -> None:
    """DataFusion's own Debug text of a plan is the witness."""
    from datafusion import SessionContext

    expressions = [
        "array_agg(1)", "named_struct('a', 1, 'item', make_array('x'))", "map(['a'], [1])", "interval '1 day'",
        "cast(1 as decimal(10, 2))", "arrow_cast(1, 'Timestamp(Second, Some(\"+01:00\"))')",
        "arrow_cast('a', 'Utf8View')",
        "arrow_cast('a', 'Dictionary(Int32, Utf8)')", "arrow_cast(1, 'Duration(Millisecond)')", "current_time",
        "arrow_cast('a', 'LargeBinary')", "arrow_cast('a', 'BinaryView')", "arrow_cast('ab', 'FixedSizeBinary(2)')",
        "arrow_cast(make_array(1), 'LargeList(Int64)')", "arrow_cast(make_array(1, 2), 'FixedSizeList(2, Int64)')",
        "arrow_cast(1, 'Float16')", "arrow_cast(1, 'Date64')", "arrow_cast(1, 'UInt8')", "null", "true",
    ]  # fmt: skip
    for expression in expressions:
        frame = SessionContext().sql(f"select {expression} as x")
        plan = repr(frame.logical_plan())
        assert f'name: "x", data_type: {debug_type(frame.schema().field("x").type)}' in plan, plan
