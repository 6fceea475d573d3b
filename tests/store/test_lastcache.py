"""Last-value caches, as influxdb3_cache/src/last_cache/ and influxdb3_catalog/.../v3/ops/cache.rs make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pe_kit.errors import ConflictError, NotFoundError, QueryError, ServerError
from pe_kit.store.lastcache import LastCaches

SECOND = 1_000_000_000
TAG = pa.dictionary(pa.int32(), pa.utf8())
KINDS = {"tag": TAG, "f": pa.float64(), "i": pa.int64(), "u": pa.uint64(), "s": pa.utf8(), "b": pa.bool_()}


@dataclass
class Table:
    """A table whose columns can grow, as the catalog's does."""

    name: str
    columns: dict[str, str]
    series_key: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.series_key = [n for n, kind in self.columns.items() if kind == "tag"]

    @property
    def schema(self) -> pa.Schema:
        fields = [(n, KINDS[k]) for n, k in self.columns.items()] + [("time", pa.timestamp("ns"))]
        return pa.schema(sorted(fields))


class World:
    """One database with one table and a clock that can be set."""

    def __init__(self, columns: dict[str, str], name: str = "cpu", now: int = 1000 * SECOND) -> None:
        self.now = now
        self.table = Table(name, columns)
        self.caches = LastCaches(lambda: self.now, lambda n: self.table if n == name else None)

    def push(self, *rows: dict[str, Any]) -> None:
        self.caches.push(self.table.name, list(rows))

    def push_arrow(self, rows: Sequence[dict[str, Any]]) -> None:
        self.caches.push(self.table.name, pa.Table.from_pylist(list(rows), schema=self.table.schema))

    def rows(self, name: str | None = None) -> list[dict[str, Any]]:
        table = self.caches.query(self.table.name, name)
        at = table.column_names.index("time")
        return table.set_column(at, "time", table["time"].cast(pa.int64())).to_pylist()

    def values(self, *columns: str) -> list[tuple[Any, ...]]:
        return [tuple(row[c] for c in columns) for row in self.rows()]


def test_defaults_are_the_series_key_one_row_four_hours_and_a_name_of_the_parts():
    world = World({"region": "tag", "host": "tag", "usage": "f"})
    definition = world.caches.create(world.table)
    assert definition.name == "cpu_region_host_last_cache"
    assert definition.key_columns == ("region", "host")
    assert (definition.value_columns, definition.count, definition.ttl_seconds) == (None, 1, 14_400)


def test_no_key_columns_keep_one_bucket_for_all_and_the_name_shows_the_gap():
    world = World({"host": "tag", "usage": "f"})
    assert world.caches.create(world.table, key_columns=[], count=2).name == "cpu__last_cache"
    world.push(*({"host": h, "usage": 1.0, "time": t} for t, h in enumerate("abc", 1)))
    assert world.values("host") == [("c",), ("b",)]


@pytest.mark.parametrize("ttl", ["90m", "1h 30m", timedelta(minutes=90), 5400, 5400.9])
def test_ttl_is_text_a_timedelta_or_seconds_cut_to_whole_seconds(ttl):
    world = World({"host": "tag"})
    assert world.caches.create(world.table, ttl=ttl).ttl_seconds == 5400


KEY_TYPES = "only uint64, int64, bool, tag, and string columns are supported in the last cache"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "last cache size must be greater than 0"),
        ({"key_columns": ["hots"]}, "invalid configuration provided: invalid key column provided: hots"),
        ({"value_columns": ["nope"]}, "invalid configuration provided: invalid value column provided: nope"),
        (
            {"key_columns": ["usage"]},
            "only uint64, int64, bool, tag, and string columns are supported in the last cache",
        ),
        (
            {"key_columns": ["time"]},
            "only uint64, int64, bool, tag, and string columns are supported in the last cache",
        ),
    ],
)
def test_a_definition_that_the_catalog_refuses(arguments, message):
    world = World({"host": "tag", "usage": "f"})
    with pytest.raises(ServerError) as error:
        world.caches.create(world.table, **arguments)
    assert (error.value.message, error.value.status) == (message, 400)
    assert world.caches.definitions() == []


