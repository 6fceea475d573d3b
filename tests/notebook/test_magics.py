"""The magics on a real IPython: what they do, and how they answer a mistake."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pe_kit import Engine
from pe_kit.engine.interrupt import AdvanceInterrupted
from pe_kit.engine.outcome import Outcome
from pe_kit.errors import (
    DatabaseNotFoundError,
    LineProtocolError,
    NotFoundError,
    PeKitError,
    QueryError,
    ServerError,
    TriggerSpecError,
    UsageError,
)
from pe_kit.notebook.words import SUBCOMMANDS, WORDS

ALERTS = """\
# kept as it is: %pe, {curly}, $money, trailing blanks
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        influxdb3_local.info(batch["table_name"], len(batch["rows"]))
        influxdb3_local.cache.put("seen", len(batch["rows"]))
"""
HOURLY = """\
def process_scheduled_call(influxdb3_local, call_time, args=None):
    line = LineBuilder("ticks").int64_field("n", 1)
    influxdb3_local.write(line)
    influxdb3_local.info(call_time, args)
"""
HELLO = """\
def process_request(influxdb3_local, query_parameters, request_headers, request_body, args=None):
    return {"query": query_parameters, "custom": request_headers.get("x-custom"), "body": request_body.decode()}
"""


def cell(shell: Any, name: str, line: str, body: str) -> Any:
    return shell.run_cell_magic(name, line, body)


def line(shell: Any, name: str, rest: str = "") -> Any:
    return shell.run_line_magic(name, rest)


def mistake(shell: Any, text: str, kind: type[PeKitError] = UsageError) -> str:
    """Run a cell that must fail and give what the notebook shows of it."""
    result = shell.run_cell(text)
    error = result.error_in_exec
    assert type(error) is kind, error
    (shown,) = getattr(error, "_render_traceback_")()  # noqa: B009
    assert "Traceback" not in shown
    assert shown.startswith("\x1b[31m")
    return str(shown)


@pytest.fixture
def engine(shell: Any) -> Engine:
    return shell.user_ns["engine"]  # type: ignore[no-any-return]


@pytest.fixture
def alerts(shell: Any) -> None:
    cell(shell, "plugin", "alerts.py --trigger alerts --trigger-spec all_tables --database weather", ALERTS)


# -- %%plugin


def test_plugin_saves_the_cell_unchanged(shell: Any, engine: Engine) -> None:
    body = ALERTS + "\n\n#  \t end  \n"
    card = cell(shell, "plugin", "alerts.py", body)
    assert engine.plugin_dir is not None
    assert (engine.plugin_dir / "alerts.py").read_bytes().decode() == body
    assert "process_writes" in repr(card)
    assert "(influxdb3_local, table_batches, args=None)" in card._repr_html_()


def test_plugin_shows_the_parameters_as_they_are_and_says_when_they_do_not_fit(shell: Any) -> None:
    """The server calls by position, with the trigger's arguments last."""
    card = cell(shell, "plugin", "short.py", "def process_writes(local, batches):\n    pass\n")
    assert "process_writes takes 2 positional arguments, 3 are given" in repr(card)
    assert "(local, batches)" in card._repr_html_()
    assert "args=None" in repr(card)
    assert "3 are given" not in repr(cell(shell, "plugin", "any.py", "def process_writes(*given):\n    pass\n"))


def test_plugin_creates_the_trigger_with_every_option(shell: Any, engine: Engine) -> None:
    options = (
        '--trigger hourly --trigger-spec "cron:0 0 6 * * *" -d weather --trigger-arguments "a=1 2,b=x=y" '
        "--run-asynchronous --error-behavior retry"
    )
    card = cell(shell, "plugin", f"hourly.py {options}", HOURLY)
    row = engine.triggers.iloc[0]
    assert (row["trigger_name"], row["database"], row["plugin_filename"]) == ("hourly", "weather", "hourly.py")
    assert row["trigger_specification"] == '{"schedule":{"schedule":"0 0 6 * * *"}}'
    assert row["arguments"] == {"a": "1 2", "b": "x=y"}
    assert (row["run_async"], row["error_behavior"]) == (True, "retry")
    assert "hourly created: cron:0 0 6 * * * on weather" in repr(card)


