"""What ``influxdb3_local`` takes and gives (influxdb3_py_api/src/system_py.rs)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pe_kit import Engine

Answer = Callable[..., Any]
TRY = """
try:
    rows = influxdb3_local.query({sql!r}, {args})
    return [str(rows), ""]
except BaseException as error:
    return [type(error).__name__, str(error)]
"""


@pytest.fixture
def query(engine: Engine, answer: Answer) -> Callable[..., list[str]]:
    engine.write('cpu,host=a note="xy",usage=1.5,n=7i,u=7u,up=true 1000000000', "db", precision="ns")

    def run(sql: str, args: Any = None) -> list[str]:
        given: list[str] = answer(TRY.format(sql=sql, args=args))
        return given

    return run


def test_query_error_and_line_builder_errors_have_no_name_in_a_plugin(answer: Answer):
    names = ["QueryError", "InvalidLineError", "InvalidKeyError", "InvalidMeasurementError", "InfluxDBError"]
    body = f"import builtins\nreturn [n for n in {[*names, 'LineBuilder']!r} if n in globals() or hasattr(builtins, n)]"
    assert answer(body) == ["LineBuilder"]
    importing = "try:\n    import influxdb3_py_api\nexcept ImportError as error:\n    return [type(error).__name__]"
    assert answer(importing) == ["ModuleNotFoundError"]


def test_query_takes_text_parameters_and_gives_seven_types(query: Callable[..., list[str]]):
    assert query("SELECT host, n, note, time, u, up, usage FROM cpu WHERE host = $h", {"h": "a"})[0] == (
        "[{'host': 'a', 'n': 7, 'note': 'xy', 'time': 1000000000, 'u': 7, 'up': True, 'usage': 1.5}]"
    )
    assert query("SELECT n FROM cpu WHERE n > $n", {"n": 5})[0] == "TypeError"


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("length(note)", "Int32"),
        ("date_part('hour', time)", "Int32"),
        ("n::int", "Int32"),
        ("time::date", "Date32"),
        ("substr(note, 1, 1)", "Utf8View"),
        ("concat(host, 'x')", "Utf8View"),
        ("md5(note)", "Utf8View"),
    ],
)
def test_results_that_a_plugin_cannot_read_unless_it_casts(query: Callable[..., list[str]], expression: str, kind: str):
    assert query(f"SELECT {expression} AS x FROM cpu") == ["ValueError", f"Unsupported data type: {kind}"]
    target = "Utf8" if kind == "Utf8View" else "Int64" if kind == "Int32" else "Utf8"
    assert query(f"SELECT arrow_cast({expression}, '{target}') AS x FROM cpu")[0].startswith("[{'x': ")


def test_distinct_cache_and_system_tables_need_casts_too(engine: Engine, query: Callable[..., list[str]]):
    engine.create_distinct_cache("db", "cpu", ["host"])
    engine.create_last_cache("db", "cpu")
    engine.write("cpu,host=b usage=2", "db")
    unreadable = ["ValueError", "Unsupported data type: Utf8View"]
    assert query("SELECT host FROM distinct_cache('cpu')") == unreadable
    assert query("SELECT CAST(host AS VARCHAR) AS host FROM distinct_cache('cpu')")[0] == "[{'host': 'b'}]"
    assert query("SELECT host, usage FROM last_cache('cpu')")[0] == "[{'host': 'b', 'usage': 2.0}]"
    assert query("SELECT name FROM system.last_caches") == unreadable
    assert query("SELECT key FROM system.influxdb_schema") == unreadable
    kind, text = query("SELECT * FROM system.queries")
    assert (kind, text) == ("ValueError", "Unsupported data type: Duration(Nanosecond)")


def test_a_missing_table_is_a_query_error_with_the_servers_words(query: Callable[..., list[str]]):
    assert query("SELECT foo FROM not_here") == [
        "QueryError",
        "error: error while planning query: Error during planning: table 'public.iox.not_here' not found executing "
        "query on db: SELECT foo FROM not_here",
    ]