def test_an_unknown_key_column_names_the_one_that_was_meant():
    world = World({"host": "tag"})
    with pytest.raises(ServerError, match="Did you mean 'host'"):
        world.caches.create(world.table, key_columns=["hots"])


def test_the_same_name_twice_is_refused_even_for_an_identical_definition():
    world = World({"host": "tag"})
    world.caches.create(world.table)
    with pytest.raises(ConflictError) as error:
        world.caches.create(world.table)
    assert (error.value.message, error.value.status) == ("attempted to create a resource that already exists", 409)


def test_deleting_a_cache_that_is_not_there():
    world = World({"host": "tag"})
    world.caches.create(world.table, name="mine")
    with pytest.raises(NotFoundError) as error:
        world.caches.delete("cpu", "mime")
    assert (error.value.message, error.value.status) == ("the requested resource was not found: mime", 404)
    assert "Did you mean 'mine'" in str(error.value)
    world.caches.delete("cpu", "mine")
    assert world.caches.definitions() == []
    assert "cpu" not in world.caches


def test_looking_up_an_unknown_table_cache_or_one_of_two():
    world = World({"host": "tag"})
    for arguments, text in [
        (("cup", None), "provided table name is invalid"),
        (("cpu", None), "could not find cache for the given arguments"),
    ]:
        with pytest.raises(QueryError) as error:
            world.caches.query(*arguments)
        assert error.value.message == f"Error during planning: {text}"
        assert (error.value.stage, error.value.status) == ("planning", 400)
    world.caches.create(world.table, name="one")
    assert world.caches.query("cpu").num_rows == 0  # the name may be left out while there is exactly one
    world.caches.create(world.table, name="two")
    for name in (None, "three"):
        with pytest.raises(QueryError, match="could not find cache for the given arguments"):
            world.caches.query("cpu", name)


def test_columns_are_the_keys_in_order_then_the_others_by_name_with_tags_as_text_when_they_are_keys():
    world = World({"province": "tag", "county": "tag", "township": "tag", "lo": "f", "hi": "f", "avg": "f"}, "temp")
    world.caches.create(world.table, count=10)
    schema = world.caches.query("temp").schema
    assert schema.names == ["province", "county", "township", "avg", "hi", "lo", "time"]
    assert schema.field("province") == pa.field("province", pa.utf8(), nullable=False)
    assert schema.field("avg") == pa.field("avg", pa.float64())
    assert schema.field("time") == pa.field("time", pa.timestamp("ns"))


def test_a_missing_field_is_null():
    world = World({"province": "tag", "county": "tag", "township": "tag", "lo": "f", "hi": "f", "avg": "f"}, "temp")
    world.caches.create(world.table, count=10)
    places = [("bruce", "kincardine"), ("huron", "goderich"), ("bruce", "culrock"), ("wentworth", "ancaster")]
    fields = [{"hi": 21.0, "avg": 18.0}, {"lo": 16.0, "hi": 22.0}, {"lo": 13.0, "avg": 15.0}]
    fields.append({"lo": 18.0, "hi": 23.0, "avg": 20.0})
    for (county, township), values in zip(places, fields, strict=True):
        world.push({"province": "on", "county": county, "township": township, **values, "time": 1000})
    assert world.values("county", "township", "avg", "hi", "lo") == [
        ("bruce", "kincardine", 18.0, 21.0, None),
        ("huron", "goderich", None, 22.0, 16.0),
        ("bruce", "culrock", 15.0, None, 13.0),
        ("wentworth", "ancaster", 20.0, 23.0, 18.0),
    ]


