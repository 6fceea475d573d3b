"""Where plugins are stopped that the server would let run (pe_kit.Limits)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pe_kit import Engine, Limits
from pe_kit.errors import RunLimitError, UsageError

HEAD = "def process_scheduled_call(l, call_time, args=None):\n"


@pytest.fixture
def stopped() -> Iterator[Callable[..., RunLimitError]]:
    """Runs a plugin body under limits and gives the error it was stopped with; the engine must go on."""
    made: list[Engine] = []

    def run(body: str, **limits: object) -> RunLimitError:
        engine = Engine(start="2026-01-01T00:00:00Z", limits=Limits(**limits))  # type: ignore[arg-type]
        made.append(engine)
        engine.create_database("db")
        engine.write_plugin("t.py", HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
        engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
        error = engine.call("t", "db").run.error
        assert isinstance(error, RunLimitError)
        assert engine.logs(level="ERROR").log_text[0].startswith("error executing schedule plugin: RunLimitError: ")
        engine.write_plugin("t.py", HEAD + "    l.info('fine')\n")
        assert engine.call("t", "db").ok
        return error

    yield run
    for engine in made:
        engine.close()


def test_an_endless_loop_is_stopped(stopped: Callable[..., RunLimitError]) -> None:
    error = stopped("while True: pass", run_time=0.2)
    assert error.limit == "run_time"
    assert "trigger 't' (t.py) ran longer than Limits(run_time=0.2)" in str(error)


@pytest.mark.slow
def test_a_plugin_that_catches_everything_is_stopped_all_the_same(stopped: Callable[..., RunLimitError]) -> None:
    body = "for _ in range(50):\n    try:\n        while True: pass\n    except BaseException:\n        pass"
    assert stopped(body, run_time="300ms").limit == "run_time"


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_not_even_a_plugin_that_keeps_what_it_catches_escapes(clock: str) -> None:
    body = (
        "    kept = []\n    while True:\n        try:\n            while True:\n                try:\n"
        "                    sum(range(1000))\n                except BaseException as error:\n"
        "                    kept.append(error)\n        except BaseException as error:\n            kept.append(error)\n"
    )
    with Engine(clock=clock, limits=Limits(run_time=0.2)) as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", HEAD + body)
        engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
        run = engine.call("t", "db").run
        assert isinstance(run.error, RunLimitError)
        assert "in process_scheduled_call" in run.traceback


def test_a_plugin_may_clean_up_when_it_is_stopped(stopped: Callable[..., RunLimitError], tmp_path: Path) -> None:
    done = tmp_path / "done"
    body = f"try:\n    n = 0\n    while True: n += 1\nfinally:\n    for _ in range(100): open({str(done)!r}, 'a').close()\n    l.info('x')"
    stopped(body, run_time=0.2)
    assert done.exists()


def test_c_code_that_lets_no_other_thread_run_is_stopped(stopped: Callable[..., RunLimitError]) -> None:
    assert stopped("import re\nre.match('(a+)+$', 'a' * 40 + 'b')", run_time=0.2).limit == "run_time"


SPINS_IN_A_THREAD = """
import sys, threading
from pe_kit import Engine, Limits

engine = Engine(limits=Limits(run_time=0.1))
engine.create_database("db")
engine.write_plugin("t.py", "def process_scheduled_call(l, call_time, args=None):\\n    while True: pass\\n")
engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
thread = threading.Thread(target=engine.call, args=("t", "db"))
thread.start()
thread.join()
sys.settrace(lambda frame, event, arg: None)
(lambda: None)()
sys.settrace(None)
print("traced")
"""


@pytest.mark.slow
def test_coverage_and_debuggers_work_after_a_plugin_was_stopped() -> None:
    """What was on its way to the plugin's thread leaves nothing behind in the interpreter."""
    done = subprocess.run([sys.executable, "-c", SPINS_IN_A_THREAD], capture_output=True, text=True, timeout=120)
    assert done.stdout == "traced\n"


