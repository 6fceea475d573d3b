"""Failures on purpose, and the sweep over all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pe_kit import Engine
from pe_kit.engine.faults import FAULTS
from pe_kit.errors import ClockError, UsageError

Plug = Callable[..., None]
CAREFUL = """
def process_writes(influxdb3_local, table_batches, args=None):
    for batch in table_batches:
        if batch["table_name"] != "m":
            continue
        for row in batch["rows"]:
            n = influxdb3_local.cache.get("n", 0) + 1
            influxdb3_local.cache.put("n", n, ttl=3600)
            try:
                total = influxdb3_local.query("SELECT count(*) AS c FROM m")[0]["c"]
            except Exception as error:
                influxdb3_local.warn("query failed:", error)
                total = -1
            influxdb3_local.write(LineBuilder("out").int64_field("n", n).int64_field("total", total).time_ns(row["time"]))
"""


def scenario(engine: Engine) -> None:
    for i in range(1, 4):
        engine.write(f"m f={i} {i}", "db", precision="ns")


def outs(engine: Engine) -> list[list[int]]:
    if "out" not in list(engine.tables("db").table):
        return []
    rows: list[list[int]] = engine.query("SELECT n, total FROM out ORDER BY time", "db").values.tolist()
    return rows


@pytest.fixture
def careful(engine: Engine, plug: Plug) -> Engine:
    plug(CAREFUL, "all_tables")
    return engine


def test_a_query_fails_as_a_query_error_and_the_run_says_it_was_made_to(careful: Engine) -> None:
    careful.inject("query", "error", when={"nth": 2})
    scenario(careful)
    assert outs(careful) == [[1, 1], [2, -1], [3, 3]]
    struck = [r for r in careful.runs if r.faults]
    assert len(struck) == 1
    assert struck[0].faults[0].startswith("query: error")
    assert "executing query on db: SELECT count(*)" in struck[0].queries.error[0]
    assert careful.faults[["site", "fault", "seen", "struck"]].values.tolist() == [["query", "error", 3, 1]]


def test_a_slow_query_takes_virtual_time(careful: Engine) -> None:
    before = careful.now_ns
    careful.inject("query", "slow:30s")
    scenario(careful)
    assert careful.now_ns - before == 30 * 10**9
    assert [r.slept_ns for r in careful.runs if r.slept_ns] == [30 * 10**9]
    assert "finished execution in 30s" in careful.logs().log_text.tolist()


def test_a_refused_write_back_loses_the_lines_with_the_servers_log_row(careful: Engine) -> None:
    careful.inject("write_back", "reject", when={"match": "db"})
    outcome = careful.write("m f=1 1", "db", precision="ns")
    assert not outcome.ok
    assert outs(careful) == []
    assert (
        careful.logs(level="ERROR").log_text[0].startswith("error running wal plugin: error writing back lines to db: ")
    )


def test_a_refused_synchronous_write_raises_in_the_plugin(engine: Engine, plug: Plug) -> None:
    plug(
        "def process_scheduled_call(l, t, a=None):\n    l.write_sync(LineBuilder('m').int64_field('n', 1), no_sync=True)\n",
        "every:1m",
    )
    engine.inject("write_sync", "reject", times=None)
    assert str(engine.call("t", "db").error).startswith("error writing line protocol to db: Cannot write: ")
    engine.clear_faults()
    assert engine.call("t", "db").ok


def test_cached_values_vanish_or_expire_early(careful: Engine) -> None:
    careful.inject("cache", "vanish", when={"nth": 2, "match": "n"})
    scenario(careful)
    assert [n for n, _ in outs(careful)] == [1, 2, 1]


def test_a_batch_comes_twice_or_in_reverse(careful: Engine) -> None:
    careful.inject("batch", "twice")
    careful.write("m f=1 1", "db", precision="ns")
    assert [r.rows_in for r in careful.runs if r.tables[0][0] == "m"] == [1, 1]
    careful.inject("batch", "reorder")
    careful.write("m f=2 2\nm f=3 3", "db", precision="ns")
    batch = next(r.batch for r in careful.runs if r.tables == (("m", 2),))
    assert batch is not None
    assert [row["f"] for row in batch[0]["rows"]] == [3.0, 2.0]


def test_a_run_says_what_was_made_to_go_wrong_before_it(careful: Engine) -> None:
    careful.inject("batch", "reorder")
    careful.inject("call", "jump")
    outcome = careful.write("m f=1 1", "db", precision="ns")
    assert outcome.runs[0].faults == ("batch: reorder (db)", "call: jump (wal)")
    assert "injected fault: batch: reorder (db)" in repr(outcome)


def test_a_value_without_a_ttl_does_not_use_up_an_early_expiry(engine: Engine, plug: Plug) -> None:
    plug(
        "def process_scheduled_call(l, t, a=None):\n    l.info(l.cache.get('for ever', 0), l.cache.get('a while', 0))\n"
        "    l.cache.put('for ever', 1)\n    l.cache.put('a while', 1, ttl=60)\n",
        "every:1h",
    )
    engine.inject("cache", "expire")
    assert [engine.call("t", "db").run.logs.log_text[1] for _ in range(3)] == ["0 0", "1 0", "1 1"]


def test_the_clock_jumps_the_trigger_is_disabled_or_the_server_restarts_before_a_call(careful: Engine) -> None:
    careful.inject("call", "jump:2h", when={"trigger": "t"})
    before = careful.now_ns
    careful.write("m f=1 1", "db", precision="ns")
    assert careful.now_ns - before == 2 * 3600 * 10**9
    careful.inject("call", "restart")
    careful.write("m f=2 2", "db", precision="ns")
    assert [n for n, _ in outs(careful)] == [1, 1], "the cache was lost"
    careful.inject("call", "disable")
    outcome = careful.write("m f=3 3", "db", precision="ns")
    assert len(outcome.runs) == 0
    assert outcome.notes
    assert careful.triggers.disabled[0]


def test_faults_are_part_of_the_past_and_a_seed_decides_chances(careful: Engine) -> None:
    careful.inject("query", "error", when={"chance": 0.5}, times=None)
    scenario(careful)
    last = careful.history[-1].id
    assert outs(careful.at(last)) == outs(careful)


def test_mistakes_are_answered_with_what_was_meant(engine: Engine) -> None:
    with pytest.raises(UsageError, match="Did you mean 'query'"):
        engine.inject("qeury", "error")
    with pytest.raises(UsageError, match="Did you mean 'reject'"):
        engine.inject("write_back", "rejct")
    with pytest.raises(UsageError, match="Did you mean 'trigger'"):
        engine.inject("query", "error", when={"triger": "t"})
    for when in ("t", {"nth": 0}, {"chance": 2}, {"trigger": 3}):
        with pytest.raises(UsageError, match="when="):
            engine.inject("query", "error", when=when)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="times='often'"):
        engine.inject("query", "error", times="often")  # type: ignore[arg-type]
    assert len(engine.history) == 1, "what is refused is no event"


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"fine")

        def log_message(self, *args: object) -> None:
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}/"
    made.shutdown()
    thread.join()
    made.server_close()


LIBRARIES = {
    "urllib": "import urllib.request\n        text = urllib.request.urlopen(args['url']).read().decode()",
    "requests": "import requests\n        r = requests.get(args['url'])\n        r.raise_for_status()\n        text = r.text",
    "httpx": "import httpx\n        r = httpx.get(args['url'])\n        r.raise_for_status()\n        text = r.text",
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_outgoing_http_calls_are_refused_time_out_or_answer_500(
    engine: Engine, plug: Plug, server: str, library: str
) -> None:
    plug(
        "def process_scheduled_call(l, t, args=None):\n    try:\n        "
        + LIBRARIES[library]
        + "\n    except Exception as e:\n        text = type(e).__name__ + ' ' + str(e)\n    l.info(text)\n",
        "every:1m",
        arguments={"url": server},
    )
    for fault in FAULTS["http"]:
        engine.inject("http", fault)
    texts = [engine.call("t", "db").run.logs.log_text[1] for _ in range(4)]
    refused, late, failed, fine = texts
    assert "refused" in refused
    assert "timed out" in late
    assert "500" in failed
    assert fine == "fine"


@pytest.mark.slow
def test_the_sweep_tries_every_fault_at_every_site_once(careful: Engine) -> None:
    seen: list[tuple[int, int]] = []
    frame = careful.sweep_faults(scenario, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(frame), len(frame))
    assert set(frame.site) == {"query", "write_back", "cache", "batch", "call"}
    verdicts = {(r.site, r.fault, r.nth): r.verdict for r in frame.itertuples()}
    assert verdicts["query", "slow", 1] == "survived"
    assert verdicts["write_back", "reject", 2] == "lost data"
    assert verdicts["call", "disable", 1] == "disabled itself"
    assert verdicts["cache", "vanish", 1] == "survived", "a cache loss changes values, not rows"
    vanished = frame[(frame.site == "cache") & (frame.fault == "vanish")].difference.iloc[0]
    assert "changed" in vanished
    assert len(careful.runs) == 0, "the engine itself is left alone"


def test_a_scenario_that_fails_by_itself_is_not_swept(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        engine.sweep_faults(lambda e: 1 / 0)
    with Engine(clock="wall") as wall, pytest.raises(ClockError):
        wall.sweep_faults(lambda e: None)


def test_a_plugin_without_care_raises_in_the_sweep(engine: Engine, plug: Plug) -> None:
    plug("def process_writes(l, b, a=None):\n    l.query('SELECT * FROM m')\n", "all_tables")
    frame = engine.sweep_faults(lambda e: e.write("m f=1 1", "db", precision="ns"))
    assert frame[frame.fault == "error"].verdict.tolist() == ["raised"]