def test_rows_are_kept_whole_a_newer_row_without_a_field_hides_the_older_value():
    world = World({"host": "tag", "a": "f", "b": "f"})
    world.caches.create(world.table)
    world.push({"host": "x", "a": 1.0, "b": 1.0, "time": 1}, {"host": "x", "a": 2.0, "time": 2})
    assert world.values("a", "b") == [(2.0, None)]


def test_a_tag_that_is_no_key_stays_a_dictionary():
    world = World({"host": "tag", "region": "tag", "usage": "f"})
    world.caches.create(world.table, key_columns=["host"])
    world.push({"host": "a", "region": "us", "usage": 120.0, "time": 1000})
    world.push({"host": "a", "region": "us", "usage": 99.0, "time": 2000})
    table = world.caches.query("cpu")
    assert table.schema.names == ["host", "region", "time", "usage"]
    assert table.schema.field("region").type == TAG
    assert world.rows() == [{"host": "a", "region": "us", "time": 2000, "usage": 99.0}]


def test_fields_may_be_keys_and_keep_their_types():
    world = World({"id": "tag", "active": "b", "type": "s", "slot": "i", "serial": "u", "reading": "f"}, "temp")
    world.caches.create(world.table, key_columns=["id", "active", "type", "slot", "serial"])
    world.push({"id": "1", "active": True, "type": "cam", "slot": -1, "serial": 2**64 - 1, "reading": 1.0, "time": 5})
    schema = world.caches.query("temp").schema
    assert schema.names == ["id", "active", "type", "slot", "serial", "reading", "time"]
    assert [schema.field(i).type for i in range(5)] == [pa.utf8(), pa.bool_(), pa.utf8(), pa.int64(), pa.uint64()]
    assert [schema.field(i).nullable for i in range(5)] == [False, True, True, True, True]
    assert world.rows()[0]["serial"] == 2**64 - 1


def test_explicit_value_columns_keep_their_order_and_time_comes_last():
    world = World({"host": "tag", "a": "f", "b": "f", "c": "f"})
    definition = world.caches.create(world.table, value_columns=["time", "c", "a"])
    assert definition.value_columns == ("time", "c", "a")
    world.push({"host": "x", "a": 1.0, "b": 2.0, "c": 3.0, "time": 7})
    assert world.caches.query("cpu").column_names == ["host", "c", "a", "time"]
    world.table.columns["d"] = "f"
    world.push({"host": "x", "a": 1.5, "d": 4.0, "time": 8})
    assert world.rows() == [{"host": "x", "c": None, "a": 1.5, "time": 8}]


def test_new_columns_join_a_default_cache_in_the_order_of_their_names():
    world = World({"t1": "tag", "f1": "f"}, "tbl")
    world.caches.create(world.table)
    world.push(*({"t1": t, "f1": v, "time": 1000} for t, v in [("a", 1.0), ("b", 10.0), ("c", 100.0)]))
    world.table.columns.update({"f4": "f", "f3": "f", "f2": "f"})
    world.push(
        {"t1": "a", "f1": 1.0, "f2": 2.0, "f3": 3.0, "f4": 4.0, "time": 1500},
        {"t1": "b", "f1": 10.0, "f4": 40.0, "f3": 30.0, "time": 1500},
        {"t1": "c", "f1": 100.0, "f3": 300.0, "f2": 200.0, "time": 1500},
    )
    assert world.caches.query("tbl").column_names == ["t1", "f1", "f2", "f3", "f4", "time"]
    assert world.values("t1", "f1", "f2", "f3", "f4") == [
        ("a", 1.0, 2.0, 3.0, 4.0),
        ("b", 10.0, None, 30.0, 40.0),
        ("c", 100.0, 200.0, 300.0, None),
    ]


def test_rows_from_before_a_column_came_have_null_in_it():
    world = World({"game_id": "tag", "player": "s"}, "plays")
    world.caches.create(world.table, count=10)
    world.push({"game_id": "1", "player": "mackinnon", "time": 1000})
    world.table.columns["zone"] = "s"
    world.push({"game_id": "3", "player": "tkachuk", "zone": "away", "time": 1000})
    assert world.values("game_id", "zone") == [("1", None), ("3", "away")]


