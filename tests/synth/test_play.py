"""Playing a series: points are written as they arrive, while flushes and schedules fire."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from pe_kit import Engine, synth
from pe_kit.engine.interrupt import AdvanceInterrupted
from pe_kit.errors import UsageError

WATCH = """
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        influxdb3_local.info(batch["table_name"], len(batch["rows"]))

def process_scheduled_call(influxdb3_local, call_time, args=None):
    influxdb3_local.write(LineBuilder("tick").int64_field("n", 1))
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(start="2026-01-01") as made:
        made.create_database("db")
        made.write_plugin("watch.py", WATCH)
        made.create_trigger("watch", db="db", path="watch.py", spec="table:home")
        yield made


def plain(points: int = 60, table: str = "home") -> synth.Series:
    return synth.series(
        table, {"v": synth.sine("1m"), "n": synth.counter()}, {"room": ["a", "b"]}, every="1s", points=points
    )


def sizes(outcome) -> list[int]:
    return [int(text.split()[1]) for text in outcome.logs.log_text if text.startswith("home")]


def test_every_point_is_written_when_it_has_arrived_and_time_has_passed(engine):
    outcome = engine.play(plain(), "db", every="1s")
    assert sum(sizes(outcome)) == 120
    assert max(sizes(outcome)) <= 4
    assert str(engine.now) == "2026-01-01 00:00:59+00:00"
    stored = engine.query_arrow("SELECT room, v, n, time FROM home ORDER BY time, room", "db")
    wanted = plain().arrow()
    assert stored["v"].to_pylist() == wanted["v"].to_pylist()
    assert stored["n"].to_pylist() == wanted["n"].to_pylist()
    assert stored["room"].to_pylist() == wanted["room"].to_pylist()


@pytest.mark.parametrize("form", ["arrow", "frame", "lp"])
def test_every_form_of_a_series_can_be_written_at_once_with_the_same_result(engine, form):
    worn = plain() | synth.nulls(0.2) | synth.late(0.2) | synth.duplicates(0.1)
    data = getattr(worn, form)()
    if form == "lp":
        engine.write(data, "db", precision="ns")
    else:
        engine.write(data, "db", table="home", tags=worn.tags)
    engine.write(worn.lp(), "wanted", precision="ns")
    stored = [engine.query_arrow("SELECT * FROM home ORDER BY time, room", db).to_pylist() for db in ("db", "wanted")]
    assert stored[0] == stored[1]


def test_schedules_fire_on_the_way_and_the_outcome_holds_everything(engine):
    engine.create_trigger("tick", db="db", path="watch.py", spec="every:10s")
    outcome = engine.play(plain(), "db")
    assert [run.trigger for run in outcome.runs].count("tick") == 5
    assert outcome.lines == {"db": ["tick n=1i"] * 5}
    assert outcome.ok
    assert outcome.flushes > 50
    assert (outcome.started_ns, outcome.ended_ns) == (plain().arrivals[0], plain().arrivals[-1])


def test_late_points_reach_the_database_late(engine):
    worn = plain() | synth.late(0.3, by="20s")
    outcome = engine.play(worn, "db", every="1s")
    seen = [(run.started_ns, row["time"]) for run in outcome.runs for batch in run.batch or () for row in batch["rows"]]
    assert len(seen) == 120
    assert max(started - time for started, time in seen) > 5 * 10**9
    assert sorted(time for _, time in seen) == sorted(worn.times)


def test_a_coarser_every_writes_larger_batches(engine):
    assert max(sizes(engine.play(plain(), "db", every="20s"))) == 40


def test_several_tables_play_together(engine):
    outcome = engine.play([plain(), plain(table="yard")], "db")
    assert sum(sizes(outcome)) == 120
    assert engine.query("SELECT count(*) AS n FROM yard", "db").n[0] == 120


def test_lines_of_another_type_are_refused_one_by_one_and_counted(engine):
    worn = plain() | synth.type_flips(0.1, fields=["v"], to="s")
    outcome = engine.play(worn, "db", every="5s")
    flips = int(worn.fields["v"].flipped.sum())
    assert engine.query("SELECT count(*) AS n FROM home", "db").n[0] == 120 - flips
    assert all("refused: invalid column type for column 'v'" in note for note in outcome.notes)
    assert outcome.notes


def test_points_of_the_past_are_refused_and_moved_to_helps(engine):
    engine.advance("1h")
    with pytest.raises(UsageError, match=r"it is 2026-01-01T01:00:00Z already\n.*moved_to\(engine.now\)"):
        engine.play(plain(), "db")
    assert sum(sizes(engine.play(plain().moved_to(engine.now), "db"))) == 120


def test_nothing_to_play_is_an_error(engine):
    for series, every in ((plain(0), "1s"), ([], "1s"), (plain(), "0s")):
        with pytest.raises(UsageError, match="nothing to play"):
            engine.play(series, "db", every=every)


def test_an_interrupt_gives_what_has_happened_until_then(engine):
    source = "def process_writes(api, batches, args=None):\n    api.info('x')\n    if len(batches[0]['rows']) > 3:\n        import signal; signal.raise_signal(signal.SIGINT)"
    engine.write_plugin("watch.py", source)
    jam = plain() | synth.Imperfection("jam", lambda s, _: s.take(np.r_[0:60, np.repeat(60, 4)]))
    with pytest.raises(AdvanceInterrupted) as caught:
        engine.play(jam, "db")
    assert len(caught.value.outcome.runs) >= 25
    engine.advance("1s")
