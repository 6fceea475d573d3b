"""The script that runs the official plugins, on a checkout with plugins of our own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("official_run", HERE / "run.py")
assert _spec is not None
assert _spec.loader is not None
run = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run)

MANIFEST = """
manifest_schema_version = "1.2"
[plugin]
name = "{0}"
version = "1.0.0"
description = "{0}"
triggers = [{1}]
exclude = ["*.py", "!{0}.py"]
[dependencies]
database_version = ">=3.0.0"
python = {2}
"""
ALARM = """
import json, os, tomllib
from pathlib import Path
from urllib.request import Request, urlopen

def process_writes(influxdb3_local, table_batches, args=None):
    limit = tomllib.loads((Path(os.environ["VIRTUAL_ENV"]).parent / args["config_file_path"]).read_text())["limit"]
    for row in (row for batch in table_batches for row in batch["rows"]):
        if row["temp"] > limit:
            influxdb3_local.error("too hot")
            body = json.dumps({"to": args["hook"]}).encode()
            urlopen(Request("http://localhost:8181/api/v3/engine/notify", body), timeout=5).close()
            influxdb3_local.write(LineBuilder("hot").float64_field("temp", row["temp"]))
"""
NOTIFY = """
from urllib.request import Request, urlopen
import json

def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    to = json.loads(request_body)["to"]
    urlopen(Request(to, b"{}"), timeout=5).close()
    return {"sent": True}
"""
SCENARIO = """
[[scenario]]
title = "it is hot"
plugin = "ours/alarm/alarm.py"
with = { notify = "ours/notify/notify.py" }
spec = "table:room"
arguments = { config_file_path = "limit.toml", hook = "{webhook}" }
files = { "limit.toml" = "limit = 30.0" }
steps = [["write", "room temp=20.5"], ["write", "room temp=30.5"]]
errors = ["too hot"]
rows = { hot = 1 }
sent = 1
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, code, trigger in (("alarm", ALARM, '"process_writes"'), ("notify", NOTIFY, '"process_request"')):
        folder = tmp_path / "ours" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.py").write_text(code)
        (folder / "manifest.toml").write_text(MANIFEST.format(name, trigger, "[]"))
    (tmp_path / "scenarios.toml").write_text(SCENARIO)
    return tmp_path


@pytest.mark.slow
def test_a_good_checkout_passes(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([str(checkout), str(checkout / "scenarios.toml")]) == 0
    assert "ok     it is hot" in capsys.readouterr().out


@pytest.mark.slow
def test_what_is_wrong_is_said(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "scenarios.toml").write_text(SCENARIO.replace("hot = 1", "hot = 2").replace("sent = 1", "sent = 3"))
    (checkout / "ours/notify/notify.py").write_text("import no_such_module_at_all\n" + NOTIFY)
    assert run.main([str(checkout), str(checkout / "scenarios.toml")]) == 1
    text = capsys.readouterr().out
    assert "FAILED it is hot" in text
    (checkout / "ours/notify/notify.py").write_text(NOTIFY)
    (checkout / "scenarios.toml").write_text(SCENARIO.replace("table:room", "all_tables"))
    assert run.main([str(checkout), str(checkout / "scenarios.toml")]) == 1
    assert "the engine stopped it" in capsys.readouterr().out
    assert "notify failed: ModuleNotFoundError" in text
    assert "not run: no_such_module_at_all not installed" in text


@pytest.mark.slow
def test_a_broken_manifest_is_said_and_its_plugin_run_all_the_same(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = checkout / "ours/alarm/manifest.toml"
    manifest.write_text(manifest.read_text().replace('description = "alarm"', f'description = "{"x" * 201}"'))
    assert run.main([str(checkout), str(checkout / "scenarios.toml")]) == 0
    text = capsys.readouterr().out
    assert "validate: plugin.description: description exceeds 200 characters (was 201)" in text
    assert "ok     it is hot" in text


def test_the_scenarios_that_are_kept_can_be_read() -> None:
    table = run.tomllib.loads((HERE / "scenarios.toml").read_text())["scenario"]
    known = {"title", "plugin", "with", "spec", "arguments", "files", "load", "steps"}
    known |= {"rows", "log", "errors", "may", "sent", "answer"}
    assert [set(one) - known for one in table] == [set()] * len(table)
    assert all({"title", "plugin", "spec", "steps"} <= set(one) for one in table)
