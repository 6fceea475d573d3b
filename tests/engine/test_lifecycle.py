"""Triggers come and go (influxdb3_catalog/src/catalog/versions/v3/ops/trigger.rs)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pe_kit import Engine
from pe_kit.errors import ConflictError, EngineClosedError, NotFoundError, ServerError, UsageError

Plug = Callable[..., None]
NOTHING = "def process_writes(l, b, args=None): pass\n"


def refusal(call: Callable[[], object]) -> ServerError:
    with pytest.raises(ServerError) as caught:
        call()
    return caught.value


def test_create_checks_in_the_servers_order(engine: Engine) -> None:
    def create(path: str, spec: str, db: str) -> ServerError:
        return refusal(lambda: engine.create_trigger("t", db=db, path=path, spec=spec))

    missing = create("nope.py", "bad", "nodb")
    assert (missing.status, missing.message) == (
        500,
        f"Plugin error: reading plugin file: Plugin not found: {engine.plugin_dir}/nope.py",
    )
    engine.write_plugin("p.py", NOTHING)
    bad = create("p.py", "bad", "nodb")
    assert bad.status == 500
    assert bad.message.startswith("failed to parse trigger from bad: expect one of the following forms")
    unknown = create("p.py", "all_tables", "nodb")
    assert (unknown.status, unknown.message) == (404, "Database not found nodb")
    internal = create("p.py", "all_tables", "_internal")
    assert (internal.status, internal.message) == (500, "cannot modify internal db")
    engine.create_trigger("t", db="db", path="p.py", spec="all_tables")
    twice = create("p.py", "all_tables", "db")
    assert isinstance(twice, ConflictError)
    assert (twice.status, twice.message) == (409, "attempted to create a resource that already exists")
    outside = create("../p.py", "all_tables", "db")
    assert outside.message == (
        "Plugin error: Path traversal detected: plugin filename '../p.py' attempts to access files outside the plugin directory"
    )


def test_a_five_field_cron_is_refused_with_the_mend(engine: Engine, plug: Plug) -> None:
    with pytest.raises(ServerError) as caught:
        plug(NOTHING, "cron:0 6 * * *")
    assert caught.value.message == "failed to parse trigger from cron:0 6 * * *"
    assert "0 0 6 * * *" in caught.value.mend


def test_delete_needs_force_for_an_enabled_trigger(engine: Engine, plug: Plug) -> None:
    plug(NOTHING, "all_tables")
    error = refusal(lambda: engine.delete_trigger("t", "db"))
    assert (error.status, error.message) == (500, "Cannot delete running plugin t. Disable it first or use --force.")
    engine.disable_trigger("t", "db")
    engine.delete_trigger("t", "db")
    assert len(engine.triggers) == 0


def test_enable_and_disable_can_be_repeated(engine: Engine, plug: Plug) -> None:
    plug(NOTHING, "all_tables", disabled=True)
    assert len(engine.write("m f=1", "db").runs) == 0
    engine.disable_trigger("t", "db")
    engine.enable_trigger("t", "db")
    engine.enable_trigger("t", "db")
    assert len(engine.write("m f=1", "db").runs) == 1


def test_an_unknown_trigger_is_answered_with_the_near_match(engine: Engine, plug: Plug) -> None:
    plug(NOTHING, "all_tables", name="alerts")
    with pytest.raises(NotFoundError) as caught:
        engine.enable_trigger("alert", "db")
    assert caught.value.message == "the requested resource was not found: alert"
    assert "'alerts'" in str(caught.value)


def test_trigger_names_are_unique_in_a_database_only(engine: Engine, plug: Plug) -> None:
    engine.create_database("other")
    plug(NOTHING, "all_tables")
    plug(NOTHING, "all_tables", db="other")
    assert list(engine.triggers.database) == ["db", "other"]


def test_deleting_a_database_disables_its_triggers(engine: Engine, plug: Plug) -> None:
    plug(NOTHING, "all_tables")
    engine.delete_database("db")
    assert list(engine.triggers.disabled) == [True]


def test_a_new_database_has_no_triggers_of_the_deleted_one_of_its_name(engine: Engine, plug: Plug) -> None:
    """A deleted database keeps its triggers under its new name (influxdb3_catalog/src/catalog/versions/v3/catalog.rs)."""
    plug(NOTHING, "all_tables")
    engine.delete_database("db")
    engine.create_database("db")
    assert engine.query("SELECT * FROM system.processing_engine_triggers", "db").empty
    assert refusal(lambda: engine.enable_trigger("t", "db")).status == 404
    engine.create_trigger("t", db="db", path="t.py", spec="all_tables")
    assert len(engine.write("m f=1", "db").runs) == 1


def test_edits_of_a_single_file_take_effect_at_the_next_call(engine: Engine, plug: Plug) -> None:
    say = "def process_writes(l, b, args=None): l.info({!r})\n"
    plug(say.format("old"), "all_tables")
    engine.write("m f=1", "db")
    engine.write_plugin("t.py", say.format("new"))
    engine.write("m f=1", "db")
    assert [t for t in engine.logs().log_text if t in ("old", "new")] == ["old", "new"]


def test_single_files_run_afresh_for_every_call_and_folders_are_imported_once(engine: Engine, plug: Plug) -> None:
    count = "n = [0]\ndef process_writes(l, b, args=None):\n    n[0] += 1\n    l.info(n[0], __name__)\n"
    plug(count, "all_tables", name="single")
    engine.write_plugin("counting_pkg/__init__.py", count)
    engine.create_trigger("folder", db="db", path="counting_pkg", spec="all_tables")
    engine.write("m f=1", "db")
    engine.write("m f=1", "db")
    assert list(engine.logs("single").log_text)[1::3] == ["1 builtins", "1 builtins"]
    assert list(engine.logs("folder").log_text)[1::3] == ["1 counting_pkg", "2 counting_pkg"]
    engine.restart()
    engine.write("m f=1", "db")
    assert list(engine.logs("folder").log_text)[1::3] == ["1 counting_pkg"]


def test_a_task_whose_plugin_is_gone_does_not_start_and_those_that_run_go_on(engine: Engine, plug: Plug) -> None:
    """Enabling is a change of the catalog; the start that follows only logs its error (processing_engine/src/lib.rs)."""
    source = "def process_request(l, q, h, b, args=None): return 'here'\n" + NOTHING
    plug(source, "request:here")
    for name in ("off", "again"):
        engine.create_trigger(name, db="db", path="t.py", spec="all_tables", disabled=name == "off")
    assert engine.plugin_dir is not None
    file = engine.plugin_dir / "t.py"
    file.unlink()
    gone = f"its task did not start: reading plugin file: Plugin not found: {file}; "

    def states() -> list[str]:
        return [state.split("put")[0] for state in engine.triggers["state"]]

    assert refusal(lambda: engine.create_trigger("new", db="db", path="t.py", spec="all_tables")).status == 500
    engine.enable_trigger("off", "db")
    assert not engine.triggers["disabled"].any()
    assert states() == ["running", gone, "running"]
    assert [run.trigger for run in engine.write("m f=1", "db").runs] == ["again"]
    assert engine.request("here").response.status == 200  # type: ignore[union-attr]
    engine.restart()
    assert states() == [gone] * 3
    assert not engine.write("m f=1", "db").runs
    assert engine.request("here").response.status == 404  # type: ignore[union-attr]
    file.write_text(source)
    engine.enable_trigger("off", "db")
    engine.disable_trigger("again", "db")
    engine.enable_trigger("again", "db")
    assert states() == [gone, gone, "running"]
    engine.restart()
    assert states() == ["running"] * 3


def test_the_past_keeps_what_could_not_start(engine: Engine, plug: Plug) -> None:
    plug(NOTHING, "all_tables")
    assert engine.plugin_dir is not None
    (engine.plugin_dir / "t.py").unlink()
    engine.restart()
    last = engine.history[-1].id
    before, after = engine.at(last - 1), engine.at(last)
    assert before.triggers["state"][0] == "running"
    assert after.triggers["state"][0] == engine.triggers["state"][0] != "running"
    assert not after.fork().write("m f=1", "db").runs


def test_the_engine_is_off_without_a_plugin_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine(plugin_dir=None) as engine:
        engine.write("m f=1", "db")
        create = refusal(lambda: engine.create_trigger("t", db="db", path="p.py", spec="all_tables"))
        assert create.message == "Plugin error: Node not configured with plugin directory"
        assert refusal(lambda: engine.test_wal_plugin("p.py", "m f=1", "db")).message == create.message
        upload = refusal(lambda: engine.write_plugin("p.py", ""))
        assert upload.message == "Processing engine error: plugin error: No plugin directory configured"
        response = engine.request("x").response
        assert response is not None
        assert response.status == 404
    monkeypatch.setenv("INFLUXDB3_PLUGIN_DIR", "")
    with Engine() as engine:
        assert engine.plugin_dir is not None, "an empty variable does not turn the engine off"


def test_the_environment_names_the_plugin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFLUXDB3_PLUGIN_DIR", str(tmp_path / "plugins"))
    with Engine() as engine:
        engine.write_plugin("p.py", NOTHING)
    assert (tmp_path / "plugins" / "p.py").exists()


def test_close_can_be_repeated_removes_the_private_folder_and_ends_the_session() -> None:
    engine = Engine()
    folder = engine.plugin_dir
    engine.close()
    engine.close()
    assert folder is not None
    assert not folder.exists()
    with pytest.raises(EngineClosedError):
        engine.write("m f=1", "db")


def test_arguments_that_are_no_text_are_refused(engine: Engine, plug: Plug) -> None:
    with pytest.raises(UsageError, match="'n' is not text"):
        plug(NOTHING, "all_tables", arguments={"n": 1})
    with pytest.raises(UsageError, match="arguments='n=1'"):
        plug(NOTHING, "all_tables", arguments="n=1")


def test_a_single_name_need_not_be_in_a_list(engine: Engine) -> None:
    engine.create_table("db", "made", "host")
    frame = pd.DataFrame({"time": [pd.Timestamp("2026-01-01")], "host": ["a"], "v": [1.0]})
    engine.write(frame, "db", table="written", tags="host")
    engine.load(frame, "db", table="loaded", tags="host")
    engine.backtest(frame, "db", table="tested", tags="host", progress=False)
    engine.create_last_cache("db", "written", name="last", key_columns="host", value_columns="v")
    engine.create_distinct_cache("db", "made", "host", name="distinct")
    engine.write("made,host=a v=1\nwritten,host=a v=1", "db")
    assert engine.query("SELECT * FROM last_cache('written', 'last')", "db")["host"].tolist() == ["a"]
    assert engine.query("SELECT * FROM distinct_cache('made', 'distinct')", "db")["host"].tolist() == ["a"]
    with engine.at(engine.history[-1].id) as past:
        schema = past.query("SELECT measurement, key FROM system.influxdb_schema WHERE data_type = 'tag'", "db")
    assert sorted(schema["measurement"]) == ["loaded", "made", "tested", "written"]
    assert set(schema["key"]) == {"host"}


def test_the_trigger_frame_has_the_servers_columns_first(engine: Engine, plug: Plug) -> None:
    plug(NOTHING, "all_tables")
    engine.write("m f=1\nm f=2", "db")
    frame = engine.triggers
    assert list(frame.columns[:6]) == [
        "trigger_name", "plugin_filename", "trigger_specification", "disabled", "error_behavior", "database",
    ]  # fmt: skip
    assert frame[["trigger_specification", "runs", "errors", "rows_in"]].values.tolist() == [
        ['"all_tables_wal_write"', 1, 0, 2]
    ]


def test_system_tables_show_triggers_arguments_and_logs(engine: Engine, plug: Plug) -> None:
    plug("def process_scheduled_call(l, t, args=None): pass\n", "every:90s", arguments={"k": "v"})
    engine.advance("90s")
    triggers = engine.query("SELECT * FROM system.processing_engine_triggers", "db")
    assert triggers.trigger_specification[0] == '{"every":{"duration":{"secs":90,"nanos":0}}}'
    arguments = engine.query("SELECT * FROM system.processing_engine_trigger_arguments", "db")
    assert arguments.values.tolist() == [["t", "k", "v"]]
    logs = engine.query("SELECT * FROM system.processing_engine_logs", "db")
    assert list(logs.columns) == ["event_time", "trigger_name", "log_level", "log_text"]
    assert list(logs.log_text) == list(engine.logs().log_text)
