"""Clients that are broken or mean no good: they are refused, and the engine goes on unharmed."""

from __future__ import annotations

import gzip
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from pe_kit import Engine
from pe_kit.errors import EngineClosedError, UsageError
from pe_kit.server import app as application
from pe_kit.server import front

pytestmark = pytest.mark.slow  # a server each

LIMIT = "max request size (10485760 bytes) exceeded"


def _raw(url: str, data: bytes) -> bytes:
    """Send bytes and read until the server hangs up."""
    target = httpx.URL(url)
    with socket.create_connection((target.host, target.port or 0), timeout=10) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_a_body_over_the_limit_is_413_however_it_comes(client: httpx.Client) -> None:
    big = b"x" * (application.MAX_REQUEST_SIZE + 1)
    for content in (big, iter([big[:5_000_000], big[5_000_000:]])):
        answer = client.post("/api/v3/write_lp", params={"db": "d"}, content=content)
        assert (answer.status_code, answer.text) == (413, LIMIT)
    bomb = client.post(
        "/api/v3/write_lp", params={"db": "d"}, content=gzip.compress(big), headers={"content-encoding": "gzip"}
    )
    assert (bomb.status_code, bomb.text) == (413, LIMIT)
    assert client.get("/health").text == "OK"


@pytest.mark.parametrize(
    ("encoding", "content", "text"),
    [
        ("br", b"x", "unacceptable content-encoding: br"),
        ("gzip", b"not gzip", "error decoding gzip stream"),
        ("gzip", gzip.compress(b"m v=1" * 100, mtime=0)[:-9], "error decoding gzip stream: unexpected end of file"),
    ],
)
def test_bad_encodings_are_400(client: httpx.Client, encoding: str, content: bytes, text: str) -> None:
    answer = client.post(
        "/api/v3/write_lp", params={"db": "d"}, content=content, headers={"content-encoding": encoding}
    )
    assert answer.status_code == 400
    assert answer.text.startswith(text)


@pytest.mark.parametrize("content", [b"", b"{", b"nul", b"[1]", b'{"db":', b"\xff\xfe", b'{"db": NaN}', b"[" * 100_000])
def test_json_that_is_none_is_400(client: httpx.Client, content: bytes) -> None:
    answer = client.post("/api/v3/configure/database", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.text.startswith("serde json error: ")


def test_text_that_is_no_utf8_is_400(client: httpx.Client) -> None:
    answer = client.post("/api/v3/write_lp", params={"db": "d"}, content=b"m v=1\xff")
    assert answer.status_code == 400


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"PRI * HTTP/1.1\r\n\r\n", b"\0" * 100])
def test_what_is_no_http_is_refused(client: httpx.Client, engine: Engine, data: bytes) -> None:
    answer = _raw(str(client.base_url), data)
    assert answer == b"" or b" 400 " in answer.splitlines()[0]
    assert client.get("/health").text == "OK"


def test_a_broken_preface_of_http2_harms_nobody(client: httpx.Client) -> None:
    _raw(str(client.base_url), front.PREFACE + b"\xff" * 64)
    assert client.get("/health").text == "OK"


@pytest.mark.parametrize("head", [b"", b"P", b"PRI * HT", b"GET /health HT"])
def test_a_client_that_never_ends_its_head_is_dropped(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(front, "HEAD_PATIENCE", 0.05)
    assert _raw(engine.serve(port=0).url, head) == b""


def test_a_client_that_never_ends_its_body_is_answered_408(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "BODY_PATIENCE", 0.05)
    head = b"POST /api/v3/write_lp?db=d HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nm v"
    assert _raw(engine.serve(port=0).url, head).startswith(b"HTTP/1.1 408")
    assert not engine.store.has_database("d")


def test_clients_that_leave_early_harm_nobody(client: httpx.Client, engine: Engine) -> None:
    target = client.base_url
    for data in (
        b"",
        b"POST /api/v3/write_lp?db=d HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nm v",
        front.PREFACE,
    ):
        with socket.create_connection((target.host, target.port or 0)) as connection:
            connection.sendall(data)
    assert client.get("/health").text == "OK"
    assert not engine.store.has_database("d")


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/api/v3/engine/../../x", "/%2e%2e/%2e%2e/etc/passwd"])
def test_paths_do_not_lead_anywhere(client: httpx.Client, path: str) -> None:
    answer = _raw(str(client.base_url), f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404")


def test_other_machines_need_a_token(engine: Engine) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.test"):
        with pytest.raises(UsageError, match="a token is needed"):
            engine.serve(host=host, port=0)
    with pytest.raises(UsageError, match="an empty token"):
        engine.serve(port=0, token="")


def test_a_port_that_is_taken_is_said(engine: Engine) -> None:
    with pytest.raises(UsageError, match="port 99999"):
        engine.serve(port=99_999)
    with pytest.raises(UsageError, match="cannot listen"):
        engine.serve(port=engine.serve(port=0).port)


def test_a_stopped_server_and_a_closed_engine_answer_no_more(engine: Engine) -> None:
    served = engine.serve(port=0)
    served.stop()
    served.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(served.url)
    again = engine.serve(port=0)
    engine.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(again.url)
    with pytest.raises(EngineClosedError):
        engine.serve(port=0)


def test_stopping_answers_the_requests_that_are_under_way() -> None:
    with Engine(clock="wall", wal_flush_interval="300ms") as engine, ThreadPoolExecutor(8) as pool:
        served = engine.serve(port=0)
        begun = threading.Barrier(9)

        def write(i: int) -> int:
            with httpx.Client(base_url=served.url) as client:
                client.get("/health")
                begun.wait()
                return client.post("/api/v3/write_lp", params={"db": "d"}, content=f"m v={i} {i + 1}").status_code

        answers = [pool.submit(write, i) for i in range(8)]
        begun.wait()
        served.stop()
        stored = 0
        for answer in answers:
            try:
                stored += answer.result() == 204
            except httpx.TransportError:
                continue
        engine.flush()
        found = len(engine.query("SELECT * FROM m", "d")) if engine.store.has_database("d") else 0
        assert found >= stored