def test_plugin_run_again_keeps_an_equal_trigger_and_its_cache(shell: Any, engine: Engine, alerts: None) -> None:
    engine.write("temps v=1", "weather")
    card = cell(
        shell,
        "plugin",
        "alerts.py --trigger alerts --trigger-spec all_tables --database weather",
        ALERTS.replace("seen", "new"),
    )
    assert "unchanged" in repr(card)
    engine.write("temps v=1", "weather")
    assert sorted(engine.cache["key"]) == ["new", "seen"]


def test_plugin_replaces_a_trigger_that_differs_or_does_not_run(shell: Any, engine: Engine, alerts: None) -> None:
    card = cell(shell, "plugin", "alerts.py --trigger alerts --trigger-spec table:temps --database weather", ALERTS)
    assert "replaced" in repr(card)
    assert engine.triggers["trigger_specification"].tolist() == ['{"single_table_wal_write":{"table_name":"temps"}}']
    engine.disable_trigger("alerts", "weather")
    cell(shell, "plugin", "alerts.py --trigger alerts --trigger-spec table:temps --database weather", ALERTS)
    assert engine.triggers["state"].tolist() == ["running"]


def test_plugin_makes_a_new_database_but_asks_about_a_near_miss(shell: Any, engine: Engine, alerts: None) -> None:
    assert "weather" in engine.databases["database"].tolist()
    text = f"%%plugin a.py --trigger a --trigger-spec all_tables --database wether\n{ALERTS}"
    assert "Did you mean 'weather'?" in mistake(shell, text, DatabaseNotFoundError)


def test_plugin_points_at_the_line_of_a_syntax_error(shell: Any, engine: Engine, alerts: None) -> None:
    shown = mistake(shell, "%%plugin alerts.py\ndef process_writes(a, b, c):\n    return (1 +\n")
    assert "line 3 of the cell (line 2 of the file)" in shown
    assert "\n        return (1 +\n               ^\n" in shown
    assert engine.plugin_dir is not None
    assert (engine.plugin_dir / "alerts.py").read_text() == ALERTS
    assert "null bytes" in mistake(shell, "%%plugin alerts.py\nx = '\0'\n")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def process_write(a, b, c): pass", "is 'process_write' meant to be 'process_writes'?"),
        ("async def process_writes(a, b, c): pass", "never awaits"),
        ("x = 1", "calls process_writes, which it does not define"),
    ],
)
def test_plugin_says_when_the_trigger_will_find_no_function(shell: Any, body: str, said: str) -> None:
    card = cell(shell, "plugin", "p.py --trigger t --trigger-spec all_tables --database weather", body)
    assert said in repr(card)
    assert "⚠" in card._repr_html_()


def test_plugin_takes_a_folder(shell: Any, engine: Engine) -> None:
    cell(shell, "plugin", "many/rules.py", "LIMIT = 3\n")
    cell(
        shell,
        "plugin",
        "many/__init__.py --trigger m --trigger-spec all_tables -d weather",
        "from .rules import LIMIT\n" + ALERTS,
    )
    assert engine.triggers["plugin_filename"].tolist() == ["many"]
    assert engine.write("temps v=1", "weather").ok


def test_plugin_mistakes(shell: Any) -> None:
    rest = f"\n{ALERTS}"
    assert "--trigger-spec and --database is not given" in mistake(shell, f"%%plugin a.py --trigger t{rest}")
    assert "Did you mean '--trigger-spec'?" in mistake(shell, f"%%plugin a.py --triger-spec all_tables{rest}")
    assert "Write %%plugin a.py" in mistake(shell, f"%%plugin a{rest}")
    assert "Close the quote" in mistake(shell, f'%%plugin a.py --trigger "t{rest}')
    assert 'in quotes: "cron:0 0 6 * * *"' in mistake(
        shell, f"%%plugin a.py --trigger t -d d --trigger-spec cron:0 0 6 * * *{rest}"
    )
    assert "the following arguments are required: FILE.py" in mistake(shell, f"%%plugin{rest}")
    assert "invalid choice: 'ignore'" in mistake(shell, f"%%plugin a.py --error-behavior ignore{rest}")
    assert 'must be formatted as "key=value"' in mistake(
        shell, f"%%plugin a.py --trigger t -d d --trigger-spec all_tables --trigger-arguments a{rest}"
    )
    assert "did you mean `0 0 6 * * *`?" in mistake(
        shell, f'%%plugin a.py --trigger t -d d --trigger-spec "cron:0 6 * * *"{rest}', TriggerSpecError
    )