def test_a_tag_that_comes_later_is_a_value_and_keys_stay():
    world = World({"host": "tag", "usage": "f"})
    world.caches.create(world.table)
    world.table.columns["rack"] = "tag"
    world.table.series_key.append("rack")
    world.push(
        {"host": "a", "rack": "r1", "usage": 1.0, "time": 1}, {"host": "a", "rack": "r2", "usage": 2.0, "time": 2}
    )
    assert world.rows() == [{"host": "a", "rack": "r2", "time": 2, "usage": 2.0}]


def test_a_row_without_a_key_column_is_ignored():
    world = World({"region": "tag", "host": "tag", "usage": "f"})
    world.caches.create(world.table)
    world.push({"host": "a", "usage": 1.0, "time": 1}, {"region": "us", "host": "a", "usage": 2.0, "time": 1})
    assert world.values("usage") == [(2.0,)]


def test_a_row_that_is_not_newer_than_the_newest_of_its_key_is_ignored():
    world = World({"host": "tag", "usage": "f"})
    world.caches.create(world.table, count=3)
    times = [10, 10, 5, 20, 15, 20, 30]
    world.push(*({"host": "a", "usage": float(i), "time": t} for i, t in enumerate(times)))
    world.push({"host": "b", "usage": -1.0, "time": 1})  # another key has its own clock
    assert world.values("time", "usage") == [(30, 6.0), (20, 3.0), (10, 0.0), (1, -1.0)]


@pytest.mark.parametrize("time", [0, -5])
def test_points_at_or_before_1970_are_never_cached(time):
    world = World({"host": "tag"})
    world.caches.create(world.table)
    world.push({"host": "a", "time": time})
    assert world.rows() == []


def test_two_newest_rows_a_key_newest_first():
    world = World({"region": "tag", "host": "tag", "usage": "f"})
    world.caches.create(world.table, count=2)
    for time, (a, b) in [(1000, (100.0, 80.0)), (1500, (99.0, 88.0)), (2000, (95.0, 92.0))]:
        world.push(
            {"region": "us", "host": "a", "usage": a, "time": time},
            {"region": "us", "host": "b", "usage": b, "time": time},
        )
    assert world.values("host", "time", "usage") == [
        ("a", 2000, 95.0),
        ("a", 1500, 99.0),
        ("b", 2000, 92.0),
        ("b", 1500, 88.0),
    ]


def test_ttl_counts_from_the_insertion_not_from_the_row_time():
    world = World({"host": "tag"})
    world.caches.create(world.table, ttl="60s", count=2)
    world.push({"host": "a", "time": 5})
    world.now += 30 * SECOND
    world.push({"host": "a", "time": 10**18})
    world.now += 30 * SECOND - 1
    assert [t for (t,) in world.values("time")] == [10**18, 5]
    world.now += 1  # the age of the first row is the ttl: gone, before any eviction
    assert [t for (t,) in world.values("time")] == [10**18]


def test_an_eviction_that_empties_a_key_lets_older_rows_in_again():
    world = World({"host": "tag"}, now=1000 * SECOND)
    world.caches.create(world.table, ttl="12s")
    world.push({"host": "a", "time": 100})
    world.now = 1015 * SECOND  # expired, not yet evicted: the tick at 1010 was too early
    world.push({"host": "a", "time": 50})
    assert world.rows() == []
    world.now = 1020 * SECOND  # the tick at 1020 evicts
    world.push({"host": "a", "time": 50})
    assert world.values("time") == [(50,)]


def test_a_new_cache_is_not_filled_from_what_the_table_holds_and_a_deleted_one_is_gone():
    world = World({"host": "tag"})
    world.push({"host": "a", "time": 1})
    world.caches.create(world.table)
    assert world.rows() == []
    world.push({"host": "a", "time": 2})
    world.caches.drop_table("cpu")
    assert world.caches.definitions() == []


