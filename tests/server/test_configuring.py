"""Databases, tables, caches, tokens, ping, health, metrics, clock: influxdb3_server/src/http.rs."""

from __future__ import annotations

import hashlib
import json
import re
import uuid

import httpx
import pytest

from pe_kit import Engine

pytestmark = pytest.mark.slow  # a server each

DB, TABLE, TOKEN = "/api/v3/configure/database", "/api/v3/configure/table", "/api/v3/configure/token"


def test_a_database_lives_and_dies(client: httpx.Client) -> None:
    made = client.post(DB, json={"db": "d", "retention_period": "30d"})
    assert (made.status_code, made.content) == (200, b"")
    again = client.post(DB, json={"db": "d"})
    assert (again.status_code, again.text) == (409, "attempted to create a resource that already exists")
    client.post(DB, json={"db": "a"})
    assert client.get(DB, params={"format": "csv"}).text.split() == ["iox::database", "_internal", "a", "d"]
    assert client.delete(DB, params={"db": "d"}).status_code == 200
    shown = client.get(DB, params={"format": "json", "show_deleted": "true"}).json()
    assert [row["deleted"] for row in shown] == [False, False, True]
    assert client.delete(DB, params={"db": "nope"}).status_code == 404


def test_listing_databases_needs_a_format(client: httpx.Client) -> None:
    answer = client.get(DB)
    assert (answer.status_code, answer.text) == (400, "serde error: missing field `format`")


def test_retention_can_be_set_and_cleared_in_two_ways(client: httpx.Client, engine: Engine) -> None:
    client.post(DB, json={"db": "d"})
    assert client.put(DB, json={"db": "d", "retention_period": "1d"}).status_code == 200
    assert engine.databases.set_index("database").retention_period["d"].days == 1
    assert client.put(DB, json={"db": "d"}).status_code == 200
    assert client.post(f"{DB}/retention_period", params={"db": "d", "duration": "2d"}).status_code == 204
    assert engine.databases.set_index("database").retention_period["d"].days == 2
    assert client.delete(f"{DB}/retention_period", params={"db": "d"}).status_code == 204
    assert engine.databases.set_index("database").retention_period.isna()["d"]


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "text"),
    [
        ("POST", DB, {}, {"db": "e", "retention_period": "30"}, r'serde json error: invalid value: string "30", expected '
         r"a duration at line 1 column \d+"),
        ("PUT", DB, {}, {"db": "d", "retention_period": ""}, 'serde json error: invalid value: string "", expected a .*'),
        ("POST", f"{DB}/retention_period", {"db": "d", "duration": "30"}, None,
         "Cannot parse the given human time: time unit needed, for example 30sec or 30ms"),
        ("DELETE", DB, {"db": "d", "hard_delete_at": "soon"}, None,
         "Cannot parse the timestamp: input contains invalid characters"),
    ],
)  # fmt: skip
def test_bad_periods_and_times_are_refused(
    client: httpx.Client, method: str, path: str, query: dict[str, str], body: object, text: str
) -> None:
    client.post(DB, json={"db": "d"})
    answer = client.request(method, path, params=query, json=body)
    assert answer.status_code == 400
    assert re.fullmatch(text, answer.text), answer.text


def test_a_table_is_made_with_its_columns(client: httpx.Client, engine: Engine) -> None:
    body = {"db": "d", "table": "t", "tags": ["a"], "fields": [{"name": "f", "type": "int64"}]}
    assert client.post(TABLE, json=body).status_code == 200
    assert client.post(TABLE, json=body).status_code == 409
    assert engine.tables("d")["columns"].tolist() == [3]
    assert client.delete(TABLE, params={"db": "d", "table": "t"}).status_code == 200
    assert engine.tables("d").empty


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"db": "d", "table": "t", "tags": []}, 400, r"serde json error: missing field `fields` at line 1 column \d+"),
        ({"db": 1, "table": "t"}, 400, r"serde json error: invalid type: integer `1`, expected a string at line.*"),
        (
            {"db": "d", "table": "t", "tags": [], "fields": [{"name": "f", "type": "int"}]},
            400,
            r"serde json error: unknown variant `int`, expected one of `utf8`, `int64`.*",
        ),
        ({"db": "d", "table": "\ud800", "tags": [], "fields": []}, 400, "serde json error: .*"),
    ],
)
def test_bad_bodies_are_refused_as_serde_does(client: httpx.Client, body: object, status: int, text: str) -> None:
    sent = {"content": json.dumps(body), "headers": {"content-type": "application/json"}}
    answer = client.post(TABLE, **sent)
    assert answer.status_code == status
    assert re.fullmatch(text, answer.text), answer.text


def test_json_endpoints_want_their_content_type(client: httpx.Client) -> None:
    answer = client.post(DB, content=b'{"db":"d"}')
    assert (answer.status_code, answer.text) == (415, "unacceptable content-type, expected: application/json")


def test_caches_are_made_asked_and_deleted(client: httpx.Client, engine: Engine) -> None:
    engine.load("m,host=a f=1 1", "d")
    for kind, body in (("last", {}), ("distinct", {"columns": ["host"]})):
        path = f"/api/v3/configure/{kind}_cache"
        made = client.post(path, json={"db": "d", "table": "m", "name": "c", **body})
        assert (made.status_code, made.json()["name"]) == (201, "c")
        assert client.post(path, json={"db": "d", "table": "m", "name": "c", **body}).status_code == 409
        assert client.delete(path, params={"db": "d", "table": "m", "name": "c"}).status_code == 200
        assert client.request("DELETE", path, json={"db": "d", "table": "m", "name": "c"}).status_code == 404


