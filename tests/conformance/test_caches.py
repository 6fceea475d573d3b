"""Last-value and distinct-value caches through SQL (influxdb3_cache/src)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pe_kit import Engine
from pe_kit.errors import QueryError

Plug = Callable[..., None]


def test_caches_hold_the_batch_that_fires_a_plugin(engine: Engine, plug: Plug):
    engine.create_table("db", "cpu", ["host"], fields={"usage": "float64"})
    engine.create_last_cache("db", "cpu")
    engine.create_distinct_cache("db", "cpu", ["host"])
    plug(
        "q = influxdb3_local.query\n"
        "influxdb3_local.info(q(\"SELECT host, usage FROM last_cache('cpu')\"))\n"
        "influxdb3_local.info(q(\"SELECT arrow_cast(host, 'Utf8') AS host FROM distinct_cache('cpu')\"))",
        "table:cpu",
    )
    outcome = engine.write("cpu,host=a usage=1\ncpu,host=b usage=2", "db").raise_for_error()
    assert outcome.logs.log_text.tolist()[1:3] == [
        "[{'host': 'a', 'usage': 1.0}, {'host': 'b', 'usage': 2.0}]",
        "[{'host': 'a'}, {'host': 'b'}]",
    ]


def test_loaded_data_fills_the_caches_too(engine: Engine):
    engine.create_table("db", "cpu", ["host"], fields={"usage": "float64"})
    engine.create_last_cache("db", "cpu", count=2)
    engine.load("\n".join(f"cpu,host=h{n % 3} usage={n} {n + 1}" for n in range(3000)), "db", precision="ns")
    frame = engine.query("SELECT host, usage FROM last_cache('cpu')", "db")
    assert frame.values.tolist() == [
        ["h0", 2997.0],
        ["h0", 2994.0],
        ["h1", 2998.0],
        ["h1", 2995.0],
        ["h2", 2999.0],
        ["h2", 2996.0],
    ]


def test_caches_age_on_the_engines_clock(engine: Engine):
    engine.write("cpu,host=a usage=1", "db")
    engine.create_last_cache("db", "cpu", ttl="1h")
    engine.create_distinct_cache("db", "cpu", ["host"], max_age="2h")
    engine.write("cpu,host=a usage=2", "db")
    engine.advance("59m 59s")
    assert len(engine.query("SELECT * FROM last_cache('cpu')", "db")) == 1
    engine.advance("1s")
    assert len(engine.query("SELECT * FROM last_cache('cpu')", "db")) == 0
    assert len(engine.query("SELECT * FROM distinct_cache('cpu')", "db")) == 1
    engine.advance("1h")
    assert len(engine.query("SELECT * FROM distinct_cache('cpu')", "db")) == 0


def test_the_past_has_the_caches_of_the_past(engine: Engine):
    engine.write("cpu,host=a usage=1", "db")
    engine.create_last_cache("db", "cpu")
    engine.write("cpu,host=a usage=2", "db")
    then = engine.history[-1].id
    engine.advance("1s")
    engine.write("cpu,host=a usage=3", "db")
    past = engine.at(then).fork()
    assert past.query("SELECT usage FROM last_cache('cpu')", "db").usage.tolist() == [2.0]
    assert engine.query("SELECT usage FROM last_cache('cpu')", "db").usage.tolist() == [3.0]
    past.close()


def test_the_first_columns_of_a_distinct_cache_do_not_repeat(engine: Engine):
    engine.create_table("db", "cpu", ["region", "host"])
    engine.create_distinct_cache("db", "cpu", ["region", "host"])
    engine.write("cpu,region=eu,host=a f=1\ncpu,region=eu,host=b f=1", "db")
    assert engine.query("SELECT region FROM distinct_cache('cpu')", "db").region.tolist() == ["eu"]
    assert engine.query("SELECT host FROM distinct_cache('cpu')", "db").host.tolist() == ["a", "b"]


def test_conditions_on_last_cache_are_datafusions(engine: Engine):
    engine.write("cpu,host=7 usage=1", "db")
    engine.create_last_cache("db", "cpu")
    engine.write("cpu,host=7 usage=2\ncpu,host=8 usage=2", "db")
    count = "SELECT count(*) AS n FROM last_cache('cpu') WHERE "
    assert engine.query(f"{count} host = '7'", "db").n.tolist() == [1]
    assert engine.query(f"{count} host IN ('7', '8', '9')", "db").n.tolist() == [2]
    assert engine.query(f"{count} host = 7", "db").n.tolist() == [1]
    with pytest.raises(QueryError, match="Cannot infer common argument type"):
        engine.query(f"{count} host > true", "db")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("last_cache('nope')", "provided table name is invalid"),
        ("distinct_cache('nope')", "provided table name (nope) is invalid"),
        ("last_cache('cpu')", "could not find cache for the given arguments"),
        ("distinct_cache('cpu', 'x')", "could not find distinct value cache for the given arguments"),
        ("last_cache(cpu)", "first argument must be the table name as a string"),
        ("last_cache('cpu', 1)", "second argument, if passed, must be the cache name as a string"),
    ],
)
def test_what_the_table_functions_refuse(engine: Engine, call: str, text: str):
    engine.write("cpu,host=a usage=1", "db")
    with pytest.raises(QueryError) as error:
        engine.query(f"SELECT * FROM {call}", "db")
    assert (error.value.message, error.value.status) == (f"Error during planning: {text}", 400)
