"""Plugin writes fire triggers again (influxdb3_wal, influxdb3_processing_engine/src/lib.rs)."""

from __future__ import annotations

from collections.abc import Callable

from pe_kit import Engine
from pe_kit.errors import CascadeLimitError

Plug = Callable[..., None]


def copy_to(table: str) -> str:
    return (
        "def process_writes(influxdb3_local, table_batches, args=None):\n"
        "    for batch in table_batches:\n"
        "        for row in batch['rows']:\n"
        f"            influxdb3_local.write(LineBuilder('{table}').float64_field('f', row['f'] + 1).time_ns(row['time']))\n"
    )


def test_a_cascade_is_a_tree_of_runs_at_one_virtual_time(engine: Engine, plug: Plug) -> None:
    engine.load("b f=0 0\nc f=0 0", "db", precision="ns")
    plug(copy_to("b"), "table:a", name="ab")
    plug(copy_to("c"), "table:b", name="bc")
    outcome = engine.write("a f=1 5", "db", precision="ns")
    runs = [(r.trigger, r.caused_by.trigger if r.caused_by else None, r.depth) for r in outcome.runs if not r.empty]
    assert runs == [("ab", None, 0), ("bc", "ab", 1)]
    assert outcome.run.trigger == "ab"
    assert {r.started_at for r in outcome.runs} == {engine.now}
    assert engine.query("SELECT f FROM c WHERE time = to_timestamp(5)", "db").f.tolist() == [3.0]
    assert outcome.lines == {"db": ["b f=2.0 5", "c f=3.0 5"]}
    assert outcome.writes[["database", "table", "f"]].values.tolist() == [["db", "b", 2.0], ["db", "c", 3.0]]


def test_a_loop_is_stopped_with_its_cycle_and_the_triggers_live_on(engine: Engine, plug: Plug) -> None:
    plug(copy_to("pong"), "table:ping", name="one")
    plug(copy_to("ping"), "table:pong", name="two")
    engine.load("ping f=0 0\npong f=0 0", "db", precision="ns")
    outcome = engine.write("ping f=1 1", "db", precision="ns")
    assert isinstance(outcome.error, CascadeLimitError)
    assert set(outcome.error.cycle) == {"one", "two"}
    assert outcome.error.cycle[0] == outcome.error.cycle[-1]
    assert max(r.depth for r in outcome.runs) == 32
    assert list(engine.triggers.state) == ["running", "running"]
    assert len(engine.write("ping f=1 2", "db", precision="ns").runs) > 32


def test_writes_of_one_moment_share_a_flush(engine: Engine, plug: Plug) -> None:
    for name in ("x", "y"):
        plug(
            copy_to(name).replace("table_batches:", "[b for b in table_batches if b['table_name'] == 'a']:"),
            "all_tables",
            name=name,
        )
    plug(
        "def process_writes(l, batches, args=None):\n    l.info(sorted(b['table_name'] for b in batches))\n",
        "all_tables",
        name="z",
    )
    engine.write("a f=1 1", "db", precision="ns")
    assert [t for t in engine.logs("z").log_text if t.startswith("[")] == ["['a']", "['x', 'y']"]


def test_a_run_is_caused_by_the_run_that_wrote_its_table(engine: Engine, plug: Plug) -> None:
    """Even where one flush carries what several runs wrote; the cycle of a loop is told by it."""
    plug(copy_to("pong"), "table:ping", name="one")
    plug(copy_to("ping"), "table:pong", name="two")
    outcome = engine.write("ping f=1 1\npong f=1 1", "db", precision="ns")
    causes = {(r.trigger, r.caused_by.trigger) for r in outcome.runs if r.caused_by is not None}
    assert causes == {("one", "two"), ("two", "one")}
    assert isinstance(outcome.error, CascadeLimitError)
    assert outcome.error.cycle in (("one", "two", "one"), ("two", "one", "two"))
