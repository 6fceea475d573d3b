"""Distinct-value caches, as influxdb3_cache/src/distinct_cache/ and influxdb3_catalog/.../v3/ops/cache.rs make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pe_kit.errors import ConflictError, NotFoundError, QueryError, ServerError
from pe_kit.store.distinctcache import DistinctCaches

SECOND = 1_000_000_000
NOW = 10_000_000 * SECOND
TAG = pa.dictionary(pa.int32(), pa.utf8())


@dataclass
class Table:
    name: str
    series_key: list[str]

    @property
    def schema(self) -> pa.Schema:
        tags = [(t, TAG) for t in self.series_key]
        fields = [("note", pa.utf8()), ("time", pa.timestamp("ns")), ("usage", pa.float64())]
        return pa.schema(sorted(tags + fields))


class World:
    """One database with one table and a clock that can be set."""

    def __init__(self, *tags: str, name: str = "cpu", now: int = NOW) -> None:
        self.now = now
        self.table = Table(name, list(tags))
        self.caches = DistinctCaches(lambda: self.now, lambda n: self.table if n == name else None)

    def push(self, *combinations: Sequence[str | None], time: int | None = None) -> None:
        at = self.now if time is None else time
        rows: list[dict[str, Any]] = []
        for values in combinations:
            pairs = zip(self.table.series_key, values, strict=True)
            rows.append({**{t: v for t, v in pairs if v is not None}, "usage": 1.0, "time": at})
        self.caches.push(self.table.name, rows)

    def found(self) -> list[tuple[str | None, ...]]:
        table = self.caches.query(self.table.name)
        return list(zip(*(c.to_pylist() for c in table.columns), strict=True))


def test_defaults_are_a_hundred_thousand_combinations_a_day_and_a_name_of_the_parts():
    world = World("region", "host")
    definition = world.caches.create(world.table, ["region", "host"])
    assert definition.name == "cpu_region_host_distinct_cache"
    assert (definition.columns, definition.max_cardinality) == (("region", "host"), 100_000)
    assert definition.max_age_seconds == 86_400


@pytest.mark.parametrize("age", ["90m", timedelta(minutes=90), 5400, 5400.9])
def test_max_age_is_text_a_timedelta_or_seconds_cut_to_whole_seconds(age):
    world = World("host")
    assert world.caches.create(world.table, ["host"], max_age=age).max_age_seconds == 5400


@pytest.mark.parametrize(
    ("columns", "arguments", "message"),
    [
        ([], {}, "invalid configuration provided: no columns provided when creating distinct cache"),
        (["hots"], {}, "invalid configuration provided: invalid column provided: hots"),
        (["host", "usage"], {}, "only tag and string columns are supported in the distinct cache"),
        (["time"], {}, "only tag and string columns are supported in the distinct cache"),
        (["host"], {"max_cardinality": 0}, "invalid size provided"),
    ],
)
def test_a_definition_that_the_catalog_refuses(columns, arguments, message):
    world = World("host")
    with pytest.raises(ServerError) as error:
        world.caches.create(world.table, columns, **arguments)
    assert (error.value.message, error.value.status) == (message, 400)


def test_the_same_name_twice_is_refused_and_a_name_that_is_not_there_is_not_found():
    world = World("host")
    world.caches.create(world.table, ["host"])
    with pytest.raises(ConflictError, match="attempted to create a resource that already exists"):
        world.caches.create(world.table, ["host"])
    with pytest.raises(NotFoundError, match="the requested resource was not found: x"):
        world.caches.delete("cpu", "x")


def test_looking_up_an_unknown_table_cache_or_one_of_two():
    world = World("host")
    for arguments, text in [
        (("cup", None), "provided table name (cup) is invalid"),
        (("cpu", None), "could not find distinct value cache for the given arguments"),
        (("cpu", "x"), "could not find distinct value cache for the given arguments"),
    ]:
        with pytest.raises(QueryError) as error:
            world.caches.query(*arguments)
        assert error.value.message == f"Error during planning: {text}"
        assert error.value.stage == "planning"


def test_a_missing_value_is_null_and_rows_come_sorted_with_null_first():
    world = World("t1", "t2", "t3", name="bar")
    world.caches.create(world.table, ["t1", "t2", "t3"])
    world.push(*("AAA", "AAB", "ABB"), ("B", "A", None), ("B", None, "B"), (None, "B", "B"))
    assert world.found() == [
        (None, "B", "B"),
        ("A", "A", "A"),
        ("A", "A", "B"),
        ("A", "B", "B"),
        ("B", None, "B"),
        ("B", "A", None),
    ]


REGIONS = {"us-east": "ab", "us-west": "cd", "ca-east": "ef", "ca-cent": "gh", "eu-east": "ij", "eu-cent": "kl"}


def test_regions_and_hosts_with_rows_that_lack_either():
    world = World("region", "host")
    world.caches.create(world.table, ["region", "host"])
    world.push(*((r, h) for r, hosts in REGIONS.items() for h in hosts))
    world.push(("us-east", None), ("us-west", None), ("ca-cent", None), (None, "m"), (None, "n"))
    shown = "; ".join(f"{region or '∅'} {host or '∅'}" for region, host in world.found())
    assert shown == (
        "∅ m; ∅ n; ca-cent ∅; ca-cent g; ca-cent h; ca-east e; ca-east f; eu-cent k; eu-cent l; eu-east i; eu-east j; "
        "us-east ∅; us-east a; us-east b; us-west ∅; us-west c; us-west d"
    )


def test_columns_are_utf8_views_in_the_declared_order_and_may_be_string_fields():
    world = World("host")
    world.caches.create(world.table, ["note", "host"])
    world.caches.push("cpu", [{"host": "a", "note": "x", "time": NOW}])
    schema = world.caches.query("cpu").schema
    assert schema == pa.schema([("note", pa.string_view()), ("host", pa.string_view())])
    assert world.found() == [("x", "a")]


def test_values_are_ordered_by_their_bytes():
    world = World("host")
    world.caches.create(world.table, ["host"])
    values = ["", "a", "Z", "é", "b", "\uffff", "\U0001f600", "aa"]
    world.push(*((v,) for v in values))
    assert [v for (v,) in world.found()] == sorted(values, key=lambda v: v.encode())


def test_age_counts_from_the_row_time_so_historical_rows_never_show():
    world = World("host")
    world.caches.create(world.table, ["host"])
    day = 86_400 * SECOND
    world.push(("old",), time=NOW - day)
    world.push(("young",), time=NOW - day + 1)
    assert world.found() == [("young",)]
    world.now += 1
    assert world.found() == []


def test_a_late_old_row_hides_a_live_value():
    world = World("host")
    world.caches.create(world.table, ["host"])
    world.push(("a",))
    world.push(("a",), time=NOW - 90_000 * SECOND)
    assert world.found() == []


def test_a_late_old_row_hides_the_other_values_of_its_branch_too():
    world = World("region", "host")
    world.caches.create(world.table, ["region", "host"])
    world.push(("us", "a"), ("eu", "b"))
    world.push(("us", "c"), time=NOW - 90_000 * SECOND)
    assert world.found() == [("eu", "b")]


def test_pruning_waits_for_the_tick_and_takes_the_oldest():
    """The upstream pruning test with its nanoseconds as seconds: ages hide at once, cardinality only at the tick."""
    world = World("region", "host", now=NOW)
    world.caches.create(world.table, ["region", "host"], max_cardinality=10, max_age=100)
    for step in range(10):
        world.now = NOW + step * 20 * SECOND // 20  # 1 s apart: all within the age
        world.push(*((f"us-{x}-{step}", f"{x}-{step}") for x in ("east", "west", "cent")))
    assert len(world.found()) == 30  # no tick yet
    world.now = NOW + 10 * SECOND
    assert world.found() == [(f"us-{x}-{n}", f"{x}-{n}") for x in ("cent", "east", "west") for n in (7, 8, 9)]


def test_an_aged_entry_is_hidden_before_it_is_pruned():
    world = World("host")
    world.caches.create(world.table, ["host"], max_age=5)
    world.push(("a",))
    world.now += 5 * SECOND
    assert world.found() == []


def test_snapshots_restarts_and_deleted_tables():
    world = World("host")
    definition = world.caches.create(world.table, ["host"])
    world.push(("a",))
    snapshot = world.caches.snapshot()
    for _ in range(2):
        world.push(("b",))
        assert world.found() == [("a",), ("b",)]
        world.caches.restore(snapshot)
        assert world.found() == [("a",)]
    world.caches.clear()
    assert (world.caches.definitions(), world.found()) == ([definition], [])
    world.caches.drop_table("cpu")
    assert world.caches.definitions() == []


Tree = dict[str | None, list[Any]]


def remove_before(tree: Tree, time: int) -> bool:
    for value in list(tree):
        seen, child = tree[value]
        if not (seen > time or (child is not None and not remove_before(child, time))):
            del tree[value]
    return not tree


def leaves(tree: Tree) -> list[int]:
    return [t for seen, child in tree.values() for t in ([seen] if child is None else leaves(child))]


def walk(tree: Tree, limit: int) -> list[tuple[str | None, ...]]:
    out: list[tuple[str | None, ...]] = []
    for value in sorted(tree, key=lambda v: (v is not None, v or "")):
        seen, child = tree[value]
        if seen > limit:
            out += [(value,)] if child is None else [(value, *rest) for rest in walk(child, limit)]
    return out


def naive(pushes: list[tuple[int, list[tuple[Any, Any, int]]]], now: int, cardinality: int, age: int) -> list[Any]:
    """The rules on a tree, with every tick carried out."""
    root: Tree = {}
    clock = pushes[0][0] if pushes else now
    for at, rows in [*pushes, (now, [])]:
        for tick in range(clock - clock % (10 * SECOND) + 10 * SECOND, at + 1, 10 * SECOND):
            remove_before(root, tick - age)
            surplus = len(leaves(root)) - cardinality
            if surplus > 0:
                remove_before(root, sorted(leaves(root))[surplus - 1])
        clock = at
        for first, second, time in rows:
            entry = root.setdefault(first, [time, {}])
            entry[0] = time
            entry[1].setdefault(second, [time, None])[0] = time
    return walk(root, now - age)


VALUES = st.sampled_from([None, "", "a", "b", "é"])


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 25),
            st.lists(st.tuples(VALUES, VALUES, st.integers(-30, 1)), max_size=12),
            st.booleans(),
        ),
        max_size=6,
    ),
    st.integers(1, 6),
    st.integers(1, 40),
    st.booleans(),
)
def test_any_rows_in_any_form_agree_with_a_tree_that_runs_every_tick(pushes, cardinality, age, snapshots):
    world = World("a", "b")
    world.caches.create(world.table, ["a", "b"], max_cardinality=cardinality, max_age=age)
    done = []
    for seconds, rows, as_arrow in pushes:
        world.now += seconds * SECOND
        timed = [(a, b, world.now + ago * SECOND) for a, b, ago in rows]
        done.append((world.now, timed))
        if snapshots:
            world.caches.restore(world.caches.snapshot())
        dicts = [{"a": a, "b": b, "time": t} for a, b, t in timed]
        if as_arrow:
            world.caches.push("cpu", pa.Table.from_pylist(dicts, schema=world.table.schema))
        else:
            world.caches.push("cpu", [{k: v for k, v in row.items() if v is not None} for row in dicts])
    assert world.found() == naive(done, world.now, cardinality, age * SECOND)