# -- %%write


def test_write_gives_an_outcome(shell: Any, alerts: None) -> None:
    outcome = cell(
        shell,
        "write",
        "weather --precision s",
        "temps,city=Oslo v=1 1767225600\n\n# comment\ntemps,city=Rome v=2 1767225600\n",
    )
    assert isinstance(outcome, Outcome)
    assert outcome.run.rows_in == 2


def test_write_can_wait_for_the_flush_or_only_load(shell: Any, engine: Engine, alerts: None) -> None:
    assert len(cell(shell, "write", "weather --no-sync", "temps v=1").runs) == 0
    assert len(engine.flush().runs) == 1
    assert len(cell(shell, "write", "weather --load", "temps v=2").runs) == 0
    assert "has no option --no" in mistake(shell, "%%write weather --no\ntemps v=1")
    assert "both given" in mistake(shell, "%%write weather --load --no-sync\ntemps v=1")


def test_write_shows_line_column_and_caret(shell: Any) -> None:
    shown = mistake(shell, "%%write weather\ntemps v=1\ntemps,city=Oslo v=abc\n", LineProtocolError)
    assert "line 2, column" in shown
    assert "temps,city=Oslo v=abc\n" in shown
    assert "^" in shown


# -- %query, %%query


def test_query_gives_a_dataframe_and_keeps_it(shell: Any) -> None:
    cell(shell, "write", "weather", "temps v=1 1\ntemps v=2 2")
    frame = cell(shell, "query", "weather -o kept", "SELECT v FROM temps\nORDER BY v -- {v} $v\n")
    assert frame["v"].tolist() == [1.0, 2.0]
    assert shell.user_ns["kept"] is frame
    assert line(shell, "query", "-o other weather SELECT 1 AS one")["one"].tolist() == [1]
    assert shell.user_ns["other"]["one"].tolist() == [1]


def test_query_in_one_line_leaves_the_sql_alone(shell: Any) -> None:
    shell.user_ns["name"] = "wrong"
    result = shell.run_cell(
        "frame = %query weather SELECT '{name}' AS a, '$name' AS b, \"with\" FROM (SELECT 'x  y' AS \"with\")"
    )
    assert isinstance(result.error_in_exec, QueryError)
    shell.user_ns["engine"].create_database("weather")
    shell.run_cell(
        "frame = %query weather SELECT '{name}' AS a, '$name' AS b, \"with\" FROM (SELECT 'x  y' AS \"with\")"
    ).raise_error()
    assert shell.user_ns["frame"].iloc[0].tolist() == ["{name}", "$name", "x  y"]


def test_query_mistakes(shell: Any) -> None:
    shell.user_ns["engine"].create_database("weather")
    assert "the SQL is missing" in mistake(shell, "%query weather")
    assert "no variable name" in mistake(shell, "%query weather -o 1x SELECT 1")
    assert "Did you mean 'weather'?" in mistake(shell, "%query wether SELECT 1", QueryError)


# -- %request, %%request


def test_request_sends_the_cell_as_the_body(shell: Any) -> None:
    cell(shell, "plugin", "hello.py --trigger hello --trigger-spec request:hello -d weather", HELLO)
    outcome = cell(
        shell, "request", 'hello --param a=1 "b=x y" --param c=d=e --header "X-Custom=some value"', '{"n": 1}\n'
    )
    assert outcome.response.json() == {
        "query": {"a": "1", "b": "x y", "c": "d=e"},
        "custom": "some value",
        "body": '{"n": 1}\n',
    }
    assert outcome.event.data["method"] == "POST"
    assert line(shell, "request", "/api/v3/engine/hello").event.data["method"] == "GET"
    assert line(shell, "request", "hello --method post").response.status == 200


def test_request_mistakes(shell: Any) -> None:
    cell(shell, "plugin", "hello.py --trigger hello --trigger-spec request:hello -d weather", HELLO)
    assert "has no `=`" in mistake(shell, "%request hello --param a")
    outcome = line(shell, "request", "helo")
    assert outcome.response.status == 404
    assert "Did you mean 'hello'?" in outcome.notes[0]


