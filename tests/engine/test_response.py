"""Every kind of return value is answered as ``process_flask_response`` of influxdb3_py_api/src/system_py.rs does."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import pytest

from pe_kit.engine.invoke import error_text
from pe_kit.engine.records import Response
from pe_kit.engine.response import error_response, to_response
from pe_kit.errors import PluginError

HTML, JSON, PLAIN = ({"Content-Type": kind} for kind in ("text/html", "application/json", "text/plain"))
DOWN: tuple[int, dict[str, str], bytes] = (500, {}, b"Processing engine error: request handler for trigger down")


def answer(value: Any) -> Response:
    """What a request is answered with: the value, or why it is no answer, as the engine writes it."""
    try:
        return to_response(value)
    except Exception as error:
        return error_response(error_text(error))


class Flask:
    """What counts as a Flask response: an object that says so."""

    def __init__(self, status: Any = 201, headers: Any = None, data: Any = "made", says: Any = True) -> None:
        self.status_code, self.headers, self._data, self._says = status, {} if headers is None else headers, data, says

    def __flask_response__(self) -> Any:
        return self._says

    def get_data(self) -> Any:
        return self._data


def generated() -> Iterator[Any]:
    yield "a"
    yield b"b"
    yield 3
    yield b"\xff"
    yield None
    yield "c"


Pair = namedtuple("Pair", "body status")


@pytest.mark.parametrize(
    ("value", "status", "headers", "body"),
    [
        (Flask(), 201, {}, b"made"),
        (Flask(404, {"X-A": "1"}, ""), 404, {"X-A": "1"}, b""),
        (("text",), 200, HTML, b"text"),
        (({"a": 1},), 200, JSON, b'{"a": 1}'),
        (([1, None],), 200, JSON, b"[1, null]"),
        ((None, 204), 204, PLAIN, b"None"),
        ((b"x",), 200, PLAIN, b"b'x'"),
        ((7.5,), 200, PLAIN, b"7.5"),
        (("text", 418), 418, HTML, b"text"),
        (Pair("text", 202), 202, HTML, b"text"),
        (("text", 70_000), 500, HTML, b"text"),
        (("text", -1), 500, HTML, b"text"),
        (("text", 99), 500, HTML, b"text"),
        (("text", 1000), 500, HTML, b"text"),
        (("text", True), 500, HTML, b"text"),
        (Flask(0), 500, {}, b"made"),
        (("text", 2**70), 200, HTML, b"text"),
        (("text", {"X-A": "1"}), 200, {**HTML, "X-A": "1"}, b"text"),
        (("text", {"Content-Type": "text/csv"}), 200, {"Content-Type": "text/csv"}, b"text"),
        (("text", {"content-type": "text/csv"}), 200, {**HTML, "content-type": "text/csv"}, b"text"),
        (("text", "404"), 200, HTML, b"text"),
        (("text", None), 200, HTML, b"text"),
        (("text", 201.0), 200, HTML, b"text"),
        (({"a": 1}, 201, {"X-A": "1"}), 201, {**JSON, "X-A": "1"}, b'{"a": 1}'),
        (("text", {"X-A": "1"}, {"X-A": "2", "x-a": "3"}), 200, {**HTML, "X-A": "2", "x-a": "3"}, b"text"),
        (("text", None, {"X-A": "1"}), 200, {**HTML, "X-A": "1"}, b"text"),
        ("text", 200, HTML, b"text"),
        ("", 200, HTML, b""),
        ("ä", 200, HTML, "ä".encode()),
        ({"a": "ä"}, 200, JSON, b'{"a": "\\u00e4"}'),
        ([], 200, JSON, b"[]"),
        (generated(), 200, HTML, b"abc"),
        (b"bytes", 200, HTML, b""),
        ({"only"}, 200, HTML, b"only"),
        ((), 200, HTML, b""),
        (("a", 201, "b", "c"), 200, HTML, b"abc"),
        (range(3), 200, HTML, b""),
        ("a\ud800b", 200, HTML, b"ab"),
        (Flask(says=1), 500, {}, b'{"error":"Unsupported return type from Python function"}'),
        (None, 500, {}, b'{"error":"Unsupported return type from Python function"}'),
        (12, 500, {}, b'{"error":"Unsupported return type from Python function"}'),
        (True, 500, {}, b'{"error":"Unsupported return type from Python function"}'),
        (object(), 500, {}, b'{"error":"Unsupported return type from Python function"}'),
        (("text", 200, ["X-A"]), 500, {}, b'{"error":"expected a dictionary in header item"}'),
        (("text", 200, None), 500, {}, b'{"error":"expected a dictionary in header item"}'),
    ],
)  # fmt: skip
def test_a_return_value_becomes_this_response(value: Any, status: int, headers: dict[str, str], body: bytes) -> None:
    response = answer(value)
    assert (response.status, response.headers, response.body) == (status, headers, body)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (("text", {"X-A": 1}), "TypeError: 'int' object is not an instance of 'str'"),
        (("text", {1: "a"}), "TypeError: 'int' object is not an instance of 'str'"),
        (("text", 200, {"X-A": None}), "TypeError: 'NoneType' object is not an instance of 'str'"),
        ({"a": object}, "TypeError: Object of type type is not JSON serializable"),
        (({1, 2}, 200, {"a": 1}), "TypeError: 'int' object is not an instance of 'str'"),
        (Flask(data=b"x"), "TypeError: 'bytes' object is not an instance of 'str'"),
        (Flask(status="200"), "TypeError: 'str' object cannot be interpreted as an integer"),
        (Flask(status=-1), "OverflowError: out of range integral type conversion attempted"),
        (Flask(headers=[("a", "b")]), "TypeError: 'list' object is not an instance of 'dict'"),
        ((n / (n - 1) for n in [1]), "ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_converted_is_a_json_500(value: Any, error: str) -> None:
    response = answer(value)
    assert (response.status, response.headers, response.json()) == (500, {}, {"error": error})


@pytest.mark.parametrize("value", [("t", {"bad name": "x"}), ("t", {"": "x"})])
def test_what_http_cannot_carry_ends_the_handler(value: Any) -> None:
    response = answer(value)
    assert (response.status, response.headers, response.body) == DOWN


def test_a_header_value_that_http_cannot_carry_is_sent_empty() -> None:
    assert answer(("t", {"X-A": "two\nlines", "X-B": "ä\t"})).headers == {**HTML, "X-A": "", "X-B": "ä\t"}


def test_to_response_raises_what_counts_as_an_error_of_the_plugin() -> None:
    with pytest.raises(PluginError, match="Unsupported return type") as caught:
        to_response(None)
    assert "NoneType" in caught.value.mend


def test_an_error_is_compact_json_without_a_content_type() -> None:
    response = error_response('Ä "q"')
    assert (response.status, response.headers, response.text) == (500, {}, '{"error":"Ä \\"q\\""}')
