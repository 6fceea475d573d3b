"""The engine under the wall clock: what happens by itself, in threads (influxdb3_processing_engine/src/lib.rs)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from pe_kit import Engine
from pe_kit.errors import ClockError

PATIENCE = 20.0


@pytest.fixture
def wall() -> Iterator[Engine]:
    with Engine(clock="wall", wal_flush_interval="20ms") as made:
        made.create_database("db")
        yield made


@pytest.fixture
def sign(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What plugins and tests tell each other by: ``import sign``."""
    made = SimpleNamespace(began=threading.Event(), go=threading.Event(), ran=threading.Event(), patience=PATIENCE)
    monkeypatch.setitem(sys.modules, "sign", made)  # type: ignore[arg-type]
    return made


def add(engine: Engine, source: str, spec: str, name: str = "t", **options: object) -> None:
    engine.write_plugin(f"{name}.py", source)
    engine.create_trigger(name, db="db", path=f"{name}.py", spec=spec, **options)  # type: ignore[arg-type]


def test_a_write_returns_after_the_flush_that_carries_it_and_not_after_its_triggers(
    wall: Engine, sign: SimpleNamespace
) -> None:
    add(wall, "import sign\ndef process_writes(a, b, c): sign.began.set(); sign.go.wait(sign.patience)\n", "all_tables")
    outcome = wall.write("m f=1", "db")
    assert len(wall.query("SELECT * FROM m", "db")) == 1
    assert len(outcome.runs) == 0
    assert sign.began.wait(PATIENCE)
    assert len(wall.write("m f=2", "db").runs) == 0  # a slow plugin holds nobody up
    sign.go.set()
    wall.close()
    assert [run.rows_in for run in wall.runs] == [1, 1]


def test_a_write_without_sync_is_flushed_by_itself(wall: Engine, sign: SimpleNamespace) -> None:
    add(wall, "import sign\ndef process_writes(a, b, c): sign.ran.set()\n", "all_tables")
    wall.write("m f=1", "db", no_sync=True)
    assert sign.ran.wait(PATIENCE)


def test_schedules_fire_by_themselves(wall: Engine, sign: SimpleNamespace) -> None:
    source = "import sign\ndef process_scheduled_call(a, t, c):\n    a.info(str(t)); sign.ran.set()\n"
    add(wall, source, "every:50ms", run_async=True)
    assert sign.ran.wait(PATIENCE)
    wall.close()
    assert wall.runs[0].kind == "schedule"
    assert "starting execution with scheduled time" in wall.logs().log_text[0]


def test_a_synchronous_trigger_has_one_call_at_a_time_and_an_asynchronous_one_many(
    wall: Engine, sign: SimpleNamespace
) -> None:
    sign.both = threading.Barrier(2)
    source = "import sign\ndef process_scheduled_call(a, t, c): sign.both.wait(sign.patience)\n"
    add(wall, source, "every:1h", run_async=True)
    others = [threading.Thread(target=wall.call, args=("t", "db")) for _ in range(2)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    assert [run.ok for run in wall.runs] == [True, True]
    sign.inside, sign.most = 0, 0
    source = (
        "import sign\ndef process_scheduled_call(a, t, c):\n"
        "    sign.inside += 1; sign.most = max(sign.most, sign.inside)\n"
        "    a.query('SELECT 1'); sign.inside -= 1\n"
    )
    add(wall, source, "every:1h", name="one")
    others = [threading.Thread(target=wall.call, args=("one", "db")) for _ in range(5)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    assert sign.most == 1
    assert [run.ok for run in wall.runs][2:] == [True] * 5


def test_what_plugins_write_fires_plugins_with_the_next_flush(wall: Engine, sign: SimpleNamespace) -> None:
    source = (
        "import sign\ndef process_writes(a, batches, c):\n"
        "    if batches and batches[0]['table_name'] == 'out': sign.ran.set()\n"
        "    else: a.write(LineBuilder('out').int64_field('n', 1))\n"
    )
    add(wall, source, "all_tables")
    wall.write("m f=1", "db")
    assert sign.ran.wait(PATIENCE)
    wall.close()
    first, second = wall.runs[:2]
    assert (first.caused_by, second.caused_by) == (None, first)


def test_a_synchronous_write_of_a_plugin_can_be_queried_by_it(wall: Engine) -> None:
    source = (
        "def process_request(a, q, h, b, c):\n"
        "    a.write_sync(LineBuilder('out').int64_field('n', 1), no_sync=False)\n"
        "    return str(len(a.query('SELECT * FROM out')))\n"
    )
    add(wall, source, "request:r")
    response = wall.request("r").response
    assert response is not None
    assert response.text == "1"


def test_errors_are_logged_retried_and_disable_as_in_virtual_time(wall: Engine) -> None:
    for behavior in ("log", "retry", "disable"):
        add(wall, "def process_scheduled_call(a, t, c): 1 / 0\n", "every:1h", behavior, error_behavior=behavior)
        outcome = wall.call(behavior, "db")
        assert isinstance(outcome.error, ZeroDivisionError)
    states = wall.triggers.set_index("trigger_name").state
    assert states["log"] == "running"
    assert states["disable"].startswith("stopped after an error")
    wall.close()
    assert sum(run.trigger == "retry" for run in wall.runs) == wall.limits.retries + 1


def test_each_call_keeps_what_it_printed(
    wall: Engine, sign: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    sign.both = threading.Barrier(2)
    source = (
        "import sign\ndef process_request(a, q, h, b, c):\n"
        "    print('before', q['n']); sign.both.wait(sign.patience); print('after', q['n']); return q['n']\n"
    )
    add(wall, source, "request:r", run_async=True)
    before = sys.stdout
    others = [threading.Thread(target=wall.request, args=("r",), kwargs={"params": {"n": n}}) for n in "12"]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    assert sorted(run.printed for run in wall.runs) == ["before 1\nafter 1\n", "before 2\nafter 2\n"]
    assert sys.stdout is before
    assert sorted(capsys.readouterr().out.splitlines()) == ["after 1", "after 2", "before 1", "before 2"]


def test_closing_flushes_what_was_written(wall: Engine) -> None:
    wall.write("m f=1", "db", no_sync=True)
    wall.close()
    assert len(wall.query("SELECT * FROM m", "db")) == 1


def test_the_wall_clock_is_not_moved_and_takes_no_declared_durations(wall: Engine) -> None:
    add(wall, "def process_scheduled_call(a, t, c): pass\n", "every:1h")
    for move in (lambda: wall.advance("1s"), wall.step, lambda: wall.declare_duration("t", "db", "1s")):
        with pytest.raises(ClockError):
            move()


def test_many_threads_write_and_query_and_nothing_is_lost(wall: Engine) -> None:
    add(
        wall,
        "def process_writes(a, b, c):\n    a.cache.put('n', a.cache.get('n', 0) + sum(len(x['rows']) for x in b))\n",
        "all_tables",
    )

    def work(n: int) -> None:
        for i in range(20):
            wall.write(f"m,w=w{n} f={i}i {i + 1}", "db", no_sync=True)
            wall.query("SELECT count(*) FROM m" if i else "SELECT 1", "db")

    others = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    wall.close()
    assert wall.query("SELECT count(f) AS n FROM m", "db")["n"].tolist() == [160]
    assert sum(run.rows_in for run in wall.runs) == 160
    assert all(run.ok for run in wall.runs)