def test_ping_says_who_answers(client: httpx.Client) -> None:
    for answer in (client.get("/ping"), client.post("/ping")):
        assert list(answer.json()) == ["product_name", "version", "revision", "process_id"]
        assert answer.headers["x-influxdb-build"] == "Core"
        assert answer.headers["x-influxdb-version"] == answer.json()["version"]
        assert answer.headers["request-id"] == answer.headers["x-request-id"]
        for told in (answer.headers["cluster-uuid"], answer.headers["request-id"], answer.json()["process_id"]):
            assert str(uuid.UUID(told)) == told


def test_health_and_metrics(client: httpx.Client) -> None:
    assert client.get("/health").text == client.get("/api/v1/health").text == "OK"
    assert client.get("/health").headers["content-type"] == "text/plain; charset=utf-8"
    counted = 'http_requests_total{method="GET",path="/health",status="ok",status_code="200"} 2\n'
    metrics = client.get("/metrics").text
    assert counted in metrics
    assert metrics.endswith("\n# EOF\n")


@pytest.mark.parametrize(
    ("method", "path"), [("HEAD", "/ping"), ("PATCH", DB), ("GET", "/ready"), ("GET", "/"), ("PUT", "/api/v3/engine/x")]
)
def test_unknown_paths_and_wrong_methods_are_404(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 404
    assert answer.text == ("" if method == "HEAD" else "Not found")
    assert "access-control-allow-origin" not in answer.headers


def test_options_is_answered_with_cors_whatever_the_path(client: httpx.Client) -> None:
    answer = client.options("/anything")
    cors = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert (answer.status_code, cors) == (
        204,
        {f"access-control-{name}": "*" for name in ("allow-origin", "allow-methods", "allow-headers")}
        | {"access-control-max-age": "86400"},
    )


def test_token_endpoints_are_off_without_authentication(client: httpx.Client) -> None:
    for answer in (client.post(f"{TOKEN}/admin"), client.get(f"{TOKEN}/anything")):
        assert (answer.status_code, answer.text) == (405, "endpoint disabled, started without auth")


def test_the_virtual_clock_is_moved_by_http(client: httpx.Client, engine: Engine) -> None:
    engine.create_database("d")
    engine.write_plugin("p.py", "def process_scheduled_call(api, time, args): pass\n")
    engine.create_trigger("t", db="d", path="p.py", spec="every:10s")
    assert client.get("/pe/clock").json()["now"] == "2026-01-01T00:00:00+00:00"
    moved = client.post("/pe/clock", json={"advance": "1m"}).json()
    assert (moved["now"], moved["runs"]) == ("2026-01-01T00:01:00+00:00", 6)
    assert client.post("/pe/clock", json={"advance_to": "2025-01-01"}).status_code == 400


def test_the_wall_clock_has_no_such_door(real: Engine) -> None:
    assert httpx.get(real.serve(port=0).url + "/pe/clock").status_code == 404


def test_tokens_are_made_used_replaced_and_deleted(engine: Engine) -> None:
    url = engine.serve(port=0, token="first").url
    with httpx.Client(base_url=url, headers={"authorization": "Bearer first"}) as client:
        assert client.post(f"{TOKEN}/admin").text == "token name already exists, _admin"
        made = client.post(f"{TOKEN}/named_admin", json={"token_name": "n", "expiry_secs": 60})
        assert made.status_code == 201
        assert list(made.json()) == ["id", "name", "token", "hash", "created_at", "expiry"]
        assert made.json()["token"].startswith("apiv3_")
        assert client.post(f"{TOKEN}/named_admin", json={"token_name": "n"}).status_code == 409
        lasting = client.post(f"{TOKEN}/named_admin", json={"token_name": "lasting", "expiry_secs": 2**63})
        assert lasting.json()["expiry"] == "9999-12-31T23:59:59Z"
        named = {"authorization": f"Token {made.json()['token']}"}
        assert client.get("/ping", headers=named).status_code == 200
        known = {"db": "_internal", "q": "SELECT name, hash, expiry, permissions FROM system.tokens ORDER BY token_id"}
        assert client.get("/api/v3/query_sql", params=known).json()[:2] == [
            {"name": "_admin", "hash": hashlib.sha512(b"first").hexdigest()[:9], "permissions": "*:*:*"},
            {"name": "n", "hash": made.json()["hash"][:9], "expiry": "2026-01-01T00:01:00", "permissions": "*:*:*"},
        ]
        engine.advance("61s")
        assert client.get("/ping", headers=named).status_code == 401
        assert client.delete(TOKEN, params={"token_name": "_admin"}).status_code == 405
        assert client.delete(TOKEN, params={"token_name": "n"}).status_code == 200
        renewed = client.post(f"{TOKEN}/admin/regenerate").json()["token"]
        assert client.get("/ping").status_code == 401
        assert client.get("/ping", headers={"authorization": f"Bearer {renewed}"}).status_code == 200


def test_a_token_is_taken_in_four_forms_and_asked_for_in_two_ways(engine: Engine) -> None:
    url = engine.serve(port=0, token="t").url
    for header in ("Bearer t", "Token t", "Basic dTp0"):
        assert httpx.get(f"{url}/ping", headers={"authorization": header}).status_code == 200
    assert httpx.post(f"{url}/write", params={"db": "d", "p": "t"}, content="m v=1").status_code == 204
    both = {"url": f"{url}/write", "content": "m v=1", "headers": {"authorization": "Bearer t"}}
    assert httpx.post(**both, params={"db": "d", "p": "wrong"}).status_code == 401  # p goes before the header
    refused = httpx.get(f"{url}/ping", params={"p": "t"})
    assert (refused.status_code, refused.text) == (401, '{"error": "the request was not authenticated"}')
    malformed = httpx.get(f"{url}/ping", headers={"authorization": "t"})
    assert malformed.status_code == 400
    assert "Authorization header was malformed" in malformed.text
