"""While a plugin runs in virtual time, its clock and its dice are the engine's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from pe_kit import Engine, Limits

Plug = Callable[..., None]
HEAD = "def process_scheduled_call(l, call_time, args=None):\n"


def said(engine: Engine, plug: Plug, body: str) -> list[str]:
    plug(HEAD + "".join(f"    {line}\n" for line in body.splitlines()), "every:1h")
    run = engine.call("t", "db").raise_for_error().run
    return list(run.logs.log_text)[1:-1]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("__import__('time').time()", "1767225600.0"),
        ("__import__('time').time_ns()", "1767225600000000000"),
        ("__import__('time').monotonic()", "1767225600.0"),
        ("__import__('time').perf_counter_ns()", "1767225600000000000"),
        ("__import__('time').process_time()", "0.0"),
        ("__import__('time').strftime('%Y-%m-%d')", "2026-01-01"),
        ("__import__('datetime').datetime.now().isoformat()", "2026-01-01T00:00:00"),
        ("__import__('datetime').datetime.utcnow().isoformat()", "2026-01-01T00:00:00"),
        ("__import__('datetime').date.today()", "2026-01-01"),
        ("__import__('pandas').Timestamp.now()", "2026-01-01 00:00:00"),
        ("l.query('SELECT now() AS n')[0]['n']", "1767225600000000000"),
    ],
)
def test_every_way_to_ask_the_time_gives_the_engines(engine: Engine, plug: Plug, expression: str, value: str) -> None:
    assert said(engine, plug, f"l.info({expression})") == [value]


def test_sleep_moves_virtual_time_and_is_shown(engine: Engine, plug: Plug) -> None:
    plug(HEAD + "    import time\n    time.sleep(90)\n    l.info(time.time())\n", "every:1h")
    plug(HEAD + "    l.info('tick')\n", "every:1m", name="tick")
    before = engine.now_ns
    run, after = engine.call("t", "db").runs
    assert run.slept_ns == engine.now_ns - before == 90 * 10**9
    assert run.logs.log_text.tolist()[1:] == ["1767225690.0", "finished execution in 1m 30s"]
    assert after.trigger == "tick", "what was due meanwhile fires after the run"
    assert after.started_ns == engine.now_ns
    assert after.call_time_ns == before + 60 * 10**9


WAITS_FOR_A_THREAD = """
import hashlib, threading, time
done = []
def work():
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 200_000)
    done.append(True)
thread = threading.Thread(target=work)
thread.start()
start = time.time()
while not done and time.time() - start < 600:
    time.sleep(0.1)
l.info(done)
thread.join()
"""


def test_a_plugin_that_sleeps_until_its_thread_is_done_leaves_it_the_time(engine: Engine, plug: Plug) -> None:
    assert said(engine, plug, WAITS_FOR_A_THREAD) == ["[True]"]


def test_the_kits_own_threads_do_not_make_a_plugin_wait() -> None:
    with Engine(start=0, limits=Limits(run_time="60s")) as engine:  # a thread looks at the runs
        engine.create_database("db")
        engine.write_plugin("t.py", HEAD + "    import time\n    time.sleep(100_000)\n")
        engine.create_trigger("t", db="db", path="t.py", spec="every:52w")
        assert engine.call("t", "db").run.slept_ns == 100_000 * 10**9


def test_dice_and_ids_come_from_the_seed() -> None:
    body = (
        HEAD + "    import random, uuid, numpy, os\n"
        "    l.info(random.random(), random.choice('abc'), uuid.uuid4(), numpy.random.rand(), os.urandom(4).hex())\n"
    )

    def texts(seed: int) -> list[str]:
        with Engine(start=0, seed=seed) as engine:
            engine.create_database("db")
            engine.write_plugin("t.py", body)
            engine.create_trigger("t", db="db", path="t.py", spec="every:1h")
            engine.advance("2h")
            return [t for t in engine.logs().log_text if not t.startswith(("starting", "finished"))]

    first = texts(1)
    assert first == texts(1)
    assert first != texts(2)
    assert first[0] != first[1]


def test_the_code_around_a_call_keeps_real_time_and_its_own_dice(engine: Engine, plug: Plug) -> None:
    random.seed(5)
    expected = random.Random(5).random()
    said(engine, plug, "import random, time\nrandom.seed(1)\nrandom.random()\ntime.sleep(3)")
    assert random.random() == expected
    assert abs(time.time() - datetime.now().timestamp()) < 5
    assert time.time() > 1_767_225_600 + 86_400


def test_an_exception_leaves_no_patch_behind(engine: Engine, plug: Plug) -> None:
    plug(HEAD + "    raise ValueError\n", "every:1h")
    real = time.sleep
    engine.call("t", "db")
    assert time.sleep is real
    assert datetime.now().year >= 2026


def test_between_the_calls_of_a_backtest_the_zone_is_the_machines(
    engine: Engine, plug: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(
        "import time\ndef process_writes(l, batches, args=None):\n    l.info(time.localtime().tm_hour)\n", "all_tables"
    )
    seen: list[int] = []
    monkeypatch.setenv("TZ", "XYZ5")
    time.tzset()
    try:
        test = engine.backtest(
            "m f=1 1767225600000000000\nm f=2 1767225660000000000", "db", progress=lambda *_: seen.append(time.timezone)
        )
    finally:
        monkeypatch.undo()
        time.tzset()
    assert set(seen) == {18_000}
    assert {text for text in test.outcome.logs.log_text if text.isdigit()} == {"0"}