@pytest.mark.slow
def test_a_plugin_that_writes_is_stopped_between_two_writes() -> None:
    body = "    for i in range(10**9):\n        l.write_sync(LineBuilder('m').int64_field('i', i), i % 50 == 0)\n"
    with Engine(start=0, limits=Limits(run_time=0.3)) as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", HEAD + body)
        engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
        run = engine.call("t", "db").run
        assert isinstance(run.error, RunLimitError)
        engine.flush()
        assert [w.line for w in run.written] == [f"m i={i}i" for i in range(len(run.written))]
        assert engine.query("SELECT i FROM m", "db").i.tolist() == [len(run.written) - 1], "one point: time stood still"


def test_a_dry_run_is_limited_too() -> None:
    with Engine(start=0, limits=Limits(run_time=0.2)) as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", "def process_writes(l, batches, args=None):\n    while True: pass\n")
        errors = engine.test_wal_plugin("t.py", "m f=1", "db")["errors"]
        assert errors == ["error executing plugin: RunLimitError: the plugin ran longer than Limits(run_time=0.2)"]


@pytest.mark.slow
def test_the_error_behaviour_applies_to_a_stopped_plugin() -> None:
    with Engine(start=0, limits=Limits(run_time=0.1, retries=1)) as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", HEAD + "    while True: pass\n")
        for name, behavior in (("again", "retry"), ("never", "disable")):
            engine.create_trigger(name, db="db", path="t.py", spec="every:1h", error_behavior=behavior)
        outcome = engine.advance("1h")
        assert [(r.trigger, r.attempt) for r in outcome.runs] == [("again", 1), ("again", 2), ("never", 1)]
        assert {type(r.error) for r in outcome.runs} == {RunLimitError}
        assert engine.triggers.set_index("trigger_name").state["never"].startswith("stopped after an error")


def test_a_blocking_call_is_woken(stopped: Callable[..., RunLimitError]) -> None:
    body = "import socket\na, b = socket.socketpair()\ntry:\n    a.recv(1)\nfinally:\n    a.close(); b.close()"
    assert stopped(body, run_time=0.2).limit == "run_time"


def test_cpu_time_is_limited_apart(stopped: Callable[..., RunLimitError]) -> None:
    assert stopped("while True: pass", cpu_time=0.2, run_time=60).limit == "cpu_time"


@pytest.mark.parametrize("body", ["x = b'x' * (10 << 30)", "x = []\nwhile True: x.append(bytes(1 << 20) + b'1')"])
def test_memory_is_limited(stopped: Callable[..., RunLimitError], body: str) -> None:
    assert stopped(body, memory="256MiB").limit == "memory"


def test_queries_within_limits_are_not_hindered() -> None:
    with Engine(start=0, limits=Limits(run_time=30, cpu_time=30, memory="64MiB")) as engine:
        engine.create_database("db")
        engine.load("\n".join(f"m f={i} {i}" for i in range(1000)), "db", precision="ns")
        engine.write_plugin("t.py", HEAD + "    for _ in range(20):\n        l.info(len(l.query('SELECT * FROM m')))\n")
        engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
        outcome = engine.call("t", "db")
        assert outcome.ok
        assert outcome.logs.log_text.tolist().count("1000") == 20


@pytest.mark.slow
def test_millions_of_log_rows_are_bounded() -> None:
    with Engine(start=0) as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", HEAD + "    for i in range(300_000):\n        l.info(i)\n")
        engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
        run = engine.call("t", "db").run
        assert len(run.log_rows) == 10_000
        assert any("300,002 rows" in note for note in run.notes)
        assert len(engine.logs()) == 10_000