def test_a_restart_keeps_definitions_and_forgets_rows():
    world = World({"host": "tag"})
    definition = world.caches.create(world.table)
    world.push({"host": "a", "time": 1})
    world.caches.clear()
    assert world.caches.definitions() == [definition]
    assert world.rows() == []


def test_a_snapshot_is_untouched_by_what_comes_later_and_can_be_restored_twice():
    world = World({"host": "tag"})
    world.caches.create(world.table)
    world.push({"host": "a", "time": 1})
    snapshot = world.caches.snapshot()
    for _ in range(2):
        world.push({"host": "a", "time": 2}, {"host": "b", "time": 2})
        world.caches.create(world.table, name="other")
        world.caches.restore(snapshot)
        assert world.rows() == [{"host": "a", "time": 1}]


def test_many_keys_that_expired_do_not_stay_in_memory():
    world = World({"host": "tag"})
    world.caches.create(world.table, ttl="10s")
    for batch in range(30):
        world.push(*({"host": f"{batch}-{i}", "time": 1} for i in range(500)))
        world.now += 20 * SECOND
    assert sum(len(c._leaves) for caches in world.caches._caches.values() for c in caches.values()) < 3000


ROWS = st.lists(
    st.fixed_dictionaries(
        {"time": st.integers(-2, 6)},
        optional={
            "a": st.sampled_from("xy"),
            "b": st.booleans(),
            "v": st.floats(allow_nan=False),
            "w": st.integers(-5, 5),
        },
    ),
    max_size=25,
)


def naive(pushes: list[tuple[int, list[dict[str, Any]]]], now: int, count: int, ttl: int) -> dict[Any, list[Any]]:
    """The rules, one row at a time, evicting at every tick."""
    leaves: dict[Any, dict[str, Any]] = {}
    clock = 0
    for at, rows in [*pushes, (now, [])]:
        for tick in range(clock - clock % (10 * SECOND) + 10 * SECOND, at + 1, 10 * SECOND):
            for key in list(leaves):
                leaves[key]["rows"] = [r for r in leaves[key]["rows"] if tick - r[0] < ttl]
                if not leaves[key]["rows"]:
                    del leaves[key]
        clock = at
        for row in rows:
            if "a" not in row or "b" not in row:
                continue
            leaf = leaves.setdefault((row["a"], row["b"]), {"last": 0, "rows": []})
            if row["time"] > leaf["last"]:
                leaf["last"] = row["time"]
                leaf["rows"] = [(at, row), *leaf["rows"]][:count]
            elif not leaf["rows"]:
                del leaves[row["a"], row["b"]]
    return {
        key: [(r["time"], r.get("v"), r.get("w")) for at, r in leaf["rows"] if now - at < ttl]
        for key, leaf in leaves.items()
    }


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 25), ROWS, st.booleans()), max_size=6),
    st.integers(1, 3),
    st.integers(1, 30),
    st.booleans(),
)
def test_any_rows_in_any_form_agree_with_the_rules_row_by_row(pushes, count, ttl, snapshots):
    """Dict rows and Arrow batches, whatever their sizes, give what a literal model of the rules gives."""
    world = World({"a": "tag", "b": "b", "v": "f", "w": "i"}, now=0)
    world.caches.create(world.table, key_columns=["a", "b"], count=count, ttl=ttl)
    done = []
    for seconds, rows, as_arrow in pushes:
        world.now += seconds * SECOND
        done.append((world.now, rows))
        if snapshots:
            world.caches.restore(world.caches.snapshot())
        if as_arrow:
            world.push_arrow(rows)
        else:
            world.push(*rows)
    expected = {k: v for k, v in naive(done, world.now, count, ttl * SECOND).items() if v}
    found: dict[Any, list[Any]] = {}
    for row in world.rows():
        found.setdefault((row["a"], row["b"]), []).append((row["time"], row["v"], row["w"]))
    assert found == expected
