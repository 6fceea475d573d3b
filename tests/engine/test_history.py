"""Any moment of a session can be looked at again and continued."""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import pairwise

import pytest

from pe_kit import Engine
from pe_kit.errors import UsageError

Plug = Callable[..., None]
COUNT = (
    "def process_writes(l, batches, args=None):\n"
    "    n = l.cache.get('n', 0) + 1\n    l.cache.put('n', n)\n"
    "    l.info('batch', n)\n    l.write_to_db('out', LineBuilder('counts').int64_field('n', n))\n"
)


def state(engine: object) -> tuple[object, ...]:
    view: Engine = engine  # type: ignore[assignment]
    return (
        view.now_ns,
        view.query("SELECT * FROM m ORDER BY time", "db").values.tolist(),
        view.query("SELECT * FROM counts ORDER BY time", "out").values.tolist(),
        view.logs().log_text.tolist(),
        view.cache.value.tolist(),
        view.triggers.runs.tolist(),
    )


def test_at_shows_the_past_and_fork_goes_on_from_it(engine: Engine, plug: Plug) -> None:
    plug(COUNT, "all_tables")
    states = {}
    for i in range(1, 6):
        outcome = engine.write(f"m f={i} {i}", "db", precision="ns")
        engine.advance("1m")
        states[outcome.event.id + 1] = state(engine)
    now = state(engine)
    for event, then in states.items():
        assert state(engine.at(event)) == then
    assert state(engine) == now, "looking at the past changes nothing"
    fork = engine.at(sorted(states)[1]).fork()
    for i in range(3, 6):
        fork.write(f"m f={i} {i}", "db", precision="ns")
        fork.advance("1m")
    assert state(fork) == now
    assert engine.compare(engine, fork).equal
    fork.write("m f=9 9", "db", precision="ns")
    difference = engine.compare(engine, fork)
    assert set(difference.tables.change) == {"added"}
    assert state(engine) == now, "a fork shares nothing that changes"


def test_the_order_in_which_tags_were_written_is_no_difference() -> None:
    with Engine(start=0) as one, Engine(start=0) as other:
        one.write("m,a=1,b=2 f=1 1", "db", precision="ns")
        other.write("m,b=2,a=1 f=1 1", "db", precision="ns")
        assert one.compare(one, other).equal
        with pytest.raises(UsageError, match="1 is no engine"):
            one.compare(1, other)  # type: ignore[arg-type]
        other.write("m,b=2,a=1 f=2 1", "db", precision="ns")
        assert one.compare(one, other).tables[["key", "before", "after"]].values.tolist() == [
            ["a=1, b=2, 1970-01-01 00:00:00.000000001", 1.0, 2.0]
        ]


def test_replay_runs_the_same_past_through_another_plugin(engine: Engine, plug: Plug) -> None:
    plug(COUNT, "all_tables")
    engine.write("m f=1 1", "db", precision="ns")
    engine.write("m f=2 2", "db", precision="ns")
    replay = engine.replay(plugin="t.py", source=COUNT.replace("+ 1", "+ 10"))
    assert replay.engine.cache.value.tolist() == [20]
    changed = replay.difference.cache
    assert changed[["change", "key", "before", "after"]].values.tolist() == [["changed", "n", 2, 20]]
    assert "batch 20" in replay.difference.logs.after.tolist()
    assert engine.cache.value.tolist() == [2]


def test_replay_exchanges_a_file_of_a_folder(engine: Engine) -> None:
    says = "def process_scheduled_call(l, t, args=None): l.info('{}')\n"
    engine.write_plugin_directory("pack", {"__init__.py": says.format("old")})
    engine.create_trigger("p", db="db", path="pack", spec="every:1m")
    engine.advance("1m")
    replay = engine.replay(plugin={"pack/__init__.py": says.format("new")})
    assert replay.engine.logs().log_text[1] == "new"


def test_replay_knows_the_plugins_of_the_session(engine: Engine, plug: Plug) -> None:
    plug(COUNT, "all_tables")
    with pytest.raises(UsageError, match=r"Did you mean 't\.py'"):
        engine.replay(plugin="T.py", source=COUNT)


def test_files_edited_on_the_disk_belong_to_the_past_they_were_edited_in(engine: Engine, plug: Plug) -> None:
    plug("def process_writes(l, b, args=None): l.info('old')\n", "all_tables")
    first = engine.write("m f=1 1", "db", precision="ns").event.id
    (engine.plugin_dir / "t.py").write_text("def process_writes(l, b, args=None): l.info('newer')\n")  # type: ignore[operator]
    last = engine.write("m f=1 2", "db", precision="ns").event.id
    assert "newer" not in engine.at(first).logs().log_text.tolist()
    assert engine.at(last).logs().log_text.tolist() == engine.logs().log_text.tolist()