def test_threads_that_a_plugin_leaves_do_not_hurt() -> None:
    release = threading.Event()
    with Engine(start=0, limits=Limits(run_time=5)) as engine:
        engine.create_database("db")
        engine.write_plugin(
            "t.py",
            HEAD + "    import threading\n    t = threading.Thread(target=args_wait, daemon=True)\n    t.start()\n"
            "def args_wait():\n    import builtins\n    builtins._pe_kit_release.wait()\n",
        )
        engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
        import builtins

        builtins._pe_kit_release = release  # type: ignore[attr-defined]
        try:
            run = engine.call("t", "db").run
            assert run.ok
            assert any("1 thread" in note for note in run.notes)
            assert engine.call("t", "db").ok
        finally:
            release.set()
            del builtins._pe_kit_release  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_threads_end_with_the_plugin_that_was_stopped(stopped: Callable[..., RunLimitError]) -> None:
    before = set(threading.enumerate())
    spins = (
        "import threading\ndef spin():\n    while True: pass\n"
        "threads = [threading.Thread(target=spin) for _ in range(2)]\n"
        "for t in threads: t.start()\nfor t in threads: t.join()"
    )
    assert stopped(spins, run_time=0.2).limit == "run_time"
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith("pe_kit"):
            thread.join(60)
            assert not thread.is_alive()


def test_ctrl_c_ends_a_plugin_at_once_and_the_engine_can_be_used_further() -> None:
    with Engine(start=0) as engine:
        engine.create_database("db")
        engine.write_plugin(
            "t.py", HEAD + "    import os, signal\n    os.kill(os.getpid(), signal.SIGINT)\n    while True: pass\n"
        )
        engine.create_trigger("t", db="db", path="t.py", spec="every:1m")
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt, match="interrupted at") as caught:
            engine.advance("1h")
        assert signal.getsignal(signal.SIGINT) is before
        outcome = caught.value.outcome  # type: ignore[attr-defined]
        assert [type(r.error).__name__ for r in outcome.runs] == ["KeyboardInterrupt"]
        assert engine.now.minute == 1
        engine.write_plugin("t.py", HEAD + "    l.info('fine')\n")
        assert engine.advance("1m").ok
        assert os.getpid()


def test_ctrl_c_ends_a_plugin_that_catches_it() -> None:
    body = (
        "    import os, signal\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "    while True:\n        try:\n            sum(range(1000))\n        except:\n            pass\n"
    )
    with Engine(start=0) as engine:
        engine.create_database("db")
        engine.write_plugin("t.py", HEAD + body)
        engine.create_trigger("t", db="db", path="t.py", spec="every:1m")
        with pytest.raises(KeyboardInterrupt, match="interrupted at"):
            engine.advance("1h")
        assert "in process_scheduled_call" in engine.runs[-1].traceback


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"run_time": "fast"}, "is not a duration"),
        ({"run_time": 0}, "leaves a run no time"),
        ({"memory": "2 gigs"}, "is no size"),
        ({"memory": 0}, "is no size"),
        ({"retries": -1}, "retries=-1"),
        ({"queue": 0}, "queue=0"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Limits(**limits)  # type: ignore[arg-type]


@pytest.mark.parametrize("limits", [3, {"run_time": 1}])
def test_what_is_no_limits_is_refused(limits: Any) -> None:
    with pytest.raises(UsageError, match=r"limits=pe_kit\.Limits"):
        Engine(limits=limits)


def test_waiting_that_lets_nobody_look_is_no_cpu_time() -> None:
    with Engine(start=0, limits=Limits(cpu_time=0.5)) as engine:
        engine.create_database("db")
        engine.write_plugin(
            "t.py",
            f"{HEAD}    import ctypes\n    ctypes.PyDLL(None).usleep(600_000)\n    for _ in range(10**6): pass\n",
        )
        engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
        assert [engine.call("t", "db").error for _ in range(2)] == [None, None]


def test_no_timer_is_left_to_others() -> None:
    """Whoever takes the signal after a run gets it no more than once, and never once nothing has run for a while."""
    source = f"""
import signal, time
from pe_kit import Engine, Limits
engine = Engine(start=0, limits=Limits(run_time=60))
engine.create_database("db")
engine.write_plugin("t.py", {HEAD + "    pass"!r})
engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
engine.call("t", "db").raise_for_error()
left, again = signal.getitimer(signal.ITIMER_REAL)
assert left > 0 and again == 0, (left, again)
until = time.monotonic() + 60
while signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0):
    assert time.monotonic() < until
    time.sleep(0.05)
"""
    assert subprocess.run([sys.executable, "-c", source], check=False, timeout=120).returncode == 0
