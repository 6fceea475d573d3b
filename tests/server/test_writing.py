"""The write endpoints: influxdb3_server/src/http.rs, core/iox_http/src/write."""

from __future__ import annotations

import gzip

import httpx
import pytest

from pe_kit import Engine

V3 = "/api/v3/write_lp"


def test_a_write_answers_204_without_a_body_and_can_be_queried(client: httpx.Client, engine: Engine) -> None:
    answer = client.post(V3, params={"db": "d"}, content="m,host=a v=1 1700000000")
    assert (answer.status_code, answer.content) == (204, b"")
    assert engine.query("SELECT v FROM m", "d")["v"].tolist() == [1.0]


def test_by_default_good_lines_are_stored_and_bad_ones_are_listed(client: httpx.Client, engine: Engine) -> None:
    answer = client.post(V3, params={"db": "d"}, content="m v=1\nm v=\nm v=2 1")
    assert answer.status_code == 400
    assert "content-type" not in answer.headers
    assert answer.text == (
        '{"error":"partial write of line protocol occurred","data":[{"error_message":"No fields were provided",'
        '"line_number":2,"original_line":"m v="}]}'
    )
    assert len(engine.query("SELECT * FROM m", "d")) == 2


def test_without_accept_partial_one_bad_line_refuses_all(client: httpx.Client, engine: Engine) -> None:
    answer = client.post(V3, params={"db": "d", "accept_partial": "false"}, content="m v=1\nm v=")
    assert answer.status_code == 400
    assert answer.json()["data"]["line_number"] == 2
    assert not engine.store.has_database("d")


@pytest.mark.parametrize(
    ("query", "content", "status", "body"),
    [
        ("", "m v=1", 400, "missing query parameter 'db'"),
        ("?precision=s", "m v=1", 400, "serde error: missing field `db`"),
        ("?db=d", "# nothing\n", 400, "incoming write was empty"),
        ("?db=d&precision=sec", "m v=1", 400, "serde error: unrecognized precision unit: sec"),
        ("?db=d&accept_partial=yes", "m v=1", 400, "serde error: provided string was not `true` or `false`"),
        ("?db=_d", "m v=1", 400, '{"error":"db name did not start with a number or letter"}'),
        ("?db=d&db=e", "m v=1", 400, "serde error: duplicate field `db`"),
    ],
)
def test_a_write_that_cannot_be_is_refused_in_the_servers_words(
    client: httpx.Client, query: str, content: str, status: int, body: str
) -> None:
    answer = client.post(V3 + query, content=content)
    assert (answer.status_code, answer.text) == (status, body)


def test_a_sixth_database_is_422(client: httpx.Client) -> None:
    for name in "abcde":
        assert client.post(V3, params={"db": name}, content="m v=1").status_code == 204
    answer = client.post(V3, params={"db": "f"}, content="m v=1")
    assert answer.status_code == 422
    assert answer.json() == {"error": "Adding a new database would exceed limit of 5 databases"}


@pytest.mark.parametrize("precision", ["s", "second"])
def test_v3_takes_short_and_long_names_of_precisions(client: httpx.Client, engine: Engine, precision: str) -> None:
    client.post(V3, params={"db": "d", "precision": precision}, content="m v=1 1")
    assert str(engine.query("SELECT time FROM m", "d")["time"][0]) == "1970-01-01 00:00:01"


def test_gzip_bodies_are_decoded(client: httpx.Client, engine: Engine) -> None:
    """Files that were put together, too."""
    body = gzip.compress(b"m v=7i 1\n") + gzip.compress(b"m v=8i 2\n")
    assert client.post(V3, params={"db": "d"}, content=body, headers={"content-encoding": "gzip"}).status_code == 204
    assert engine.query("SELECT v FROM m ORDER BY time", "d")["v"].tolist() == [7, 8]


def test_v2_writes_to_its_bucket_in_nanoseconds(client: httpx.Client, engine: Engine) -> None:
    answer = client.post("/api/v2/write", params={"org": "o", "bucket": "d"}, content="m v=1 1")
    assert answer.status_code == 204
    assert engine.query("SELECT time FROM m", "d")["time"][0].value == 1