# -- time


def test_advance_step_and_call(shell: Any, engine: Engine) -> None:
    cell(shell, "plugin", "hourly.py --trigger hourly --trigger-spec every:1h -d weather", HOURLY)
    assert [r.trigger for r in line(shell, "advance", "1h 30m").runs] == ["hourly"]
    assert engine.now.hour == 1
    assert len(line(shell, "step").runs) == 1
    for at in ("2020-02-02T00:00:00Z", "1580601600000000000"):
        outcome = line(shell, "call", f"hourly --at {at}")
        assert outcome.run.call_time_ns == 1_580_601_600_000_000_000


def test_call_finds_the_database_or_asks(shell: Any) -> None:
    cell(shell, "plugin", "hourly.py --trigger hourly --trigger-spec every:1h -d weather", HOURLY)
    assert "Did you mean 'hourly'?" in mistake(shell, "%call hourli", NotFoundError)
    cell(shell, "plugin", "hourly.py --trigger hourly --trigger-spec every:1h -d power", HOURLY)
    assert "Say which one: --database weather or power" in mistake(shell, "%call hourly")
    assert line(shell, "call", "hourly --database power").run.database == "power"


@pytest.mark.parametrize("text", ["%advance 10h", "engine.advance('10h')"])
def test_an_interrupt_shows_what_was_done_and_leaves_the_engine_usable(
    shell: Any, engine: Engine, capsys: Any, text: str
) -> None:
    body = (
        HOURLY
        + "    if influxdb3_local.cache.get('n', 0) == 3:\n        import signal; signal.raise_signal(signal.SIGINT)\n"
    )
    body += "    influxdb3_local.cache.put('n', influxdb3_local.cache.get('n', 0) + 1)\n"
    cell(shell, "plugin", "hourly.py --trigger hourly --trigger-spec every:1h -d weather", body)
    result = shell.run_cell(text)
    assert isinstance(result.error_in_exec, AdvanceInterrupted)
    shown = capsys.readouterr().out
    assert "4 runs" in shown
    assert "the engine can be used further" in shown
    assert "engine.py" not in shown
    assert engine.query("SELECT count(n) AS n FROM ticks", "weather")["n"].tolist() == [3]
    assert engine.advance("1s").ok


def test_time_mistakes(shell: Any) -> None:
    assert "required: DURATION" in mistake(shell, "%advance")
    assert "one word too many" in mistake(shell, "%step 3")
    result = shell.run_cell("%advance 10minuts")
    assert isinstance(result.error_in_exec, PeKitError)


# -- %pe


def test_pe_looks_around(shell: Any, alerts: None) -> None:
    cell(shell, "write", "weather", "temps v=1")
    assert line(shell, "pe", "runs")["trigger"].tolist() == ["alerts"]
    assert line(shell, "pe", "cache")["key"].tolist() == ["seen"]
    assert "temps 1" in line(shell, "pe", "logs")["log_text"].tolist()
    assert line(shell, "pe", "logs alerts --level error").empty
    assert line(shell, "pe", "triggers")["trigger_name"].tolist() == ["alerts"]
    assert line(shell, "pe", "plugins")["filename"].tolist() == ["alerts.py"]


def test_pe_help_names_every_magic(shell: Any) -> None:
    text = repr(line(shell, "pe", "help"))
    assert repr(line(shell, "pe")) == text
    for name in [*WORDS, *SUBCOMMANDS]:
        assert name in text
    assert "<th" in line(shell, "pe", "help")._repr_html_()


def test_every_magic_takes_help(shell: Any, capsys: Any) -> None:
    for name in WORDS:
        kind = "line" if name in shell.magics_manager.magics["line"] else "cell"
        shell.run_line_magic(name, "--help") if kind == "line" else shell.run_cell_magic(name, "--help", "x")
        assert f"%{name}" in capsys.readouterr().out
    line(shell, "pe", "logs --help")
    assert "--level" in capsys.readouterr().out


