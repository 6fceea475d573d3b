"""Triggers, plugin files, dry runs and request plugins over HTTP: influxdb3_server/src/http.rs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pe_kit import Engine

TRIGGER, FILES = "/api/v3/configure/processing_engine_trigger", "/api/v3/plugins/files"
ECHO = (
    "def process_request(api, query, headers, body, args):\n"
    "    return {'query': query, 'body': body.decode(), 'secret': headers.get('authorization')}, 201, {'x-Mine': 'yes'}\n"
)


def body(**changed: Any) -> dict[str, Any]:
    return {
        "db": "d",
        "plugin_filename": "p.py",
        "trigger_name": "t",
        "trigger_settings": {"run_async": False, "error_behavior": "log"},
        "trigger_specification": "request:echo/it",
        "trigger_arguments": {"a": "1"},
        "disabled": False,
    } | changed


@pytest.fixture
def ready(client: httpx.Client, engine: Engine) -> httpx.Client:
    engine.create_database("d")
    assert client.post(FILES, json={"plugin_name": "p.py", "content": ECHO}).status_code == 200
    return client


def test_a_request_plugin_answers_by_its_path(ready: httpx.Client) -> None:
    made = ready.post(TRIGGER, json=body())
    assert (made.status_code, made.content) == (200, b"")
    answer = ready.post("/api/v3/engine/echo/it?q=1&q=2", content="hi", headers={"authorization": "Bearer x"})
    assert (answer.status_code, answer.headers["x-mine"]) == (201, "yes")
    assert answer.json() == {"query": {"q": "2"}, "body": "hi", "secret": None}


def test_what_a_plugin_answers_may_be_read_by_any_origin_and_other_errors_not(ready: httpx.Client) -> None:
    ready.post(TRIGGER, json=body(trigger_specification="request:echo"))
    for path, status, allowed in (("echo", 201, "*"), ("nothing", 404, "*")):
        answer = ready.get(f"/api/v3/engine/{path}")
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, allowed)
    refused = ready.post(TRIGGER, json=body())
    assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (409, False)
    assert "content-type" not in refused.headers


def test_a_body_is_read_before_its_path_is_looked_up(ready: httpx.Client) -> None:
    answer = ready.post("/api/v3/engine/nothing", content="x", headers={"content-encoding": "br"})
    assert (answer.status_code, answer.text) == (400, "unacceptable content-encoding: br")


def test_the_path_is_compared_byte_for_byte(ready: httpx.Client) -> None:
    ready.post(TRIGGER, json=body(trigger_specification="request:/a b"))
    for path in ("/api/v3/engine/a%20b", "/api/v3/engine//a%20b", "/api/v3/engine/"):
        answer = ready.get(path)
        assert (answer.status_code, answer.text) == (404, '{error: "not found"}')


def test_triggers_are_disabled_enabled_and_deleted(ready: httpx.Client) -> None:
    ready.post(TRIGGER, json=body())
    named = {"db": "d", "trigger_name": "t"}
    running = ready.delete(TRIGGER, params=named)
    assert (running.status_code, running.text) == (
        500,
        "Cannot delete running plugin t. Disable it first or use --force.",
    )
    assert ready.post(f"{TRIGGER}/disable", params=named).status_code == 200
    assert ready.get("/api/v3/engine/echo/it").status_code == 404
    assert ready.post(f"{TRIGGER}/disable", params=named).status_code == 200
    assert ready.post(f"{TRIGGER}/enable", params=named).status_code == 200
    assert ready.get("/api/v3/engine/echo/it").status_code == 201
    assert ready.request("DELETE", TRIGGER, json={**named, "force": True}).status_code == 200
    missing = ready.post(f"{TRIGGER}/enable", params=named)
    assert (missing.status_code, missing.text) == (404, "the requested resource was not found: t")
    assert ready.post(f"{TRIGGER}/enable", json=named).text == "serde error: missing field `db`"


@pytest.mark.parametrize(
    ("changed", "status", "text"),
    [
        ({"trigger_settings": {}}, 400, "serde json error: missing field `run_async`"),
        (
            {"trigger_settings": {"run_async": False, "error_behavior": "Log"}},
            400,
            "serde json error: unknown variant `Log`, expected one of `log`, `retry`, `disable`",
        ),
        ({"trigger_arguments": {"a": 1}}, 400, "serde json error: invalid type: integer `1`, expected a string"),
        ({"plugin_filename": "q.py"}, 500, "Plugin error: reading plugin file: Plugin not found:"),
        ({"plugin_filename": "../p.py"}, 500, "Plugin error: Path traversal detected"),
        ({"trigger_specification": "never"}, 500, "failed to parse trigger from never"),
        ({"db": "nope"}, 404, "Database not found nope"),
    ],
)
def test_a_trigger_that_cannot_be_is_refused(
    ready: httpx.Client, changed: dict[str, Any], status: int, text: str
) -> None:
    answer = ready.post(TRIGGER, json=body(**changed))
    assert answer.status_code == status
    assert answer.text.startswith(text)


def test_a_trigger_by_query_lacks_what_comes_first(ready: httpx.Client) -> None:
    for query, missing in ({"db": "d"}, "plugin_filename"), ({"db": "d", "plugin_filename": "p.py"}, "trigger_name"):
        answer = ready.post(TRIGGER, params=query, json=body())
        assert (answer.status_code, answer.text) == (400, f"serde error: missing field `{missing}`")


def test_put_takes_the_name_of_a_trigger(ready: httpx.Client, engine: Engine) -> None:
    ready.post(TRIGGER, json=body())
    changed = ECHO.replace("201", "202")
    assert ready.put(FILES, json={"plugin_name": "t", "content": changed}).status_code == 200
    assert ready.get("/api/v3/engine/echo/it").status_code == 202
    missing = ready.put(FILES, json={"plugin_name": "p.py", "content": ""})
    assert (missing.status_code, missing.text) == (
        500,
        "Processing engine error: plugin error: Plugin not found: p.py",
    )


def test_a_folder_is_replaced_as_a_whole(ready: httpx.Client, engine: Engine) -> None:
    engine.write_plugin("pack/__init__.py", "from .inner import process_request\n")
    engine.write_plugin("pack/inner.py", ECHO)
    ready.post(TRIGGER, json=body(plugin_filename="pack"))
    files = [{"relative_path": "__init__.py", "content": ECHO}]
    answer = ready.put("/api/v3/plugins/directory", json={"plugin_name": "t", "files": files})
    assert answer.status_code == 200
    assert engine.plugin_dir is not None
    assert sorted(p.name for p in (engine.plugin_dir / "pack").iterdir()) == ["__init__.py"]


@pytest.mark.parametrize("name", ["../x.py", "/etc/x.py", "a/../../x.py"])
def test_no_file_is_written_outside_the_plugin_folder(ready: httpx.Client, name: str) -> None:
    answer = ready.post(FILES, json={"plugin_name": name, "content": "x"})
    assert answer.status_code == 500
    assert "Path traversal detected" in answer.text


def test_a_name_with_a_nul_byte_is_refused(ready: httpx.Client) -> None:
    answer = ready.post(FILES, json={"plugin_name": "x\0.py", "content": "x"})
    reason = "reading plugin file: file name contained an unexpected NUL byte"
    assert (answer.status_code, answer.text) == (500, f"Processing engine error: plugin error: {reason}")


def test_an_install_of_nothing_is_answered_as_any_other(ready: httpx.Client) -> None:
    path = "/api/v3/configure/plugin_environment/install_packages"
    assert ready.post(path, json={"packages": []}).status_code == 200


def test_dry_runs_answer_what_the_engine_answers(ready: httpx.Client, engine: Engine) -> None:
    source = (
        "def process_writes(api, batches, args): api.info('hi'); api.write(LineBuilder('o').int64_field('n', 1))\n"
        "def process_scheduled_call(api, time, args): pass\n"
    )
    engine.write_plugin("w.py", source)
    wal = ready.post("/api/v3/plugin_test/wal", json={"filename": "w.py", "database": "d", "input_lp": "m v=1 1"})
    assert wal.json() == engine.test_wal_plugin("w.py", "m v=1 1", "d")
    schedule = ready.post("/api/v3/plugin_test/schedule", json={"filename": "w.py", "database": "d"})
    assert schedule.json() == engine.test_schedule_plugin("w.py", "d")


def test_a_plugin_may_call_the_server_that_it_runs_in(real: Engine) -> None:
    url = real.serve(port=0).url
    real.create_database("d")
    inner = "def process_request(api, query, headers, body, args): return 'inner'\n"
    outer = (
        "import httpx\n"
        "def process_request(api, query, headers, body, args):\n"
        f"    return 'outer ' + httpx.get('{url}/api/v3/engine/inner').text\n"
    )
    for name, source in (("inner", inner), ("outer", outer)):
        real.write_plugin(f"{name}.py", source)
        real.create_trigger(name, db="d", path=f"{name}.py", spec=f"request:{name}")
    assert httpx.get(f"{url}/api/v3/engine/outer").text == "outer inner"
