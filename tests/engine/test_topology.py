"""Who feeds whom, and what was seen of single runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pe_kit import Engine
from pe_kit.errors import UsageError
from pe_kit.notebook.topology import difference_html, topology_html, tracked_html

Plug = Callable[..., None]
COPY = (
    "def process_writes(influxdb3_local, table_batches, args=None):\n"
    "    influxdb3_local.query('SELECT * FROM limits')\n"
    "    if table_batches:\n"
    "        influxdb3_local.write(LineBuilder('{}').int64_field('n', 1))\n"
)


def test_a_possible_loop_is_marked_before_it_runs(engine: Engine, plug: Plug) -> None:
    plug(COPY.format("b"), "table:a", name="ab")
    plug(COPY.format("a"), "table:b", name="ba")
    graph = engine.topology()
    assert graph.loops == (("table db.a", "trigger db.ab", "table db.b", "trigger db.ba", "table db.a"),)
    frame = graph.frame
    row = frame[(frame.source == "table db.a") & (frame.target == "trigger db.ab")].iloc[0]
    assert (row.kind, row.seen, row.loop) == ("fires", 0, True)
    assert ("table db.limits", "trigger db.ab", "reads", 0, False) in list(frame.itertuples(index=False, name=None))
    assert "possible feedback loop" in repr(graph)
    assert "possible feedback loop" in topology_html(graph)


def test_what_was_observed_is_counted(engine: Engine, plug: Plug) -> None:
    plug(COPY.format("out").replace("limits", "m"), "table:m", name="t")
    plug("def process_scheduled_call(l, t, args=None): pass\n", "every:1h", name="s")
    engine.write("m f=1 1", "db", precision="ns")
    edges = {(e.source, e.target): (e.kind, e.seen) for e in engine.topology().edges}
    assert edges["trigger db.t", "table db.out"] == ("writes", 1)
    assert edges["schedule every:1h", "trigger db.s"] == ("fires", 0)
    assert not engine.topology().loops


def test_names_from_data_are_escaped_in_the_picture(engine: Engine, plug: Plug) -> None:
    plug("def process_writes(l, b, args=None): pass\n", "table:<script>alert(1)</script>")
    assert "<script>" not in topology_html(engine.topology())


def test_tracking_says_which_lines_ran_what_took_long_and_the_peak_of_memory(engine: Engine, plug: Plug) -> None:
    plug(
        "def process_scheduled_call(l, t, args=None):\n"
        "    if args:\n"
        "        l.info('never')\n"
        "    for i in range(3):\n"
        "        x = bytearray(1_000_000)\n"
        "    __import__('collections').namedtuple('Pair', 'a b')(1, 2)\n",  # runs text of its own
        "every:1h",
    )
    engine.track("lines", "profile", "memory")
    seen = engine.call("t", "db").run.tracked
    assert seen is not None
    assert list(seen.lines.hits) == [1, 1, 0, 4, 3, 1]
    assert seen.peak_memory is not None
    assert seen.peak_memory > 1_000_000
    assert any("process_scheduled_call" in f for f in seen.profile.function)
    assert "ran" in tracked_html(seen)
    engine.track()
    assert engine.call("t", "db").run.tracked is None
    with pytest.raises(UsageError, match="Did you mean 'memory'"):
        engine.track("memry")


def test_a_difference_shows_times_as_a_person_writes_them(engine: Engine, plug: Plug) -> None:
    plug("def process_scheduled_call(l, t, args=None): l.info('now')\n", "every:1h")
    before = engine.fork()
    engine.call("t", "db")
    html = difference_html(engine.compare(before, engine))
    assert "Timestamp" not in html
    assert str(engine.logs().event_time[0]) in html
