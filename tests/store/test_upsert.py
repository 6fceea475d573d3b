"""Field-wise upsert, and what it costs (core/iox_query/src/provider/deduplicate/algo.rs)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.store import upsert
from pe_kit.store.store import Store

NOW = 1_000
Key = tuple[Any, ...]


@pytest.fixture
def store() -> Store:
    return Store(lambda: NOW)


def stored(store: Store, table: str = "m") -> list[dict[str, Any]]:
    """Rows as queries see them: absent values left out, times as int; in an order of no meaning."""
    found = pa.Table.from_batches(store.table("db", table).batches(), store.table("db", table).schema)
    found = found.set_column(found.column_names.index("time"), "time", found["time"].cast(pa.int64()))
    return [{k: v for k, v in row.items() if v is not None} for row in found.to_pylist()]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["m f1=1 5", "m f2=3 5"], {"f1": 1.0, "f2": 3.0}),
        (["m,t=a/x f1=2 5", "m,t=a/x f1=2,f2=1 5", "m,t=a/x f2=3 5"], {"t": "a/x", "f1": 2.0, "f2": 3.0}),
        (["m,t=a/b f1=1 5", "m,t=a/b f1=2,f2=3 5", "m,t=a/b f2=4 5"], {"t": "a/b", "f1": 2.0, "f2": 4.0}),
        (["m,t=e f1=10,f2=11 5", "m,t=e f1=12 5"], {"t": "e", "f1": 12.0, "f2": 11.0}),
        (["m,u=f f1=13 5", "m,u=f f2=14 5"], {"u": "f", "f1": 13.0, "f2": 14.0}),
        (['m s="old",b=t,i=1i,u=1u 5', 'm s="new",b=f,i=2i,u=2u 5'], {"s": "new", "b": False, "i": 2, "u": 2}),
    ],
)
@pytest.mark.parametrize("flushes", [1, 2])
def test_each_field_keeps_its_last_value_that_is_not_null(
    store: Store, lines: list[str], expected: dict[str, Any], flushes: int
) -> None:
    for line in lines:
        store.write(line, "db", "ns")
        if flushes > 1:
            store.flush()
            store.table("db", "m").batches()
    store.flush()
    assert stored(store) == [{**expected, "time": 5}]


def test_a_null_tag_is_a_value_and_a_new_tag_makes_another_key(store: Store) -> None:
    store.write("m,a=1 f=1 5\nm f=2 5\nm f=3 5\nm,a=1,b=2 f=4 5\nm,b=2 f=5 5\nm,a=1 f=6 5", "db", "ns")
    store.flush()
    found = {(row.get("a"), row.get("b")): row["f"] for row in stored(store)}
    assert found == {("1", None): 6.0, (None, None): 3.0, ("1", "2"): 4.0, (None, "2"): 5.0}


def test_filters_see_the_result_not_the_rows_that_made_it(store: Store) -> None:
    store.write("m f=1 5\nm f=9 5", "db", "ns")
    store.flush()
    assert store.query_arrow("SELECT f FROM m WHERE f < 5", "db").num_rows == 0


def test_a_later_write_cannot_clear_a_field(store: Store) -> None:
    store.write("m f=1,g=1 5", "db", "ns")
    store.write(pa.table({"time": [5], "f": pa.array([None], pa.float64()), "g": [2.0]}), "db", "ns", table="m")
    store.flush()
    assert stored(store) == [{"f": 1.0, "g": 2.0, "time": 5}]


ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "x", "y", "long one"]),
        st.sampled_from([None, "x", "é"]),
        st.fixed_dictionaries(
            {}, optional={"f": st.integers(0, 9), "g": st.integers(0, 9), "s": st.sampled_from(["", "v"])}
        ).filter(bool),
        st.integers(-3, 12),
    ),
    min_size=1,
    max_size=30,
)
STEPS = st.lists(st.tuples(st.sampled_from(["lines", "text", "frame"]), ROWS, st.booleans(), st.booleans()), max_size=6)


def line_of(row: Any) -> str:
    a, b, fields, time = row
    tags = "".join(f",{k}={v}".replace(" ", "\\ ") for k, v in (("a", a), ("b", b)) if v is not None)
    text = ",".join(f'{k}="{v}"' if k == "s" else f"{k}={v}i" for k, v in fields.items())
    return f"m{tags} {text} {time}"


def frame_of(rows: list[Any]) -> pa.Table:
    types = {"f": pa.int64(), "g": pa.int64(), "s": pa.utf8()}
    columns = {name: pa.array([row[2].get(name) for row in rows], kind) for name, kind in types.items()}
    tags = {k: pa.array([row[i] for row in rows], pa.utf8()) for i, k in enumerate("ab")}
    return pa.table({**tags, **columns, "time": pa.array([row[3] for row in rows], pa.int64())})


@pytest.mark.slow
@given(STEPS)
def test_tables_are_what_a_dict_of_rows_would_be(steps: list[Any]) -> None:
    store = Store(lambda: NOW)
    model: dict[Key, dict[str, Any]] = {}
    for way, rows, flush, read in steps:
        if way == "lines":
            for row in rows:
                store.write(line_of(row), "db", "ns")
        elif way == "text":
            store.write("\n".join(map(line_of, rows)), "db", "ns")
        else:
            store.write(frame_of(rows), "db", "ns", table="m", tags=["a", "b"])
        for a, b, fields, time in rows:
            named = {k: v for k, v in (("a", a), ("b", b)) if v is not None}
            model.setdefault((a, b, time), {**named, "time": time}).update(fields)
        if flush or read:
            store.flush()
        if read:
            assert len(stored(store)) == len(model)
    store.flush()
    found = stored(store) if steps else []
    assert {(row.get("a"), row.get("b"), row["time"]): row for row in found} == model
    assert len(found) == len(model)
    if found:
        assert store.query_arrow("SELECT * FROM m", "db").num_rows == len(model)


def test_in_bulk_too_the_later_line_wins_whatever_its_shape(store: Store) -> None:
    shapes = ["m,t=a f={i}i {time}", "m,t=a f={i}i,g={i}i {time}", 'm,t=a f={i}i,s="{i}" {time}']
    shape_of = [i % 3 if i >= 1200 else 0 for i in range(2400)]
    lines = [shapes[shape].format(i=i, time=i // 4) for i, shape in enumerate(shape_of)]
    store.write("m,t=a f=-1i 0\n" * 9, "db", "ns")
    store.write("\n".join(lines), "db", "ns")
    store.write("m,t=a f=-2i 5000", "db", "ns")
    (batch,) = store.flush()
    assert [row["f"] for row in batch.table_batches()[0]["rows"]] == [-1] * 9 + [*range(2400), -2]
    for i in range(3):
        store.write(f"m,t=a f=-3i {6000 + i}\n" * 900, "db", "ns")
        store.flush()
    found = {row["time"]: row for row in stored(store)}
    assert len(found) == 604
    for time in range(600):
        assert found[time]["f"] == 4 * time + 3
    for time in range(300, 600):
        assert found[time]["g"] == max(i for i in range(4 * time, 4 * time + 4) if i % 3 == 1)
        assert found[time]["s"] == str(max(i for i in range(4 * time, 4 * time + 4) if i % 3 == 2))


def big(n: int, **columns: Any) -> pa.Table:
    tags = pa.DictionaryArray.from_arrays(
        pa.array(np.arange(n) % 10, pa.int32()), pa.array([f"h{i}" for i in range(10)])
    )
    times = pa.array(np.arange(n) // 10).view(pa.timestamp("ns"))
    return pa.table({"host": tags, "f": pa.array(np.arange(n, dtype=float)), "time": times, **columns})


def addresses(batches: list[pa.RecordBatch], column: str) -> set[int]:
    return {b.column(column).buffers()[1].address for b in batches}


def test_data_without_duplicates_is_not_copied(store: Store) -> None:
    data = big(700_000)
    store.write(data, "db", "ns", table="m", tags=["host"])
    store.flush()
    batches = store.table("db", "m").batches()
    assert sum(b.num_rows for b in batches) == 700_000
    source = data.combine_chunks().to_batches()
    for column in ("host", "f", "time"):
        assert addresses(batches, column) == addresses(source, column)
    assert store.query_arrow("SELECT count(*) AS n, sum(f) AS s FROM m", "db").to_pylist() == [
        {"n": 700_000, "s": float(sum(range(700_000)))}
    ]


def test_duplicates_in_bulk_are_merged_and_only_touched_pieces_are_copied(store: Store) -> None:
    store.write(big(700_000), "db", "ns", table="m", tags=["host"])
    store.flush()
    before = store.table("db", "m").batches()
    store.write("m,host=h3 f=-1,g=2 5\nm,host=h3 f=-2 6\nm,host=new f=7 5", "db", "ns")
    store.flush()
    after = store.table("db", "m").batches()
    assert sum(b.num_rows for b in after) == 700_001
    assert len(addresses(before, "f") & addresses(after, "f")) == 1
    found = store.query_arrow("SELECT host, f, g FROM m WHERE time::bigint IN (5, 6) AND f < 10", "db")
    rows = {(r["host"], r["f"], r["g"]) for r in found.to_pylist()}
    assert rows == {("h3", -1.0, 2.0), ("h3", -2.0, None), ("new", 7.0, None)}


@pytest.mark.slow
def test_bulk_written_twice_is_there_once_with_the_later_values(store: Store) -> None:
    store.write(big(300_000, g=pa.array([1] * 300_000)), "db", "ns", table="m", tags=["host"])
    store.flush()
    twice = big(300_000).set_column(1, "f", pa.array(np.full(300_000, 2.0)))
    store.write(twice, "db", "ns", table="m", tags=["host"])
    store.flush()
    found = store.query_arrow("SELECT count(*) AS n, sum(f) AS f, sum(g) AS g FROM m", "db").to_pylist()
    assert found == [{"n": 300_000, "f": 600_000.0, "g": 300_000}]


def test_different_rows_with_equal_hashes_stay_apart(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsert, "_hashes", lambda chunk, key, rows: np.zeros(len(rows), np.uint64))
    lines = [f"m,a={i % 3},b={i % 4} f={i}i {i % 5}" for i in range(60)]
    for way in (lines, [*lines[::2], "m f=1i 0"]):
        store.write(way, "db", "ns")
        store.flush()
        store.table("db", "m").batches()
    assert len(stored(store)) == 61
    assert {row["f"] for row in stored(store) if "a" in row} == set(range(60))


def test_rows_out_of_order_find_their_equals_in_old_bulk_data(store: Store) -> None:
    backwards = big(300_000).take(pa.array(np.arange(300_000)[::-1]))
    store.write(backwards, "db", "ns", table="m", tags=["host"])
    store.flush()
    store.table("db", "m").batches()
    for time in (29_999, 7, 15_000):
        store.write(f"m,host=h1 f=-1 {time}\nm,host=h2,dc=x f=5 {time}", "db", "ns")
        store.flush()
        store.table("db", "m").batches()
    found = store.query_arrow("SELECT count(*) AS n, sum(CASE WHEN f = -1 THEN 1 END) AS hit FROM m", "db")
    assert found.to_pylist() == [{"n": 300_003, "hit": 3}]


def test_many_small_writes_leave_few_batches(store: Store) -> None:
    for i in range(1000):
        store.write(f"m,host=h{i % 3} f={i} {i}", "db", "ns")
        store.flush()
        if i % 7 == 0:
            store.table("db", "m").batches()
    assert len(store.table("db", "m").batches()) <= 12
    assert len(stored(store)) == 1000


def test_columns_that_come_later_are_null_in_earlier_rows(store: Store) -> None:
    store.write("m a=1 1", "db", "ns")
    store.flush()
    table = store.table("db", "m")
    version = table.version
    assert table.version == version
    store.write('m,t=x Z=1i,s="v" 2', "db", "ns")
    assert table.version != version
    assert table.batches()[0].schema.names == ["Z", "a", "s", "t", "time"]
    store.flush()
    found = store.query_arrow("SELECT * FROM m ORDER BY time", "db")
    assert found.column_names == ["Z", "a", "s", "t", "time"]
    assert found.to_pylist()[0] | {"time": 0} == {"Z": None, "a": 1.0, "s": None, "t": None, "time": 0}
    assert found.schema.field("t").type == pa.dictionary(pa.int32(), pa.utf8())


def test_a_name_takes_part_in_the_key_once_it_is_a_tag_of_the_table(store: Store) -> None:
    # the older rows lack the tag: they stay what they are, and merge with later ones that lack it too
    store.write("m f=1 5", "db", "ns")
    store.flush()
    assert len(stored(store)) == 1
    store.write("m,t=x f=2 5", "db", "ns")
    store.write("m f=3 5", "db", "ns")
    store.flush()
    assert sorted((row.get("t", ""), row["f"]) for row in stored(store)) == [("", 3.0), ("x", 2.0)]
