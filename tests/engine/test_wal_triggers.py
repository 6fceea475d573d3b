"""What process_writes receives (influxdb3_processing_engine/src/plugins.rs, influxdb3_py_api/src/py_conversion.rs)."""

from __future__ import annotations

from collections.abc import Callable

from pe_kit import Engine

SEE = """
def process_writes(influxdb3_local, table_batches, args=None):
    influxdb3_local.info(repr(table_batches), repr(args))
"""

Plug = Callable[..., None]


def seen(engine: Engine, trigger: str = "t") -> list[str]:
    texts = engine.logs(trigger).log_text
    return [t for t in texts if not t.startswith(("starting execution", "finished execution"))]


def test_row_dicts_hold_tags_fields_and_time_last_and_no_absent_columns(engine: Engine, plug: Plug) -> None:
    plug(SEE, "all_tables")
    engine.write("test_input,tag1=tag1_value,tag2=tag2_value field1=1i 500", "db", precision="ns")
    engine.write('test_input,tag2=b f=2.5,s="x",b=t,u=3u 600', "db", precision="ns")
    assert seen(engine) == [
        "[{'table_name': 'test_input', 'rows': "
        "[{'tag1': 'tag1_value', 'tag2': 'tag2_value', 'field1': 1, 'time': 500}]}] None",
        "[{'table_name': 'test_input', 'rows': [{'tag2': 'b', 'f': 2.5, 's': 'x', 'b': True, 'u': 3, 'time': 600}]}] None",
    ]


def test_one_call_a_flush_with_tables_in_first_write_order(engine: Engine, plug: Plug) -> None:
    plug(SEE, "all_tables")
    engine.write("zed f=1 1", "db", precision="ns", no_sync=True)
    engine.write("abc f=2 2\nzed f=3 3", "db", precision="ns", no_sync=True)
    assert len(engine.runs) == 0
    engine.flush()
    assert seen(engine) == [
        "[{'table_name': 'zed', 'rows': [{'f': 1.0, 'time': 1}, {'f': 3.0, 'time': 3}]}, "
        "{'table_name': 'abc', 'rows': [{'f': 2.0, 'time': 2}]}] None"
    ]


def test_duplicates_reach_the_plugin_but_not_the_table(engine: Engine, plug: Plug) -> None:
    plug(SEE, "all_tables")
    engine.write("m,t=a f=1 5\nm,t=a f=2 5", "db", precision="ns")
    assert seen(engine)[0].count("'time': 5") == 2
    assert list(engine.query("SELECT f FROM m", "db").f) == [2.0]


def test_a_table_trigger_is_called_on_every_flush_of_its_database(engine: Engine, plug: Plug) -> None:
    engine.write("cpu f=1 1", "db", precision="ns")
    plug(SEE, "table:cpu")
    outcome = engine.write("mem f=1 1", "db", precision="ns")
    assert seen(engine) == ["[] None"]
    assert outcome.runs[0].empty
    outcome = engine.write("cpu f=2 2\nmem f=2 2", "db", precision="ns")
    assert seen(engine)[1] == "[{'table_name': 'cpu', 'rows': [{'f': 2.0, 'time': 2}]}] None"
    assert outcome.run.rows_in == 1
    engine.write("cpu f=1 1", "other", precision="ns")
    assert len(seen(engine)) == 2, "flushes of other databases do not reach the trigger"


def test_the_batch_can_be_queried_by_the_plugin_it_fires(engine: Engine, plug: Plug) -> None:
    plug(
        "def process_writes(influxdb3_local, table_batches, args=None):\n"
        "    influxdb3_local.info(influxdb3_local.query('SELECT f FROM m ORDER BY time'))\n",
        "all_tables",
    )
    engine.write("m f=1 1", "db", precision="ns")
    assert seen(engine) == ["[{'f': 1.0}]"]


def test_row_dicts_are_fresh_for_every_trigger(engine: Engine, plug: Plug) -> None:
    spoil = "def process_writes(a, batches, args=None):\n    batches[0]['rows'][0].clear()\n    batches.clear()\n"
    plug(spoil, "all_tables", name="first", path="spoil.py")
    plug(SEE, "all_tables", name="second", path="see.py")
    engine.write("m f=1 1", "db", precision="ns")
    assert seen(engine, "second") == ["[{'table_name': 'm', 'rows': [{'f': 1.0, 'time': 1}]}] None"]
    assert list(engine.query("SELECT f FROM m", "db").f) == [1.0]


def test_arguments_are_a_dict_of_text_or_none(engine: Engine, plug: Plug) -> None:
    plug(SEE, "all_tables", name="t", arguments={"a": "1"})
    plug(SEE, "all_tables", name="empty", arguments={})
    engine.write("m f=1 1", "db", precision="ns")
    assert seen(engine)[0].endswith("{'a': '1'}")
    assert seen(engine, "empty")[0].endswith("{}")


def test_missing_timestamps_take_the_engines_time(engine: Engine, plug: Plug) -> None:
    plug(SEE, "all_tables")
    engine.write("m f=1", "db")
    assert f"'time': {engine.now_ns}" in seen(engine)[0]


def test_rows_come_in_ten_minute_chunks_in_order_of_first_appearance(engine: Engine, plug: Plug) -> None:
    plug(SEE, "all_tables")
    late, early = 3_600_000_000_000, 1
    engine.write(f"m f=1 {late}\nm f=2 {early}\nm f=3 {late + 1}", "db", precision="ns")
    batch = engine.runs[-1].batch
    assert batch is not None
    assert [r["f"] for r in batch[0]["rows"]] == [1.0, 3.0, 2.0]


def test_load_stores_data_without_firing(engine: Engine, plug: Plug) -> None:
    plug(SEE, "all_tables")
    outcome = engine.load("m f=1 1", "db", precision="ns")
    assert len(outcome.runs) == 0
    assert list(engine.query("SELECT f FROM m", "db").f) == [1.0]
