"""Run the official plugins on the engine: ``python tests/official/run.py CHECKOUT`` of influxdb3_plugins.

Each folder with a manifest is validated, its plugin is loaded, and the scenarios beside this file are played: triggers with
the arguments that the plugins' own pages show, realistic events, and what must be seen of them. Exit status 1 when one
cannot be loaded or a scenario fails. A plugin whose requirements are not installed is named and left out.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pe_kit import Engine
from pe_kit.cli.validate import problems
from pe_kit.engine.outcome import Outcome
from pe_kit.plugins.entrypoints import ENTRY_POINTS
from pe_kit.plugins.manifest import plugin_code
from pe_kit.plugins.requirements import requirements
from pe_kit.plugins.source import PluginFolder

SCENARIOS = Path(__file__).with_name("scenarios.toml")
START = "2026-01-01T00:00:00Z"


class Inbox:
    """A webhook on this machine that keeps what is sent to it."""

    def __init__(self) -> None:
        got: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.got = got
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def plugins(checkout: Path) -> Iterator[Path]:
    """The folders of a checkout that hold a plugin: those with a manifest, and with Python files of their own."""
    for manifest in sorted(checkout.rglob("manifest.toml")):
        if plugin_code(manifest.parent):
            yield manifest.parent


def missing(folder: Path) -> list[str]:
    return [need.text for need in requirements(plugin_code(folder), folder, folder.name) if not need.installed]


def loaded(folder: Path) -> list[str]:
    """What goes wrong when the server loads each entry point that the manifest declares."""
    declared = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))["plugin"]["triggers"]
    package = (folder / "__init__.py").is_file()
    path = folder.name if package else plugin_code(folder)[0].name
    code = PluginFolder(folder.parent if package else folder).find(path).snapshot()
    wrong = []
    for entry in (name for name in ENTRY_POINTS if name in declared):
        try:
            code.load(entry)
        except BaseException as error:
            wrong.append(f"{entry}: {type(error).__name__}: {error}")
    return wrong


def play(checkout: Path, scenario: dict[str, Any]) -> list[str]:
    """Play a scenario; what was not as it must be."""
    inbox, folder = Inbox(), Path(tempfile.mkdtemp(prefix="official-"))
    try:
        paths = [scenario["plugin"], *scenario.get("with", {}).values()]
        for path in paths:
            shutil.copytree((checkout / path).parent, folder / Path(path).parent.name, dirs_exist_ok=True)
        for name, text in scenario.get("files", {}).items():
            (folder / name).write_text(text.replace("{webhook}", inbox.url), encoding="utf-8")
        with Engine(start=START, plugin_dir=folder) as engine:
            return list(_differences(engine, scenario, inbox))
    finally:
        inbox.close()
        shutil.rmtree(folder, ignore_errors=True)


def _differences(engine: Engine, scenario: dict[str, Any], inbox: Inbox) -> Iterator[str]:
    engine.create_database("db")
    if "load" in scenario:
        engine.load(scenario["load"], "db")
    for path, plugin in scenario.get("with", {}).items():
        engine.create_trigger(path, db="db", path=_inside(plugin), spec=f"request:{path}")
    given = {key: value.replace("{webhook}", inbox.url) for key, value in scenario.get("arguments", {}).items()}
    path, spec = _inside(scenario["plugin"]), scenario["spec"]
    engine.create_trigger("it", db="db", path=path, spec=spec, arguments=given or None)
    steps = json.loads(json.dumps(scenario["steps"]).replace("{webhook}", inbox.url))
    outcomes = [_step(engine, *step) for step in steps]
    for outcome in outcomes:
        for run in outcome.runs:
            if not run.ok:
                yield f"{run.trigger} failed: {type(run.error).__name__}: {run.error}"
        yield from (f"the engine stopped it: {stop}" for stop in outcome.stops)
        if not outcome.ok and outcome.error is None:
            yield f"lines were refused: {[r.error for run in outcome.runs for r in run.rejected]}"
    logs = engine.logs()
    expected = scenario.get("errors", [])
    for text in logs[logs.log_level == "ERROR"].log_text:
        if not any(part in text for part in [*expected, *scenario.get("may", [])]):
            yield f"it logged an error: {text}"
    yield from (
        f"nothing logged with {part!r}" for part in [*expected, *scenario.get("log", [])] if not _any(logs, part)
    )
    for table, rows in scenario.get("rows", {}).items():
        db, _, name = table.rpartition("/")
        try:
            found = len(engine.query(f'SELECT * FROM "{name}"', db or "db"))
        except Exception as error:
            yield f"{table}: {error}"
        else:
            if found != rows:
                yield f"{table} has {found} rows, not {rows}"
    if "sent" in scenario and len(inbox.got) != scenario["sent"]:
        yield f"{len(inbox.got)} alerts were sent, not {scenario['sent']}"
    if "answer" in scenario:
        response = outcomes[-1].response
        if response is None or scenario["answer"] not in response.text:
            yield f"it answered {response.text if response is not None else None!r}"


def _inside(plugin: str) -> str:
    path = Path(plugin)
    return path.parent.name if path.name == "__init__.py" else "/".join(path.parts[-2:])


def _any(logs: Any, part: str) -> bool:
    return any(part in text for text in logs.log_text)


def _step(engine: Engine, verb: str, value: Any) -> Outcome:
    if verb == "write":
        return engine.write(value, "db")
    return engine.advance(value) if verb == "advance" else engine.request("it", json=value)


def main(arguments: list[str]) -> int:
    """Say for each plugin what was found."""
    if len(arguments) not in (1, 2):
        print(__doc__)
        return 2
    checkout, failed = Path(arguments[0]), 0
    table = tomllib.loads(Path(arguments[1] if arguments[1:] else SCENARIOS).read_text(encoding="utf-8"))["scenario"]
    with Engine():  # puts LineBuilder where plugins find it when they are loaded
        pass
    for folder in plugins(checkout):
        name = folder.relative_to(checkout).as_posix()
        found = problems(folder)
        errors = [f"{one.file}: {one.message}" for one in found if one.level == "error"]
        needs = missing(folder)
        print(f"{name}: {len(errors)} errors, {len(found) - len(errors)} warnings")
        print("".join(f"  validate: {text}\n" for text in errors), end="")
        wrong = []
        if needs:
            print(f"  not run: {', '.join(needs)} not installed")
        else:
            wrong += [f"load: {text}" for text in loaded(folder)]
            for scenario in (one for one in table if Path(one["plugin"]).parent.as_posix() == name):
                differences = play(checkout, scenario)
                print(f"  {'ok    ' if not differences else 'FAILED'} {scenario['title']}")
                wrong += differences
        print("".join(f"  {text}\n" for text in wrong), end="")
        failed += bool(wrong)
    print(f"{failed} plugins with failures")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
