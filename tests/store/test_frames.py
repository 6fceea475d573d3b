"""pandas, polars and Arrow tables as data: what comes in, as what, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pe_kit.errors import LineProtocolError, ServerError, UsageError
from pe_kit.store.store import Store
from pe_kit.types import Row

NOW = 1_761_048_000_123_456_789


@pytest.fixture
def store() -> Store:
    return Store(lambda: NOW)


def rows(store: Store, data: Any, tags: Any = (), precision: str = "auto") -> list[Row]:
    store.write(data, "db", precision, table="m", tags=tags)
    (batch,) = store.flush()
    return batch.table_batches()[0]["rows"]


COLUMNS = {
    "host": ["a", "b", None],
    "temp": [1.5, None, float("nan")],
    "n": [1, 2, 3],
    "ok": [True, False, None],
    "note": ["x", None, "z"],
    "time": [datetime(2026, 1, 1), datetime(2026, 1, 2), datetime(2026, 1, 3)],
}
EXPECTED = [
    {"host": "a", "temp": 1.5, "n": 1, "ok": True, "note": "x", "time": 1_767_225_600_000_000_000},
    {"host": "b", "n": 2, "ok": False, "time": 1_767_312_000_000_000_000},
    {"n": 3, "note": "z", "time": 1_767_398_400_000_000_000},
]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, lambda c: pa.table(c).to_batches()[0]])
def test_frames_of_every_make_give_the_same_rows(store: Store, make: Any) -> None:
    found = rows(store, make(COLUMNS), ["host"])
    assert found == EXPECTED
    assert [*found[0]] == ["host", "temp", "n", "ok", "note", "time"]
    table = store.query_arrow("SELECT * FROM m ORDER BY time", "db")
    assert table.schema.field("host").type == pa.dictionary(pa.int32(), pa.utf8())
    assert [str(table.schema.field(n).type) for n in ("n", "note", "ok", "temp")] == [
        "int64",
        "string",
        "bool",
        "double",
    ]


def test_number_types_widen_to_the_five_of_the_database(store: Store) -> None:
    data = pa.table(
        {
            "a": pa.array([1], pa.int8()), "b": pa.array([2], pa.uint16()), "c": pa.array([0.5], pa.float32()),
            "d": pa.array([1], pa.float16()), "e": pa.array(["x"], pa.large_string()), "f": pa.array(["y"], pa.string_view()),
            "g": pa.array(["z"]).dictionary_encode(),
        }
    )  # fmt: skip
    assert rows(store, data) == [{"a": 1, "b": 2, "c": 0.5, "d": 1.0, "e": "x", "f": "y", "g": "z", "time": NOW}]
    schema = store.table("db", "m").schema
    assert [str(schema.field(n).type) for n in "abcdefg"] == [
        "int64", "uint64", "double", "double", "string", "string", "string",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "time",
    [
        pd.DatetimeIndex(["2026-01-01T01:00"], tz="Europe/Berlin"),
        pd.DatetimeIndex(["2026-01-01"]),
        pa.array([1_767_225_600], pa.timestamp("s")),
        pa.array([1_767_225_600_000], pa.timestamp("ms", "Asia/Tokyo")),
        pa.array([1_767_225_600_000_000], pa.timestamp("us", "UTC")),
        pa.array([date(2026, 1, 1)]),
        [1_767_225_600],
        [1_767_225_600_000],
        [1_767_225_600_000_000],
        [1_767_225_600_000_000_000],
        pa.array([1_767_225_600], pa.uint32()),
    ],
)
def test_times_of_any_unit_and_zone_become_nanoseconds(store: Store, time: Any) -> None:
    data = (
        pd.DataFrame({"f": [1.0], "time": time}) if isinstance(time, pd.DatetimeIndex) else {"f": [1.0], "time": time}
    )
    if isinstance(data, dict):
        data = pa.table(data)
    assert rows(store, data)[0]["time"] == 1_767_225_600_000_000_000


@pytest.mark.parametrize(("precision", "ns"), [("s", 5_000_000_000), ("ms", 5_000_000), ("us", 5_000), ("ns", 5)])
def test_integer_times_are_in_the_precision_given(store: Store, precision: str, ns: int) -> None:
    assert rows(store, pa.table({"f": [1.0], "time": [5]}), precision=precision)[0]["time"] == ns


def test_a_datetime_index_or_named_index_levels_are_columns(store: Store) -> None:
    index = pd.to_datetime(["2026-01-01", "2026-01-02"])
    assert rows(store, pd.DataFrame({"f": [1.0, 2.0]}, index=index))[1]["time"] == 1_767_312_000_000_000_000
    levels = pd.MultiIndex.from_tuples([("a", index[0])], names=["host", "time"])
    assert rows(store, pd.DataFrame({"f": [1.0]}, index=levels), "host") == [
        {"host": "a", "f": 1.0, "time": 1_767_225_600_000_000_000}
    ]


def test_missing_times_are_the_time_of_the_write(store: Store) -> None:
    assert rows(store, pd.DataFrame({"f": [1.0, 2.0]}))[1]["time"] == NOW
    data = pa.table({"f": [1.0, 2.0], "time": pa.array([None, 7], pa.int64())})
    assert [r["time"] for r in rows(store, data, precision="s")] == [1_761_048_000_000_000_000, 7_000_000_000]


def test_tags_are_text_in_the_order_given_and_an_empty_one_is_none(store: Store) -> None:
    data = pd.DataFrame({"f": [1.0, 2.0], "b": pd.Categorical(["x", ""]), "a": [7, 8]})
    assert rows(store, data, ["a", "b"]) == [
        {"a": "7", "b": "x", "f": 1.0, "time": NOW},
        {"a": "8", "f": 2.0, "time": NOW},
    ]
    assert store.table("db", "m").series_key == ("a", "b")


def test_a_dictionary_that_repeats_a_word_is_one_tag_value(store: Store) -> None:
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["x", "x"]))
    rows(store, pa.table({"t": twice, "f": [1.0, 2.0], "time": [1, 1]}), ["t"])
    assert store.query_arrow("SELECT t, f FROM m", "db").to_pylist() == [{"t": "x", "f": 2.0}]


def test_rows_without_any_field_are_no_rows(store: Store) -> None:
    data = pa.table({"t": ["a", "b"], "f": [None, 1.0], "g": pa.nulls(2)})
    assert rows(store, data, ["t"]) == [{"t": "b", "f": 1.0, "time": NOW}]
    assert "g" not in store.table("db", "m").schema.names
    for empty in (data.slice(0, 1), data.slice(0, 0), data.select(["t"])):
        with pytest.raises(ServerError, match="incoming write was empty"):
            store.write(empty, "db", table="m", tags=["t"])


@pytest.mark.parametrize(
    ("data", "tags", "message", "mend"),
    [
        ({"f": [1.0], "d": [date(2026, 1, 1)]}, [], "column 'd' is date32", "astype('int64')"),
        ({"f": [[1, 2]]}, [], "column 'f' is list<", "astype(str)"),
        ({"f": [1.0], "t": [0.5]}, ["t"], "column 't' is double: a tag is text", "astype(str)"),
        ({"f": [1.0]}, ["hots"], "tags= names 'hots', which is no column", ""),
        ({"f": [1.0], "host": ["a"]}, ["hots"], "tags= names 'hots', which is no column", "'host'"),
        ({"f": [1.0], "time": [1]}, ["time"], "tags= names 'time'", ""),
        ({"f": [1.0], "time": ["2026-01-01"]}, [], "column 'time' is string", "to_datetime"),
        ({"f": [1.0], "time": [0.5]}, [], "column 'time' is double", "to_datetime"),
        ({"f": [1.0], "time": pa.array([2**62], pa.timestamp("s"))}, [], "column 'time' does not fit", "1677"),
        ({"": [1.0]}, [], "a column has no name", ""),
        ({"f": ["x" * (1 << 20) + "x"]}, [], "column 'f': String is greater than 1MB", "1 MiB"),
    ],
)
def test_what_cannot_be_written_is_named_with_its_mend(
    store: Store, data: dict[str, Any], tags: list[str], message: str, mend: str
) -> None:
    with pytest.raises(UsageError) as caught:
        store.write(pa.table(data), "db", table="m", tags=tags)
    assert message in caught.value.message
    assert mend in caught.value.mend
    assert not store.has_database("db")


def test_frames_that_pandas_itself_cannot_type_are_refused(store: Store) -> None:
    for frame in (pd.DataFrame({"f": [1, "x"]}), pd.DataFrame({0: [1.0]}), pd.DataFrame([[1, 2]], columns=["f", "f"])):
        with pytest.raises(UsageError):
            store.write(frame, "db", table="m")


def test_a_frame_needs_a_table_and_text_has_its_own(store: Store) -> None:
    with pytest.raises(UsageError, match="needs the name of its table"):
        store.write(pd.DataFrame({"f": [1.0]}), "db")
    with pytest.raises(UsageError, match="table= is for frames"):
        store.write("m f=1", "db", table="m")
    with pytest.raises(UsageError, match="data is dict"):
        store.write({"f": 1}, "db")
    with pytest.raises(UsageError, match="list of lines holds str"):
        store.write([1], "db")


def test_type_conflicts_name_the_row_and_show_it_as_a_line(store: Store) -> None:
    store.write("m n=1i", "db")
    data = pd.DataFrame({"t": ["a", "b", "c"], "f": [1.0, 2.0, 3.0], "n": [None, 0.5, 1.5], "time": [1, 2, 3]})
    with pytest.raises(LineProtocolError) as caught:
        store.write(data, "db", table="m", tags="t")
    assert caught.value.error_message.startswith(
        "invalid column type for column 'n', expected iox::column_type::field::in"
    )
    assert (caught.value.line_number, caught.value.original_line) == (2, "m,t=b f=2,n=0.5 2")
    store.flush()
    written = store.write(data, "db", "ns", accept_partial=True, table="m", tags="t")
    assert (written.rows, [e.line_number for e in written.errors]) == (1, [2, 3])
    (batch,) = store.flush()
    assert batch.table_batches()[0]["rows"] == [{"t": "a", "f": 1.0, "time": 1}]


def test_times_out_of_range_are_the_servers_error(store: Store) -> None:
    data = pa.table({"f": [1.0, 2.0], "time": [1, 2**62]})
    with pytest.raises(LineProtocolError) as caught:
        store.write(data, "db", "s", table="m")
    assert caught.value.error_message == f"timestamp, {2**62}, out of range for precision: Second"
    assert caught.value.line_number == 2
    data = pa.table({"f": [1.0], "time": [-(2**63)]})
    assert len(store.write(data, "db", accept_partial=True, table="m").errors) == 1


def test_auto_guesses_the_unit_of_each_row(store: Store) -> None:
    times = [0, -4_999_999_999, 5_000_000_000, 4_999_999_999_999, 5_000_000_000_000, 4_999_999_999_999_999, 5 * 10**15]
    store.write(pa.table({"f": [1.0] * 7, "time": times}), "db", table="m")
    (batch,) = store.flush()
    as_frame = {row["time"] for row in batch.table_batches()[0]["rows"]}
    store.write("\n".join(f"m f=1 {t}" for t in times), "db")
    (batch,) = store.flush()
    assert {row["time"] for row in batch.table_batches()[0]["rows"]} == as_frame


def test_what_is_written_does_not_follow_the_frame_that_it_came_from(store: Store) -> None:
    values = np.array([1.0, 2.0])
    frame = pd.DataFrame({"f": values, "time": [1, 2]}, copy=False)
    store.write(frame, "db", "ns", table="m")
    store.flush()
    frame.loc[0, "f"] = 99.0
    values[1] = 99.0
    assert store.query_arrow("SELECT f FROM m ORDER BY time", "db")["f"].to_pylist() == [1.0, 2.0]


def test_times_with_a_zone_are_instants(store: Store) -> None:
    frame = pl.DataFrame({"f": [1.0], "time": [datetime(2026, 1, 1, tzinfo=UTC)]}).with_columns(
        pl.col("time").dt.convert_time_zone("America/New_York")
    )
    assert rows(store, frame)[0]["time"] == 1_767_225_600_000_000_000
