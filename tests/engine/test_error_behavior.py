"""What happens when plugins fail (influxdb3_processing_engine/src/plugins.rs)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pe_kit import Engine, Limits
from pe_kit.errors import RetryLimitError

Plug = Callable[..., None]
WAL = "def process_writes(influxdb3_local, table_batches, args=None):\n    raise ValueError('boom')\n"
SCHEDULE = "def process_scheduled_call(influxdb3_local, call_time, args=None):\n    raise ValueError('boom')\n"


def levels(engine: Engine) -> list[list[str]]:
    return engine.logs()[["log_level", "log_text"]].values.tolist()


def test_log_writes_one_row_for_wal_and_two_for_schedules(engine: Engine, plug: Plug) -> None:
    plug(WAL, "all_tables")
    outcome = engine.write("m f=1 1", "db")
    assert levels(engine) == [
        ["INFO", "starting execution of wal plugin."],
        ["ERROR", "error executing wal plugin: ValueError: boom"],
    ]
    assert isinstance(outcome.error, ValueError)
    plug(SCHEDULE, "every:1m", name="s")
    engine.advance("1m")
    assert levels(engine)[-2:] == [
        ["ERROR", "error executing schedule plugin: ValueError: boom"],
        ["ERROR", "error running scheduled plugin: ValueError: boom"],
    ]
    plug(SCHEDULE, "every:1m", name="a", run_async=True)
    engine.advance("1m")
    assert levels(engine)[-1] == ["ERROR", "error running async scheduled plugin: ValueError: boom"]


@pytest.mark.parametrize(("code", "spec"), [(WAL, "all_tables"), (SCHEDULE, "every:1m")])
def test_retry_runs_again_at_once_without_an_error_row_until_the_kit_stops_it(code: str, spec: str) -> None:
    with Engine(start=0, limits=Limits(retries=3)) as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", code)
        engine.create_trigger("t", db="db", path="t.py", spec=spec, error_behavior="retry")
        outcome = engine.write("m f=1 1", "db") if spec == "all_tables" else engine.advance("1m")
        assert [r.attempt for r in outcome.runs] == [1, 2, 3, 4]
        assert len({r.call_time_ns for r in outcome.runs}) == 1
        assert "ERROR" not in set(engine.logs().log_level)
        (stop,) = outcome.stops
        assert isinstance(stop, RetryLimitError)
        assert "for ever" in str(stop)
        assert engine.triggers.state[0] == "running"


def test_a_retrying_wal_batch_keeps_its_code_and_a_retrying_schedule_reads_it_anew(engine: Engine, plug: Plug) -> None:
    heal = (
        "    import pathlib\n    p = pathlib.Path(args['file'])\n"
        "    p.write_text(p.read_text().replace('raise', 'pass #'))\n    raise ValueError('boom')\n"
    )
    for name, head, spec in (
        ("wal", "def process_writes(influxdb3_local, table_batches, args=None):\n", "all_tables"),
        ("sched", "def process_scheduled_call(influxdb3_local, call_time, args=None):\n", "every:1m"),
    ):
        plug(head + heal, spec, name=name, path=f"{name}.py", error_behavior="retry",
             arguments={"file": str(engine.plugin_dir / f"{name}.py")})  # fmt: skip
    assert len(engine.write("m f=1 1", "db").runs) == 11
    assert [r.ok for r in engine.call("sched", "db").runs] == [False, True]


def test_disable_stops_the_task_but_not_the_catalog_and_enable_does_nothing(engine: Engine, plug: Plug) -> None:
    plug(WAL, "all_tables", error_behavior="disable")
    engine.write("m f=1 1", "db")
    assert "ERROR" not in set(engine.logs().log_level), "the error text is recorded nowhere"
    assert not engine.query("SELECT disabled FROM system.processing_engine_triggers", "db").disabled[0]
    engine.enable_trigger("t", "db")
    assert len(engine.write("m f=1 2", "db").runs) == 0
    engine.disable_trigger("t", "db")
    engine.enable_trigger("t", "db")
    assert len(engine.write("m f=1 3", "db").runs) == 1


def test_error_behavior_does_not_matter_for_requests(engine: Engine, plug: Plug) -> None:
    code = "def process_request(influxdb3_local, q, h, b, args=None):\n    raise ValueError('boom')\n"
    for behavior in ("log", "retry", "disable"):
        plug(code, f"request:{behavior}", name=behavior, error_behavior=behavior)
        outcome = engine.request(behavior)
        assert outcome.response is not None
        assert (outcome.response.status, outcome.response.json()) == (
            500,
            {"error": "Python function call failed: ValueError: boom"},
        )
        assert len(outcome.runs) == 1
        assert levels(engine)[-1] == [
            "ERROR",
            "error running request plugin: Python function call failed: ValueError: boom",
        ]
        assert len(engine.request(behavior).runs) == 1


def test_a_table_trigger_whose_table_is_missing_dies_without_a_log_row(engine: Engine, plug: Plug) -> None:
    plug("def process_writes(a, b, args=None): pass\n", "table:nope")
    outcome = engine.write("m f=1 1", "db")
    assert len(outcome.runs) == 0
    assert len(engine.logs()) == 0
    assert "table not found" in outcome.notes[0]
    engine.write("nope f=1 1", "db")
    assert len(engine.runs) == 0, "dead until it is started anew"
    engine.restart()
    assert len(engine.write("nope f=1 2", "db").runs) == 1


@pytest.mark.parametrize(
    ("source", "error", "note"),
    [
        ("import sys\ndef process_writes(a, b, c):\n    sys.exit(3)\n", "SystemExit: 3", ""),
        ("def process_writes(a, b, c):\n    process_writes(a, b, c)\n", "RecursionError: maximum recursion depth exceeded", ""),
        ("x = 1\n", "the process_writes function is not present in the plugin. Should be defined as: "
         "process_writes(influxdb3_local, table_batches, args=None)", ""),
        ("def process_writes(a, b):\n    pass\n", "TypeError: process_writes() takes 2 positional arguments but 3 were given", ""),
        ("  def x(): pass\n", "IndentationError: unexpected indent (<string>, line 1)", ""),
        ("async def process_writes(a, b, c):\n    pass\n", None, "async"),
        ("def process_writes(a, b, c):\n    return object()\n", None, ""),
        ("print(__file__)\n", "NameError: name '__file__' is not defined", ""),
        ("from . import x\n", "KeyError: \"'__name__' not in globals\"", ""),
        ("def process_writes(a, b, c):\n    raise KeyError('k')\n", "KeyError: 'k'", ""),
        ("class Odd(BaseException): pass\ndef process_writes(a, b, c):\n    raise Odd\n", "Odd: ", ""),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::ImportWarning")
def test_a_plugin_that_misbehaves_is_a_run_that_says_so(
    engine: Engine, plug: Plug, source: str, error: str | None, note: str
) -> None:
    plug(source, "all_tables")
    run = engine.write("m f=1 1", "db").run
    logged = [t for t in run.logs.log_text if t.startswith("error executing")]
    if error is None:
        assert run.ok
        assert any(note in n for n in run.notes) or not note
    else:
        assert logged[0].startswith(f"error executing wal plugin: {error}")
    assert engine.write("m f=1 2", "db").runs, "the engine goes on"


def test_the_traceback_shows_the_plugins_own_frames(engine: Engine, plug: Plug) -> None:
    plug("import json\n\ndef process_writes(a, b, c):\n    json.loads('{')\n", "all_tables", path="mine.py")
    run = engine.write("m f=1 1", "db").run
    assert run.traceback == "mine.py, line 4, in process_writes\n    json.loads('{')"


def test_what_a_plugin_prints_is_kept(engine: Engine, plug: Plug, capsys: pytest.CaptureFixture[str]) -> None:
    plug("def process_writes(a, b, c):\n    print('hello')\n", "all_tables")
    assert engine.write("m f=1 1", "db").run.printed == "hello\n"
    assert capsys.readouterr().out == "hello\n"
    assert "hello" not in " ".join(engine.logs().log_text)


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_keyboard_interrupt_of_the_plugins_own_is_an_error_like_others(clock: str) -> None:
    """Nobody has pressed Ctrl-C."""
    source = "def process_scheduled_call(l, call_time, args=None):\n    raise KeyboardInterrupt('mine')\n"
    with Engine(clock=clock) as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", source)
        engine.create_trigger("t", db="db", path="t.py", spec="every:1d")
        for _ in range(2):
            run = engine.call("t", "db").run
            assert repr(run.error) == "KeyboardInterrupt('mine')"
            assert "error executing schedule plugin: KeyboardInterrupt: mine" in run.logs.log_text.tolist()
        assert engine.test_schedule_plugin("t.py", "db")["errors"] == [
            "error executing plugin: KeyboardInterrupt: mine"
        ]