def test_one_checkpoint_that_was_held_up_does_not_make_the_past_far(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([0.0, 60.0])  # the first checkpoint seems to take a minute
    monkeypatch.setattr("pe_kit.engine.history.time.thread_time", lambda: next(ticks, 60.0))
    for number in range(1100):
        engine.write(f"m f={number}i", "db")
    gaps = [b.event - a.event for a, b in pairwise(engine._history.checkpoints)]
    assert max(gaps) == 512
    assert gaps[-1] == 256


@pytest.mark.slow
def test_checkpoints_are_used_and_agree_with_the_beginning(engine: Engine, plug: Plug) -> None:
    plug(COUNT, "all_tables")
    for i in range(600):
        engine.write(f"m f={i} {i}", "db", precision="ns")
    event = engine.history[-1].id - 3
    assert engine.at(event).query("SELECT count(*) AS n FROM m", "db").n[0] == 597
    assert len(engine.at(0).triggers) == 0


def test_cache_values_that_cannot_be_copied_are_named_not_shared(engine: Engine, plug: Plug) -> None:
    plug("import threading\ndef process_writes(l, b, args=None): l.cache.put('lock', threading.Lock())\n", "all_tables")
    for i in range(300):
        engine.write(f"m f={i} {i}", "db", precision="ns")
    assert any("db.t:lock" in name for c in engine._history.checkpoints for name in c.lost)


def test_an_event_that_never_was_is_said(engine: Engine) -> None:
    for number in (99, "last", 1.5):
        with pytest.raises(UsageError, match=f"no event {number!r}"):
            engine.at(number)  # type: ignore[arg-type]


def test_history_holds_an_edited_plugin_once(engine: Engine, plug: Plug) -> None:
    """One event when the engine wrote it, one when it was edited on the disk; a fork has the same events."""
    plug(COUNT, "all_tables")
    assert engine.plugin_dir is not None
    path = engine.plugin_dir / "t.py"
    path.write_text(COUNT + "# edited before it ran\n")
    engine.write("m f=1 1", "db")
    engine.write_plugin("t.py", COUNT + "# written again\n")
    engine.write("m f=2 2", "db")
    path.write_text(COUNT + "# edited after it ran\n")
    last = engine.write("m f=3 3", "db").event.id
    sources = [
        e.data["source"].rpartition("\n")[0].rpartition("\n")[2] for e in engine.history if e.kind == "write_plugin"
    ]
    assert [s for s in sources if s.startswith("#")] == [
        "# edited before it ran", "# written again", "# edited after it ran",
    ]  # fmt: skip
    assert [e.kind for e in engine.at(last).fork().history] == [e.kind for e in engine.history]


def test_private_plugin_folders_go_with_their_engines(engine: Engine, plug: Plug) -> None:
    plug(COUNT, "all_tables")
    last = engine.write("m f=1 1", "db").event.id
    fork = engine.at(last).fork()
    view = engine.at(last)
    folders = [fork.plugin_dir, view.plugin_dir]
    fork.close()
    del view
    gc.collect()
    assert not [folder for folder in folders if folder is None or folder.exists()]


def test_the_past_is_looked_at_only(engine: Engine, plug: Plug) -> None:
    plug(COUNT, "all_tables")
    last = engine.write("m f=1 1", "db").event.id
    view = engine.at(last)
    for change in (
        lambda: view.write("m f=2 2", "db"), lambda: view.advance("1m"), lambda: view.delete_trigger("t", "db"),
        lambda: view.restart(),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=r"would change the past.*after event \d+\n.*fork"):
            change()
    assert repr(view).startswith(f"<Engine after event {last}, at ")
    assert len(view.fork().write("m f=2 2", "db").runs) == len(engine.fork().write("m f=2 2", "db").runs)


def test_a_call_that_made_no_sense_does_not_stand_in_the_way_of_the_past(engine: Engine) -> None:
    engine.write("m f=1 1", "db")
    for call in (lambda: engine.delete_table("db", 5), lambda: engine.write_plugin("a.py", 5)):  # type: ignore[arg-type]
        with pytest.raises((TypeError, UsageError)):
            call()
    last = engine.write("m f=2 2", "db").event.id
    assert engine.at(last).tables("db").rows.tolist() == [2]


def test_a_value_put_in_the_cache_by_hand_is_not_shared_with_the_past(engine: Engine, plug: Plug) -> None:
    plug("def process_writes(l, batches, args=None):\n    l.cache.get('k').append(2)\n", "all_tables")
    value = [1]
    engine.put_cached("k", value, trigger="t", db="db")
    put = engine.history[-1].id
    last = engine.write("m f=1", "db").event.id
    assert value == [1, 2], "the cache holds a reference"
    fork = engine.at(last).fork()
    fork.write("m f=2", "db")
    assert [e.cache.value.tolist() for e in (engine.at(put), engine.at(last), engine, fork)] == [
        [[1]], [[1, 2]], [[1, 2]], [[1, 2, 2]],
    ]  # fmt: skip