@pytest.mark.parametrize(
    ("query", "content", "message"),
    [
        ("", "m v=1", "no org/bucket destination provided"),
        ("?org=o", "m v=1", "missing bucket value"),
        ("?bucket=d&bucket=e", "m v=1", "failed to deserialize org/bucket/precision in request: duplicate field `bucket`"),
        ("?bucket=_d", "m v=1", "db name did not start with a number or letter"),
        ("?bucket=d", "m v=1\nm v=", "write buffer error: line protocol parse failed: No fields were provided"),
        ("?bucket=d&accept_partial=true", "m v=1\nm", "write buffer error: line protocol parse failed: Expected at least "
         "one space character, got end of input"),
        ("?bucket=d", "", "write buffer error: incoming write was empty"),
        ("?bucket=d", b"\xff", "body content is not valid utf8: invalid utf-8 sequence of 1 bytes from index 0"),
    ],
)  # fmt: skip
def test_v2_refuses_with_a_code(
    client: httpx.Client, engine: Engine, query: str, content: str | bytes, message: str
) -> None:
    answer = client.post(f"/api/v2/write{query}", content=content)
    assert (answer.status_code, answer.json()) == (400, {"code": "invalid", "message": message})
    assert not engine.store.has_database("d") or engine.tables("d").empty


def test_v2_calls_one_database_too_many_invalid(client: httpx.Client) -> None:
    for name in "abcde":
        client.post(V3, params={"db": name}, content="m v=1")
    answer = client.post("/api/v2/write", params={"bucket": "f"}, content="m v=1")
    text = "write buffer error: catalog update error: Adding a new database would exceed limit of 5 databases"
    assert (answer.status_code, answer.json()) == (400, {"code": "invalid", "message": text})


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "no db destination provided"),
        ("?precision=s", "failed to deserialize db/rp/precision in request: missing field `db`"),
    ],
)
def test_v1_refuses_with_an_error(client: httpx.Client, query: str, text: str) -> None:
    answer = client.post(f"/write{query}", content="m v=1")
    assert (answer.status_code, answer.text) == (400, '{"error":"' + text + '"}')
    lines = client.post("/write?db=d&accept_partial=true", content="m v=")
    assert (lines.status_code, lines.json()["error"]) == (400, "line protocol parsing error")


@pytest.mark.parametrize("precision", ["second", "s"])
def test_the_older_endpoints_take_long_names_of_precisions_too(
    client: httpx.Client, engine: Engine, precision: str
) -> None:
    for path, database in (("/api/v2/write", "bucket"), ("/write", "db")):
        client.post(path, params={database: "d", "precision": precision}, content="m v=1 5")
        assert str(engine.query("SELECT time FROM m", "d")["time"][0]) == "1970-01-01 00:00:05"


@pytest.mark.parametrize(("policy", "database"), [("", "d"), ("autogen", "d"), ("Weekly", "d/weekly")])
def test_v1_makes_a_named_retention_policy_part_of_the_database(
    client: httpx.Client, engine: Engine, policy: str, database: str
) -> None:
    answer = client.post("/write", params={"db": "d", "rp": policy, "precision": "ms"}, content="m v=1 5")
    assert answer.status_code == 204
    assert engine.query("SELECT time FROM m", database)["time"][0].value == 5_000_000


def test_a_write_fires_triggers_and_with_no_sync_it_waits_for_the_flush(client: httpx.Client, engine: Engine) -> None:
    engine.create_database("d")
    engine.write_plugin("p.py", "def process_writes(api, batches, args): api.info(str(len(batches[0]['rows'])))\n")
    engine.create_trigger("t", db="d", path="p.py", spec="all_tables")
    client.post(V3, params={"db": "d", "no_sync": "true"}, content="m v=1 1")
    assert not len(engine.runs)
    client.post(V3, params={"db": "d"}, content="m v=2 2")
    assert [run.rows_in for run in engine.runs] == [2]
