"""Request plugins (influxdb3_server/src/http.rs, processing_engine_request_plugin)."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from pe_kit import Engine

Plug = Callable[..., None]
ECHO = (
    "def process_request(influxdb3_local, query_params, request_headers, request_body, args=None):\n"
    "    return {'q': query_params, 'h': request_headers, 'b': request_body.decode(), 'args': args}\n"
)


def answer(engine: Engine, path: str, **options: Any) -> Any:
    response = engine.request(path, **options).response
    assert response is not None
    assert response.status == 200, response.text
    return response.json()


def test_parameters_headers_and_body_reach_the_plugin(engine: Engine, plug: Plug) -> None:
    plug(ECHO, "request:echo", arguments={"a": "b"})
    got = answer(
        engine,
        "echo",
        params=[("x", "1"), ("x", "2"), ("y", "")],
        headers={"X-Thing": "v", "Authorization": "Bearer secret"},
        body="hello",
    )
    assert got == {"q": {"x": "2", "y": ""}, "h": {"x-thing": "v"}, "b": "hello", "args": {"a": "b"}}
    assert answer(engine, "echo", method="GET")["b"] == ""


def test_json_bodies_carry_their_content_type(engine: Engine, plug: Plug) -> None:
    plug(ECHO, "request:echo")
    got = answer(engine, "echo", json={"n": 1})
    assert (got["h"], got["b"]) == ({"content-type": "application/json"}, '{"n": 1}')


def test_gzip_is_unpacked_and_other_encodings_are_refused(engine: Engine, plug: Plug) -> None:
    plug(ECHO, "request:echo")
    assert answer(engine, "echo", body=gzip.compress(b"packed"), headers={"Content-Encoding": "gzip"})["b"] == "packed"
    response = engine.request("echo", headers={"content-encoding": "br"}).response
    assert response is not None
    assert (response.status, response.text) == (400, "unacceptable content-encoding: br")
    response = engine.request("echo", body=b"x" * 10_485_761).response
    assert response is not None
    assert (response.status, response.text) == (413, "max request size (10485760 bytes) exceeded")


def test_unknown_paths_wrong_methods_and_disabled_triggers_are_404(engine: Engine, plug: Plug) -> None:
    plug(ECHO, "request:echo")
    outcome = engine.request("eccho")
    assert outcome.response is not None
    assert (outcome.response.status, outcome.response.text) == (404, '{error: "not found"}')
    assert "'echo'" in outcome.notes[0]
    response = engine.request("echo", method="PUT").response
    assert response is not None
    assert (response.status, response.text) == (404, "Not found")
    engine.disable_trigger("t", "db")
    response = engine.request("echo").response
    assert response is not None
    assert response.status == 404


def test_paths_are_compared_byte_for_byte_and_are_global(engine: Engine, plug: Plug) -> None:
    plug(ECHO, "request:/a b")
    assert answer(engine, "/a b")
    engine.create_database("other")
    plug(ECHO.replace("'q'", "'second'"), "request:/a b", name="thief", db="other")
    assert "second" in answer(engine, "/a b"), "the newer trigger takes the route"
    engine.delete_trigger("t", "db", force=True)
    response = engine.request("/a b").response
    assert response is not None
    assert response.status == 404, "removing either one removes the route"


def test_queued_writes_are_in_the_database_when_the_response_comes(engine: Engine, plug: Plug) -> None:
    plug(
        "def process_request(l, q, h, b, args=None):\n"
        "    l.write(LineBuilder('m').int64_field('n', 1))\n    return 'ok', 201, {'X-A': 'b'}\n",
        "request:w",
    )
    outcome = engine.request("w")
    assert outcome.response is not None
    assert (outcome.response.status, outcome.response.text, outcome.response.headers["X-A"]) == (201, "ok", "b")
    assert outcome.response.headers["Content-Type"] == "text/html"
    assert len(engine.query("SELECT * FROM m", "db")) == 1
    assert outcome.run.response is outcome.response


def test_none_is_an_unsupported_return_type(engine: Engine, plug: Plug) -> None:
    plug("def process_request(l, q, h, b, args=None):\n    pass\n", "request:n")
    response = engine.request("n").response
    assert response is not None
    assert (response.status, response.text) == (500, '{"error":"Unsupported return type from Python function"}')


def test_an_outcome_says_why_there_is_no_response(engine: Engine, plug: Plug) -> None:
    plug(ECHO.partition("return")[0] + "return 'x', {'bad name': '1'}\n", "request:x")
    outcome = engine.request("x")
    assert outcome.response is not None
    assert outcome.response.body == b"Processing engine error: request handler for trigger down"
    assert any("name of a header" in note for note in outcome.notes)
