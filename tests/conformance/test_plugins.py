"""How plugins fail and what stops them (influxdb3_py_api/src/error.rs)."""

from __future__ import annotations

import sys
from collections.abc import Callable

from pe_kit import Engine, Limits

Plug = Callable[..., None]


def test_an_exception_is_its_type_and_message(engine: Engine, plug: Plug):
    plug("{}['x']", "all_tables", name="w")
    plug("1 / 0", "request:r", name="r")
    engine.write("m f=1 1", "db")
    assert engine.logs("w", "error").log_text.tolist() == ["error executing wal plugin: KeyError: 'x'"]
    response = engine.request("r").response
    text = "Python function call failed: ZeroDivisionError: division by zero"
    assert (response.status, response.json()) == (500, {"error": text})
    assert engine.logs("r", "error").log_text.tolist() == [f"error running request plugin: {text}"]


def test_no_limit_stops_a_plugin_by_default(engine: Engine, plug: Plug):
    limits = Limits()
    assert (limits.run_time, limits.cpu_time, limits.memory) == (None, None, None)
    plug("influxdb3_local.info(str(len('x' * 50_000_000)))", "all_tables")
    assert engine.write("m f=1 1", "db").ok


def test_plugins_run_on_the_sessions_python(engine: Engine, answer: Callable[..., object]):
    assert answer("import sys\nreturn [sys.prefix, list(sys.version_info[:3])]") == [
        sys.prefix,
        list(sys.version_info[:3]),
    ]