def test_pe_help_shows_the_words_of_one_magic(shell: Any, capsys: Any) -> None:
    for word, shown in (("write", "--precision"), ("%%write", "--precision"), ("logs", "--level")):
        line(shell, "pe", f"help {word}")
        assert shown in capsys.readouterr().out
    assert "Did you mean 'write'?" in mistake(shell, "%pe help wirte")


def test_pe_use_chooses_the_engine(shell: Any) -> None:
    other = shell.user_ns["other"] = Engine(start="2030-01-01")
    try:
        assert "2030-01-01" in repr(line(shell, "pe", "use other"))
        line(shell, "advance", "1h")
        assert other.now.hour == 1
        assert "is not there" in mistake(shell, "%pe use nothing")
        shell.user_ns["number"] = 3
        assert "is a int, no Engine" in mistake(shell, "%pe use number")
        line(shell, "pe", "use engine")
    finally:
        other.close()
        del shell.user_ns["other"]


def test_pe_mistakes(shell: Any) -> None:
    assert "Did you mean 'runs'?" in mistake(shell, "%pe runz")
    assert "has no option --levle" in mistake(shell, "%pe logs --levle WARN")
    engine = shell.user_ns.pop("engine")
    assert "Make one: engine = pe_kit.Engine()" in mistake(shell, "%pe runs")
    shell.user_ns["engine"] = engine


def test_the_python_api_shows_everything(shell: Any) -> None:
    result = shell.run_cell("engine.write('temps v=abc', 'weather')")
    assert isinstance(result.error_in_exec, LineProtocolError)
    assert not hasattr(result.error_in_exec, "_render_traceback_")


def test_frames_are_pandas(shell: Any, alerts: None) -> None:
    for name in ("runs", "cache", "logs", "triggers", "plugins"):
        assert isinstance(line(shell, "pe", name), pd.DataFrame)


def test_the_servers_own_words_speak_to_the_notebooks_engine(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    line(shell, "influxdb3", "create database weather")
    cell(shell, "influxdb3", "write --database weather", "home,room=attic temp=21.5\n")
    line(shell, "influxdb3", "query --database weather --format csv 'SELECT room, temp FROM home WHERE temp > 1'")
    assert capsys.readouterr().out == 'Database "weather" created successfully\nsuccess\nroom,temp\nattic,21.5\n\n'
    assert "409 Conflict" in mistake(shell, "%influxdb3 create database weather", ServerError)
    line(shell, "influxdb3", "--help")
    assert "create" in capsys.readouterr().out


def test_a_variable_in_braces_is_a_word_of_the_servers_words(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    line(shell, "influxdb3", "create database weather")
    with Engine(start="2026-01-01") as other:
        shell.user_ns["served"] = other.serve(port=0)
        shell.run_cell("%influxdb3 create database --host {served.url} weather").raise_error()
        assert "weather" in list(other.databases["database"])
    capsys.readouterr()
    shell.run_cell("%influxdb3 query --database weather --format csv \"SELECT '{2 + 2} $HOME' AS kept\"").raise_error()
    assert capsys.readouterr().out == "kept\n{2 + 2} $HOME\n\n"


@pytest.mark.slow
def test_triggers_go_to_a_server_and_come_back(shell: Any, tmp_path: Any) -> None:
    cell(shell, "plugin", "alerts.py --trigger alerts --trigger-spec all_tables --database weather", ALERTS)
    with Engine(start="2026-01-01", plugin_dir=tmp_path) as server:
        words = f"--host {server.serve(port=0).url} --database weather alerts"
        assert "create trigger alerts" in repr(line(shell, "pe", f"deploy {words}"))
        assert len(server.triggers) == 0
        assert "create trigger alerts (all_tables, alerts.py, enabled): done" in repr(
            line(shell, "pe", f"deploy {words} --yes")
        )
        assert list(server.triggers["trigger_name"]) == ["alerts"]
        assert "has it all" in repr(line(shell, "pe", f"deploy {words}"))
        assert "alerts: unchanged" in repr(line(shell, "pe", f"pull {words}"))


def test_a_plugin_says_what_it_needs_when_it_is_saved(shell: Any) -> None:
    card = cell(shell, "plugin", "needy.py", "import no_such_module\n" + ALERTS)
    assert "no_such_module: %influxdb3 install package no_such_module" in repr(card)
