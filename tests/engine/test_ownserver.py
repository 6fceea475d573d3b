"""A plugin that asks the server it runs in gets the other plugin's answer, in virtual time too (influxdb3_server/src/http.rs)."""

from __future__ import annotations

import pytest

from pe_kit import Engine

SENDS = {
    "urllib": """
        from urllib.request import Request, urlopen
        with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=5) as response:
            status, text = response.status, response.read().decode()
    """,
    "requests": """
        import requests
        response = requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=5)
        response.raise_for_status()
        status, text = response.status_code, response.json() and response.text
    """,
    "httpx": """
        import httpx
        with httpx.Client() as client:
            response = client.post(url, content=body, headers={"Content-Type": "application/json"}).raise_for_status()
        status, text = response.status_code, response.text
    """,
    "httpx in an event loop": """
        import asyncio, httpx
        async def send():
            async with httpx.AsyncClient() as client:
                return await client.post(url, content=body, headers={"Content-Type": "application/json"})
        response = asyncio.run(send()).raise_for_status()
        status, text = response.status_code, response.text
    """,
}
ASKS = """
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        if batch["table_name"] != "alerts":
            ask(influxdb3_local, args["url"], ('{"n": %d}' % len(batch["rows"])).encode())

def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    ask(influxdb3_local, args["url"], b"{}")
    return "asked"

def ask(influxdb3_local, url, body):
    try:
"""
ASKED = """
    except Exception as error:
        influxdb3_local.error(type(error).__name__, getattr(error, "code", None) or error)
    else:
        rows = influxdb3_local.query("SELECT * FROM alerts") if status == 200 else []
        influxdb3_local.info(status, text, len(rows))
"""
ANSWERS = """
import asyncio, json, time

def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    data = json.loads(request_body)
    if data["n"] > 1:
        raise ValueError("too many")
    asyncio.run(asyncio.sleep(1))
    time.sleep(1)
    influxdb3_local.write(LineBuilder("alerts").int64_field("n", data["n"]))
    return {"to": query_parameters["to"], "type": request_headers["content-type"], "known": "authorization" in request_headers}
"""
URL = "http://localhost:8181/api/v3/engine/notify?to=me"


def engine_with(library: str, url: str = URL) -> Engine:
    engine = Engine(start=0)
    engine.create_database("d")
    engine.write_plugin("asks.py", ASKS + SENDS[library] + ASKED)
    engine.write_plugin("answers.py", ANSWERS)
    engine.create_trigger("answers", db="d", path="answers.py", spec="request:notify")
    engine.create_trigger("asks", db="d", path="asks.py", spec="table:m", arguments={"url": url})
    return engine


@pytest.mark.parametrize("library", SENDS)
def test_the_other_plugin_runs_within_the_one_that_asks(library: str) -> None:
    with engine_with(library) as engine:
        outcome = engine.write("m v=1 5", "d")
        asks, answers, *_ = outcome.runs
        assert (asks.trigger, answers.trigger) == ("asks", "answers")
        assert answers.caused_by is asks
        assert outcome.run is asks
        assert answers.duration > 0
        assert asks.logs.log_text[1] == '200 {"to": "me", "type": "application/json", "known": false} 1'
        assert asks.logs.log_text[2] == "finished execution in 2s"
        assert engine.query("SELECT n FROM alerts", "d").n.tolist() == [1]
        with engine.at(outcome.event.id).fork() as fork:
            assert [run.trigger for run in fork.runs] == [run.trigger for run in engine.runs]
            assert fork.write("m v=2 6", "d").runs[1].trigger == "answers"


@pytest.mark.parametrize("library", SENDS)
def test_what_the_other_plugin_raises_is_a_500(library: str) -> None:
    with engine_with(library) as engine:
        asks, answers = engine.write("m v=1 5\nm v=2 6", "d").runs
        assert asks.ok
        assert "500" in asks.logs.log_text[1]
        assert isinstance(answers.error, ValueError)


@pytest.mark.parametrize("library", SENDS)
def test_a_path_that_no_trigger_has_is_a_404(library: str) -> None:
    with engine_with(library, "http://127.0.0.1:8181/api/v3/engine/other") as engine:
        (asks,) = engine.write("m v=1 5", "d").runs
        assert "404" in asks.logs.log_text[1]


@pytest.mark.parametrize("library", SENDS)
def test_a_plugin_that_waits_for_itself_times_out(library: str) -> None:
    with engine_with(library, "http://localhost:8181/api/v3/engine/self") as engine:
        engine.create_trigger(
            "self", db="d", path="asks.py", spec="request:self",
            arguments={"url": "http://localhost:8181/api/v3/engine/self"},
        )  # fmt: skip
        (run,) = engine.request("self", body="{}").runs
        assert "time" in run.logs.log_text[1].lower()
        assert "waits for itself" in run.notes[0]


def test_a_token_is_asked_for_where_the_engine_is_served_with_one() -> None:
    with engine_with("urllib") as engine:
        served = engine.serve(port=0, token="secret")
        url = f"http://localhost:{served.port}/api/v3/engine/notify?to=me"
        engine.delete_trigger("asks", "d", force=True)
        engine.create_trigger("asks", db="d", path="asks.py", spec="table:m", arguments={"url": url})
        assert "401" in engine.write("m v=1 5", "d").run.logs.log_text[1]
        source = ASKS + SENDS["urllib"] + ASKED
        engine.write_plugin(
            "asks.py", source.replace('"Content-Type"', '"Authorization": "Bearer secret", "Content-Type"')
        )
        assert "200" in engine.write("m v=1 6", "d").run.logs.log_text[1]


def test_other_addresses_are_left_alone() -> None:
    with engine_with("urllib", "http://localhost:1/api/v3/engine/notify") as engine:
        (asks,) = engine.write("m v=1 5", "d").runs
        assert "refused" in asks.logs.log_text[1]


def test_a_chain_of_plugins_that_ask_from_event_loops_is_answered() -> None:
    with engine_with("httpx in an event loop", "http://localhost:8181/api/v3/engine/next") as engine:
        engine.create_trigger("next", db="d", path="asks.py", spec="request:next", arguments={"url": URL})
        engine.write_plugin("answers.py", ANSWERS.replace('data["n"]', "0"))
        runs = engine.write("m v=1 5", "d").runs
        assert [(run.trigger, run.depth) for run in runs if not run.empty][:3] == [
            ("asks", 0),
            ("next", 1),
            ("answers", 2),
        ]
        assert all(run.ok for run in runs)


def test_a_dry_run_asks_the_real_trigger() -> None:
    with engine_with("requests") as engine:
        answer = engine.test_wal_plugin("asks.py", "m v=1 5", "d", arguments={"url": URL})
        assert answer["errors"] == []
        assert answer["log_lines"][1].startswith('INFO: 200 {"to": "me"')
        assert [run.trigger for run in engine.runs] == ["answers"]
        assert engine.query("SELECT n FROM alerts", "d").n.tolist() == [1]
