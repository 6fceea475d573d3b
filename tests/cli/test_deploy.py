"""``pe-kit deploy`` and ``pe-kit pull``: to a server that is another engine behind its HTTP face, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pe_kit import Engine
from pe_kit.cli.deployment import apply, pull, steps
from pe_kit.cli.influxdb3 import Local, Remote, Target
from pe_kit.cli.main import app
from pe_kit.errors import NotFoundError, PeKitError, UsageError

WAL = """\
def process_writes(influxdb3_local, table_batches, args=None):
    if table_batches:
        influxdb3_local.write(LineBuilder("out").int64_field("n", len(table_batches[0]["rows"])))
"""
HOURLY = "def process_scheduled_call(influxdb3_local, call_time, args=None):\n    influxdb3_local.info(args)\n"
FAILS = "def process_scheduled_call(influxdb3_local, call_time, args=None):\n    raise ValueError('not here')\n"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Engine]:
    with Engine(start="2026-01-01", data_dir=tmp_path / "session") as engine:
        engine.create_database("d")
        engine.write_plugin("count.py", WAL)
        engine.write_plugin("pack/__init__.py", "from .inner import process_scheduled_call\n")
        engine.write_plugin("pack/inner.py", HOURLY)
        engine.create_trigger("counter", db="d", path="count.py", spec="table:cpu", arguments={"a": "b,c"})
        engine.create_trigger("hourly", db="d", path="pack", spec="every:90m", error_behavior="retry", disabled=True)
        yield engine


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Engine]:
    with Engine(start="2026-01-01", plugin_dir=tmp_path / "served") as engine:
        yield engine


@pytest.fixture(params=["in process", "by HTTP"])
def target(request: pytest.FixtureRequest, server: Engine) -> Target:
    return Local(server) if request.param == "in process" else Remote(server.serve(port=0).url)


def _state(engine: Engine) -> list[tuple[Any, ...]]:
    columns = ["trigger_name", "plugin_filename", "trigger_specification", "disabled", "error_behavior", "arguments"]
    return sorted(engine.triggers[columns].itertuples(index=False, name=None))


def test_what_was_prototyped_runs_on_the_server_and_a_second_time_there_is_nothing_to_do(
    session: Engine, server: Engine, target: Target
) -> None:
    plan = steps(session, "d", [], target)
    assert [step.text for step in plan] == [
        "create database d",
        "upload count.py",
        "upload pack/__init__.py",
        "upload pack/inner.py",
        "dry run of count.py for counter",
        "dry run of pack for hourly",
        "create trigger counter (table:cpu, count.py, enabled)",
        "create trigger hourly (every:1h 30m, pack, disabled)",
    ]
    apply(plan, lambda _: None)
    assert _state(server) == _state(session)
    server.write("cpu v=1", "d")
    assert list(server.query("SELECT n FROM out", "d")["n"]) == [1]
    assert steps(session, "d", [], target) == []


def test_what_changed_is_replaced_and_the_dry_run_has_a_row_of_the_server(
    session: Engine, server: Engine, target: Target
) -> None:
    apply(steps(session, "d", ["counter"], target), lambda _: None)
    server.write('cpu,host=a v=1.5,n=2i,u=3u,s="x y",b=true', "d")
    session.write_plugin("count.py", WAL.replace('"out"', '"more"'))
    plan = steps(session, "d", ["counter"], target)
    assert [step.text for step in plan] == ["replace count.py", "dry run of count.py for counter"]
    said: list[str] = []
    apply(plan, said.append)
    assert said == ["replace count.py: done", "dry run of count.py for counter: done"]
    server.write("cpu v=1", "d")
    assert "more" in list(server.tables("d")["table"])


def test_the_dry_run_on_a_new_server_has_a_row_of_the_session(session: Engine, server: Engine, target: Target) -> None:
    session.load("cpu,host=a v=1.5,u=3u", "d")
    session.write_plugin("count.py", WAL + "    raise ValueError(table_batches[0]['rows'][0]['u'])\n")
    with pytest.raises(PeKitError, match="ValueError: 3"):
        apply(steps(session, "d", ["counter"], target), lambda _: None)
    assert len(server.triggers) == 0


def test_a_step_that_fails_takes_back_what_was_done(session: Engine, server: Engine, target: Target) -> None:
    server.create_database("d")
    server.write_plugin("late.py", HOURLY)
    server.create_trigger("late", db="d", path="late.py", spec="every:1h", arguments={"old": "1"})
    before = _state(server)
    session.write_plugin("late.py", FAILS)
    session.create_trigger("late", db="d", path="late.py", spec="every:2h")
    said: list[str] = []
    with pytest.raises(PeKitError, match="ValueError: not here") as caught:
        apply(steps(session, "d", ["counter", "late"], target), said.append)
    assert "These stay: upload count.py." in caught.value.mend
    assert "taken back: replace late.py" in said
    assert _state(server) == before
    assert server.plugin_dir is not None
    assert (server.plugin_dir / "late.py").read_text() == HOURLY


def test_a_trigger_that_was_replaced_comes_back_when_a_later_one_fails(session: Engine, server: Engine) -> None:
    server.create_database("d")
    server.write_plugin("count.py", WAL)
    server.create_trigger("counter", db="d", path="count.py", spec="all_tables")
    before = _state(server)

    class Breaks(Local):
        def send(self, method: str, path: str, **given: Any) -> bytes:
            if (given.get("json") or {}).get("trigger_name") == "hourly":
                raise PeKitError("the line is dead")
            return super().send(method, path, **given)

    with pytest.raises(PeKitError, match=r"create trigger hourly .*: the line is dead"):
        apply(steps(session, "d", [], Breaks(server)), lambda _: None)
    assert _state(server) == before


def test_a_plugin_with_errors_is_not_deployed(session: Engine, server: Engine) -> None:
    session.write_plugin("count.py", WAL.replace(".write(", ".write_sync("))
    with pytest.raises(PeKitError, match="no-sync-missing"):
        steps(session, "d", ["counter"], Local(server))
    with pytest.raises(NotFoundError, match="Did you mean 'counter'"):
        steps(session, "d", ["conter"], Local(server))


def test_a_required_argument_is_looked_for_among_the_triggers_own(session: Engine, server: Engine) -> None:
    """The plugin's metadata asks for it."""
    entry = {"name": "limit", "example": "5", "description": "the most", "required": True}
    metadata = json.dumps({"plugin_type": ["onwrite"], "onwrite_args_config": [entry]})
    session.write_plugin("count.py", f'"""{metadata}"""\n{WAL}')
    session.create_trigger("limited", db="d", path="count.py", spec="table:cpu", arguments={"limit": "7"})
    assert "create trigger limited (table:cpu, count.py, enabled)" in [
        step.text for step in steps(session, "d", ["limited"], Local(server))
    ]
    with pytest.raises(PeKitError, match="required argument 'limit' is not given"):
        steps(session, "d", ["counter"], Local(server))


