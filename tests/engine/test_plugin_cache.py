"""The in-memory cache (influxdb3_py_api/src/cache.rs)."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from pe_kit import Engine

Plug = Callable[..., None]


def body(text: str) -> str:
    return "def process_request(influxdb3_local, q, h, b, args=None):\n    c = influxdb3_local.cache\n" + "\n".join(
        f"    {line}" for line in text.strip().splitlines()
    )


def ask(engine: Engine, path: str = "p") -> object:
    outcome = engine.request(path)
    assert outcome.response is not None
    return outcome.response.json()


def test_values_last_between_calls_and_namespaces_are_apart(engine: Engine, plug: Plug) -> None:
    count = body(
        "n = c.get('n', 0) + 1\nc.put('n', n)\ng = c.get('n', 0, True) + 1\nc.put('n', g, use_global=True)\nreturn [n, g]"
    )
    plug(count, "request:a", name="a")
    plug(count, "request:b", name="b")
    assert [ask(engine, p) for p in ("a", "a", "b")] == [[1, 1], [2, 2], [1, 3]]
    frame = engine.cache
    assert frame[["namespace", "trigger_name", "key", "value"]].values.tolist() == [
        ["global", None, "n", 3],
        ["trigger", "a", "n", 2],
        ["trigger", "b", "n", 1],
    ]


def test_ttl_runs_on_the_engines_clock(engine: Engine, plug: Plug) -> None:
    plug(body("c.put('k', 'v', ttl=60) if q.get('put') else None\nreturn [c.get('k', 'gone')]"), "request:p")
    engine.request("p", params={"put": "1"})
    assert engine.cache.expires_at[0] == pd.Timestamp(engine.now_ns + 60 * 10**9)
    engine.advance("59s")
    assert ask(engine) == ["v"]
    engine.advance("1s")
    assert len(engine.cache) == 0
    assert ask(engine) == ["gone"]


@pytest.mark.parametrize(
    ("ttl", "error"),
    [
        ("-1", "ValueError: cannot convert float seconds to Duration: value is negative"),
        ("float('nan')", "ValueError: cannot convert float seconds to Duration: value is either too big or NaN"),
        ("float('inf')", "ValueError: cannot convert float seconds to Duration: value is either too big or NaN"),
        ("1e30", "ValueError: cannot convert float seconds to Duration: value is either too big or NaN"),
    ],
)
def test_bad_ttls_are_refused(engine: Engine, plug: Plug, ttl: str, error: str) -> None:
    plug(body(f"c.put('k', 1, ttl={ttl})\nreturn ''"), "request:p")
    run = engine.request("p").run
    assert f"{type(run.error).__name__}: {run.error}" == error


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("c.put('k')", "PyCache.put() missing 1 required positional argument: 'value'"),
        ("c.get('k', ttl=1)", "PyCache.get() got an unexpected keyword argument 'ttl'"),
        ("c.put(1, 1)", "argument 'key': 'int' object is not an instance of 'str'"),
        ("c.delete('k', use_global=1)", "argument 'use_global': 'int' object is not an instance of 'bool'"),
    ],
)
def test_wrong_calls_name_the_servers_class(engine: Engine, plug: Plug, call: str, error: str) -> None:
    """influxdb3_py_api/src/cache.rs."""
    plug(body(f"{call}\nreturn ''"), "request:p")
    assert str(engine.request("p").run.error) == error


def test_ttl_zero_expires_at_once(engine: Engine, plug: Plug) -> None:
    plug(body("c.put('k', 1, ttl=0)\nreturn [c.get('k', 'gone')]"), "request:p")
    assert ask(engine) == ["gone"]


def test_values_are_kept_by_reference(engine: Engine, plug: Plug) -> None:
    plug(body("l = c.get('l')\nif l is None:\n    l = []\n    c.put('l', l)\nl.append(1)\nreturn l"), "request:p")
    assert [ask(engine), ask(engine)] == [[1], [1, 1]]


def test_a_stored_none_is_a_value(engine: Engine, plug: Plug) -> None:
    plug(body("c.put('k', None)\nreturn [c.get('k', 'default'), c.delete('k'), c.delete('k')]"), "request:p")
    assert ask(engine) == [None, True, False]


def test_disabling_wipes_a_triggers_cache_and_an_update_of_its_code_does_not(engine: Engine, plug: Plug) -> None:
    plug(body("c.put('k', 1)\nc.put('g', 1, use_global=True)\nreturn ''"), "request:p")
    engine.request("p")
    engine.write_plugin("t.py", body("return [c.get('k')]"))
    assert ask(engine) == [1]
    engine.disable_trigger("t", "db")
    engine.enable_trigger("t", "db")
    assert ask(engine) == [None]
    assert list(engine.cache.key) == ["g"]
    engine.delete_trigger("t", "db", force=True)
    assert list(engine.cache.key) == ["g"], "the global cache outlives triggers"
    engine.restart()
    assert len(engine.cache) == 0


def test_changes_show_in_the_outcome(engine: Engine, plug: Plug) -> None:
    plug(body("c.put('k', [1])\nc.put('k', [2])\nc.delete('k')\nreturn ''"), "request:p")
    frame = engine.request("p").cache
    assert frame[["namespace", "key", "before", "after"]].values.tolist() == [
        ["trigger", "k", None, [1]],
        ["trigger", "k", [1], [2]],
        ["trigger", "k", [2], None],
    ]
