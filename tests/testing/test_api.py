"""LocalApi: the double behaves as influxdb3_local does (influxdb3_py_api/src/system_py.rs), and tells what happened."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime

import pandas as pd
import pytest

from pe_kit import Engine, LineBuilder
from pe_kit.engine.localapi import PyPluginCallApi
from pe_kit.errors import UsageError
from pe_kit.testing import LocalApi

NINE = {"info", "warn", "error", "query", "write", "write_to_db", "write_sync", "write_sync_to_db", "cache"}
EXTRA = {
    *("args", "engine", "load", "batches", "call", "advance", "sibling", "now"),
    *("lines", "rejected", "logs", "queries", "cache_changes"),
}


def line(value: float = 1.0, **tags: str) -> LineBuilder:
    made = LineBuilder("out").float64_field("value", value).time_ns(1)
    for key, text in tags.items():
        made.tag(key, text)
    return made


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


# -- the surface ------------------------------------------------------------------------------------------------------


def test_the_double_has_the_surface_of_influxdb3_local_and_the_names_of_the_test():
    assert public(PyPluginCallApi) == NINE
    assert public(LocalApi()) == NINE | EXTRA
    for name in NINE - {"cache"}:
        assert inspect.signature(getattr(LocalApi, name)) == inspect.signature(getattr(PyPluginCallApi, name))


def test_a_called_plugin_sees_nine_names_and_the_same_as_one_that_a_trigger_calls():
    seen = []
    LocalApi().call(lambda influxdb3_local, args: seen.append(public(influxdb3_local)))
    source = "def process_request(api, q, h, b, args=None):\n    return [n for n in dir(api) if not n.startswith('_')]"
    with Engine() as engine:
        engine.create_database("db")
        engine.write_plugin("p.py", source)
        engine.create_trigger("t", db="db", path="p.py", spec="request:names")
        assert seen == [set(engine.request("names").response.json())] == [NINE]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda api: api.query("SELECT 1", params={}), r"PyPluginCallApi.query\(\) got an unexpected keyword argument"),
        (lambda api: api.query("SELECT $n", {"n": 1}), "'int' object is not an instance of 'str'"),
        (lambda api: api.write_sync(line()), "missing 1 required positional argument: 'no_sync'"),
        (lambda api: api.debug("x"), "object has no attribute 'debug'"),
    ],
)
def test_what_the_server_refuses_is_refused(wrong, says):
    with pytest.raises((TypeError, AttributeError), match=says):
        wrong(LocalApi())


# -- what is there ----------------------------------------------------------------------------------------------------


def test_line_protocol_that_is_given_can_be_queried():
    api = LocalApi(lp="home,room=a temp=20 1\nhome,room=b temp=21 2")
    rows = api.query("SELECT room, temp FROM home WHERE room = $room", {"room": "b"})
    assert rows == [{"room": "b", "temp": 21.0}]
    assert api.queries.iloc[0].to_dict() | {"seconds": 0} == {
        "database": "db",
        "sql": "SELECT room, temp FROM home WHERE room = $room",
        "params": {"room": "b"},
        "rows": 1,
        "seconds": 0,
        "error": None,
    }


@pytest.mark.parametrize("kind", ["frame", "dicts", "arrow"])
def test_tables_that_are_given_can_be_queried(kind):
    import pyarrow as pa

    time = pd.to_datetime(["2026-01-01", "2026-01-02"])
    frame = pd.DataFrame({"room": ["a", "b"], "temp": [20.0, 21.5], "time": time})
    dicts = [
        {"room": "a", "temp": 20.0, "time": int(time[0].as_unit("ns").value)},
        {"room": "b", "temp": 21.5, "time": 5},
    ]
    rows = {"frame": frame, "dicts": dicts, "arrow": pa.Table.from_pandas(frame)}[kind]
    api = LocalApi(tables={"home": rows}, tags=["room"], database="house")
    assert api.query("SELECT room, temp FROM home ORDER BY temp") == [
        {"room": "a", "temp": 20.0},
        {"room": "b", "temp": 21.5},
    ]
    assert api.query("SELECT count(*) AS n FROM home", database="house") == [{"n": 2}]


def test_times_of_rows_that_are_given_are_nanoseconds_as_in_a_batch():
    api = LocalApi(tables={"home": [{"temp": 20.0, "time": 5}], "empty": []})
    assert api.query("SELECT * FROM home") == [{"temp": 20.0, "time": 5}]
    assert api.engine.tables("db")["table"].tolist() == ["home"]


def test_a_table_of_something_else_is_refused():
    with pytest.raises(UsageError, match="int"):
        LocalApi(tables={"home": 5})


def test_batches_are_what_process_writes_gets_and_their_rows_can_be_queried():
    api = LocalApi()
    lp = "home,room=a temp=20,on=t 7\nother v=1i 8"
    assert api.batches(lp) == [
        {"table_name": "home", "rows": [{"room": "a", "temp": 20.0, "on": True, "time": 7}]},
        {"table_name": "other", "rows": [{"v": 1, "time": 8}]},
    ]
    assert api.query("SELECT v FROM other") == [{"v": 1}]
    assert api.batches("home temp=1 9", table="other") == []


def test_arguments_and_start_are_the_tests_to_choose():
    api = LocalApi(args={"limit": "3"}, start="2030-05-01")
    assert api.now == datetime(2030, 5, 1, tzinfo=UTC)
    assert api.call(lambda influxdb3_local, number, args: (number, args), 5) == (5, {"limit": "3"})
    assert api.query("SELECT now() AS n") == [{"n": 1_903_824_000_000_000_000}]


# -- queued writes ----------------------------------------------------------------------------------------------------


def process_writes(influxdb3_local, table_batches, args=None):
    """A plugin that queues a line, then fails when it is told to."""
    influxdb3_local.write(line())
    influxdb3_local.info("queued")
    if args:
        raise ValueError("told to")


def test_queued_lines_arrive_when_the_function_has_returned():
    api = LocalApi()
    process_writes(api, [])
    assert api.lines == {"db": ["out value=1.0 1"]}
    assert api.query("SELECT value FROM out") == [{"value": 1.0}]


def test_queued_lines_are_not_there_while_the_function_runs():
    def process_request(influxdb3_local, args):
        influxdb3_local.write(line())
        with pytest.raises(Exception, match=r"table 'public\.iox\.out' not found"):
            influxdb3_local.query("SELECT * FROM out")

    LocalApi().call(process_request)


def test_queued_lines_of_a_function_that_raised_are_dropped_called_directly_or_by_call():
    for call in (lambda api: process_writes(api, [], {"a": "b"}), lambda api: api.call(process_writes, [])):
        api = LocalApi(args={"a": "b"})
        with pytest.raises(ValueError, match="told to"):
            call(api)
        assert api.lines == {}
        assert list(api.logs.log_text) == ["queued"]


def test_of_several_direct_calls_each_is_ended_by_itself():
    api = LocalApi()
    process_writes(api, [])
    with pytest.raises(ValueError, match="told to"):
        process_writes(api, [], {"a": "b"})
    process_writes(api, [])
    assert api.lines == {"db": ["out value=1.0 1"] * 2}


def test_lines_that_a_helper_function_queued_are_taken_as_written_unless_it_raised():
    api = LocalApi()
    api.write(line(2.0))
    assert api.lines == {"db": ["out value=2.0 1"]}

    def helper():
        api.write(line(3.0))
        raise KeyError("x")

    with pytest.raises(KeyError):
        helper()
    assert api.lines == {"db": ["out value=2.0 1"]}


def test_lines_for_other_databases_are_told_apart():
    api = LocalApi()
    api.write(line(1.0))
    api.write_to_db("other", line(2.0))
    assert api.lines == {"db": ["out value=1.0 1"], "other": ["out value=2.0 1"]}
    assert api.query("SELECT value FROM out", database="other") == [{"value": 2.0}]


def test_a_queued_write_that_is_refused_is_in_the_log_and_nowhere_else():
    api = LocalApi(lp='out value="text" 1')
    api.call(process_writes, [])
    assert api.lines == {}
    [(database, error)] = api.rejected
    assert database == "db"
    assert error.startswith(
        "error writing back lines to db: Cannot write: line protocol parse failed: invalid column type"
    )
    assert list(api.logs.log_level) == ["INFO", "ERROR"]
    assert api.logs.log_text[1] == f"error running wal plugin: {error}"


@pytest.mark.parametrize(("name", "kind"), [("process_request", "request"), ("process_scheduled_call", "schedule")])
def test_the_log_names_the_kind_of_plugin(name, kind):
    api = LocalApi(lp='out value="text" 1')
    namespace = {"line": line}
    exec(f"def {name}(influxdb3_local, *rest):\n    influxdb3_local.write(line())", namespace)
    namespace[name](api)
    assert api.logs.log_text[0].startswith(f"error running {kind} plugin: ")


# -- synchronous writes -----------------------------------------------------------------------------------------------


def test_synchronous_writes_are_there_at_once_and_stay_when_the_function_raises():
    def process_writes(influxdb3_local, args):
        influxdb3_local.write_sync(line(), no_sync=False)
        assert influxdb3_local.query("SELECT value FROM out") == [{"value": 1.0}]
        raise ValueError("late")

    api = LocalApi()
    with pytest.raises(ValueError, match="late"):
        api.call(process_writes)
    assert api.lines == {"db": ["out value=1.0 1"]}


def test_with_no_sync_lines_are_queryable_after_the_flush_that_time_brings():
    api = LocalApi(lp="out value=0 0")
    api.write_sync(line(), True)
    assert api.query("SELECT count(*) AS n FROM out") == [{"n": 1}]
    api.advance("1s")
    assert api.query("SELECT count(*) AS n FROM out") == [{"n": 2}]


def test_a_synchronous_write_that_is_refused_raises_the_servers_text():
    api = LocalApi(lp='out value="text" 1')
    with pytest.raises(Exception, match="error writing line protocol to db: Cannot write: line protocol parse failed"):
        api.write_sync(line(), False)
    with pytest.raises(
        Exception, match=r"error writing line protocol to a b: invalid database name: database name 'a b'"
    ):
        api.write_sync_to_db("a b", line(), True)
    assert api.lines == {}


# -- cache and time ---------------------------------------------------------------------------------------------------


def test_a_ttl_runs_out_as_time_advances():
    api = LocalApi()
    api.cache.put("k", 1, ttl=60)
    api.advance("59s")
    assert api.cache.get("k") == 1
    api.advance("1s")
    assert api.cache.get("k", "gone") == "gone"
    assert list(api.cache_changes.before.fillna("nothing")) == ["nothing", 1]


def test_the_trigger_cache_and_the_global_cache_are_two_and_siblings_share_only_the_second():
    one = LocalApi()
    two = one.sibling("two", args={"a": "b"})
    one.cache.put("k", "trigger")
    one.cache.put("k", "global", use_global=True)
    assert one.cache.get("k") == "trigger"
    assert two.cache.get("k") is None
    assert two.cache.get("k", use_global=True) == "global"
    two.write(line())
    assert two.lines == {"db": ["out value=1.0 1"]}
    assert one.lines == {}
    assert one.query("SELECT value FROM out") == [{"value": 1.0}]
    assert two.args == {"a": "b"}


def test_a_line_without_time_gets_the_virtual_time():
    api = LocalApi(start="2030-05-01")
    api.call(lambda influxdb3_local, args: influxdb3_local.write(LineBuilder("out").int64_field("n", 1)))
    assert api.query("SELECT time FROM out") == [{"time": 1_903_824_000_000_000_000}]


def test_a_called_function_runs_under_the_clock_that_the_engine_gives_to_plugins():
    api = LocalApi()
    api.engine._runtime.around = lambda call, body: (call.database, body())
    assert api.call(lambda influxdb3_local, args: "done") == ("db", "done")