def test_triggers_and_plugins_come_back_from_a_server(session: Engine, server: Engine, target: Target) -> None:
    apply(steps(session, "d", [], target), lambda _: None)
    with Engine(start="2026-01-01") as mine:
        said: list[str] = []
        assert pull(mine, "d", [], target, said.append)
        assert _state(mine) == _state(session)
        assert "counter: created" in said
        assert pull(mine, "d", ["counter"], target, said.append)
        assert said[-1] == "counter: unchanged"
        assert mine.plugin_dir is not None
        assert (mine.plugin_dir / "pack/inner.py").read_text() == HOURLY
        with pytest.raises(NotFoundError):
            pull(mine, "other", [], target, said.append)


def test_a_plugin_that_cannot_be_read_is_named(session: Engine, server: Engine) -> None:
    apply(steps(session, "d", ["counter"], Local(server)), lambda _: None)
    assert server.plugin_dir is not None
    (server.plugin_dir / "count.py").unlink()
    with Engine(start="2026-01-01") as mine:
        said: list[str] = []
        assert not pull(mine, "d", [], Local(server), said.append)
        assert said[0].startswith("counter: left out, count.py is not here: copy it into ")
        assert len(mine.triggers) == 0


def test_the_terminal_shows_a_plan_and_asks(session: Engine, server: Engine, tmp_path: Path) -> None:
    session.close()
    url = server.serve(port=0).url
    words = ["deploy", "--host", url, "-d", "d", "--data-dir", str(tmp_path / "session"), "counter"]
    done = CliRunner().invoke(app, words, input="n\n")
    assert done.exit_code == 1
    assert "  upload count.py\n" in done.output
    assert len(server.triggers) == 0
    assert json.loads(CliRunner().invoke(app, [*words, "--plan", "--json"]).output)["done"] is False
    done = CliRunner().invoke(app, [*words, "--yes"])
    assert (done.exit_code, list(server.triggers["trigger_name"])) == (0, ["counter"]), done.output
    assert "nothing to do" in CliRunner().invoke(app, words).output
    pulled = ["pull", "--host", url, "-d", "d", "--data-dir", str(tmp_path / "copy")]
    assert CliRunner().invoke(app, pulled).output == "count.py: written\ncounter: created\n"
    again = json.loads(CliRunner().invoke(app, [*pulled, "--json"]).output)
    assert again == {"complete": True, "done": ["counter: unchanged"]}
    words[words.index(str(tmp_path / "session"))] = str(tmp_path / "sesion")
    assert isinstance(CliRunner().invoke(app, words).exception, UsageError)
    assert not (tmp_path / "sesion").exists()
