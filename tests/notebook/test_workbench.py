"""The workbench as the browser speaks to it, on a real engine; the browser tests press its buttons."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pe_kit import Engine
from pe_kit.notebook.chart import warm_up
from pe_kit.notebook.workbench import Workbench
from pe_kit.notebook.workbench.compose import check_lines

COUNT = (
    "def process_writes(l, b, args=None):\n    n = l.cache.get('n', 0) + 1\n    l.cache.put('n', n, ttl=3600)\n    l.warn('seen', n)\n"
    "def process_scheduled_call(l, t, args=None):\n    l.info('called', t)\n"
    "def process_request(l, q, h, b, args=None):\n    return {'q': q, 'b': b.decode()}\n"
)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(start="2026-01-01T00:00:00Z") as made:
        made.create_database("db")
        made.write_plugin("p.py", COUNT)
        for name, spec in (("w", "all_tables"), ("s", "every:1h"), ("r", "request:ask")):
            made.create_trigger(name, db="db", path="p.py", spec=spec)
        yield made


@pytest.fixture
def bench(engine: Engine) -> Iterator[Workbench]:
    made = engine.workbench()
    yield made
    made.close()


def write(bench: Workbench, lines: str = "m,host=a f=1 1767225600") -> None:
    bench.do("write", lines=lines, database="db")


def signal(**given: str) -> dict[str, str]:
    values = {"database": "db", "table": "made", "field": "v", "signal": "sine('1h', 2)", "every": "1m", "points": "60"}
    return values | {"tags": "room=a,b", "spoil": "", "start": ""} | given


# -- firing ----------------------------------------------------------------------------------------------------------


def test_a_write_is_fired_and_shown_as_python(engine: Engine, bench: Workbench) -> None:
    write(bench)
    assert bench.code == "engine.write('m,host=a f=1 1767225600', 'db')"
    assert len(engine.query("SELECT * FROM m", "db")) == 1
    assert "seen 1" in bench.last
    assert "✔ done" in bench.status


def test_what_it_shows_as_python_does_the_same(engine: Engine, bench: Workbench) -> None:
    write(bench, "m f=1 1767225600")
    eval(bench.code, {"engine": engine})
    assert engine.cache.value.tolist() == [2]


def test_each_message_is_one_event_with_the_values_it_carries(engine: Engine, bench: Workbench) -> None:
    before = len(engine.history)
    for number in range(20):
        bench._handle_custom_msg({"do": "write", "values": {"lines": f"m f={number} {number}", "database": "db"}}, [])
    assert [e.data["data"] for e in engine.history[before:]] == [f"m f={n} {n}" for n in range(20)]


def test_refused_lines_are_shown_and_change_nothing(engine: Engine, bench: Workbench) -> None:
    write(bench, "m f=")
    assert "line 1" in bench.last
    assert "LineProtocolError" in bench.status
    assert engine.tables("db").empty


def test_a_signal_is_previewed_and_written_with_the_line_that_makes_it(engine: Engine, bench: Workbench) -> None:
    bench.do("preview", **signal())
    assert "<svg" in bench.preview
    bench.do("signal", **signal())
    assert int(engine.query("SELECT count(*) AS n FROM made", "db")["n"][0]) == 120
    written = engine.query("SELECT * FROM made ORDER BY time, room", "db")
    with Engine(start="2026-01-01T00:00:00Z") as other:
        exec(bench.code, {"engine": other})
        assert other.query("SELECT * FROM made ORDER BY time, room", "db").equals(written)


def test_a_signal_is_played_as_time_passes(engine: Engine, bench: Workbench) -> None:
    looks: list[Any] = []
    bench.observe(looks.append, "timeline")
    bench.do("play", **signal(points="10", spoil="late(0.5, by='2m')"))
    assert len(looks) == 1, "its many events are looked at once"
    assert engine.now.minute >= 9
    assert bench.code.startswith("from pe_kit.synth import late, series, sine\nengine.play(series('made'")


@pytest.mark.parametrize("bad", ["__import__('os').getcwd()", "sine(", "().__class__", "open('x')", "1 /0"])
def test_an_expression_that_is_no_signal_is_refused(bench: Workbench, bad: str) -> None:
    bench.do("preview", **signal(signal=bad))
    assert "✘" in bench.preview
    bench.do("signal", **signal(signal=bad))
    assert "UsageError" in bench.status


def test_schedules_are_fired_now_then_and_five_times(engine: Engine, bench: Workbench) -> None:
    bench.do("call", trigger='["db", "s"]', at="2020-01-01T00:00:00Z")
    assert "called 2020-01-01" in bench.last
    assert bench.code == "engine.call('s', 'db', at='2020-01-01T00:00:00Z')"
    bench.do("next_five", trigger='["db", "s"]')
    assert engine.now.hour == 5
    assert len(engine.runs) == 6
    bench.do("call", trigger="")
    assert "no schedule trigger" in bench.last


def test_requests_are_sent(engine: Engine, bench: Workbench) -> None:
    bench.do("request", path="ask", method="POST", params='{"x": "1"}', headers="", body="hello")
    assert bench.code == "engine.request('ask', params={'x': '1'}, body='hello')"
    assert engine.runs[-1].response is not None
    assert engine.runs[-1].response.json() == {"q": {"x": "1"}, "b": "hello"}
    for bad in ("{x", "[1]"):
        bench.do("request", path="ask", params=bad)
        assert "params is no JSON object" in bench.last


def test_time_is_stepped_advanced_and_run_to(engine: Engine, bench: Workbench) -> None:
    bench.do("step")
    assert engine.now.hour == 1
    bench.do("advance", duration="2h")
    bench.do("run_to", t="2026-01-01T05:00:00Z")
    assert engine.now.hour == 5
    assert "2026-01-01T05:00:00Z" in bench.clock
    assert "2026-01-01T06:00:00Z s" in bench.upcoming
    bench.do("run_to", t="yesterday")
    assert "is not a time" in bench.last
    bench.do("write", lines="m f=1", database="db", no_sync=True)
    bench.do("flush")
    assert bench.code == "engine.flush()"
    assert "seen 1" in bench.last


@pytest.mark.slow
def test_a_long_advance_says_how_far_it_is(engine: Engine, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    monkeypatch.setattr(bench, "send_state", lambda key: said.append((key, bench.status)))
    bench._looked = -1e9
    bench.do("advance", duration="300d")
    assert any(key == "status" and "%" in text for key, text in said)
    assert said[0][1].startswith("… working")
    assert engine.progress is None


def test_an_event_is_fired_again_with_a_change(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    filled: list[dict[str, Any]] = []
    monkeypatch.setattr(bench, "send", filled.append)
    write(bench, "m f=1 1767225600")
    bench.do("request", path="ask", params='{"x": "1"}', headers="", body="hello")
    bench.do("call", trigger='["db", "s"]', at="")
    for place in ("1", "2", "3"):
        bench.do("again", again=place)
    assert [f["fill"] for f in filled] == ["call", "request", "write"]
    assert filled[1]["values"] == {
        "path": "ask",
        "method": "POST",
        "params": '{"x": "1"}',
        "headers": "",
        "body": "hello",
    }
    assert filled[2]["values"]["lines"] == "m f=1 1767225600"
    bench.do("template", form="write", template="every type", database="db")
    assert check_lines(filled[3]["values"]["lines"]).count("✔ 1 good") == 1


def test_every_template_can_be_fired(engine: Engine, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "send", lambda content: bench.do("go", **content))
    monkeypatch.setattr(bench, "_do_go", lambda values: fire(values["fill"], values["values"]), raising=False)
    base = {
        "write": {"database": "db"},
        "signal": signal(),
        "call": {"trigger": '["db", "s"]'},
        "request": {"path": "ask"},
    }
    done: list[str] = []

    def fire(form: str, values: dict[str, Any]) -> None:
        bench.do(form, **(base[form] | values))
        done.append(bench.status)

    for list_, options in bench.choices.items():
        if list_.endswith(" templates"):
            for _, name in options[1:]:
                bench.do("template", form=list_.split()[0], template=name, **base[list_.split()[0]])
    assert len(done) == 15
    assert sum("✔ done" in status for status in done) == 14
    assert sum("LineProtocolError" in status for status in done) == 1, "one template is a bad line on purpose"


def test_lines_are_checked_one_by_one(bench: Workbench) -> None:
    bench.do("check", lines="m,host=a f=1 1767225600\nm f=")
    assert "1 good" in bench.checked
    assert "1 bad" in bench.checked
    assert "column 5" in check_lines("m f=x")
    assert "line protocol" in check_lines("")
    assert "only 200 lines" in check_lines("m f=1\n" * 300)


# -- looking ---------------------------------------------------------------------------------------------------------


def test_it_follows_what_other_cells_do_until_it_is_closed(engine: Engine, bench: Workbench) -> None:
    bench.do("pane", pane="logs")
    engine.write("m f=1", "db")
    assert "seen 1" in bench.body
    bench.close()
    engine.write("m f=1", "db")
    assert "seen 2" not in bench.body


def test_a_cell_that_fires_much_is_followed_now_and_then_and_at_its_end(engine: Engine) -> None:
    async def session() -> tuple[int, Workbench]:
        bench = engine.workbench()
        bench.do("pane", pane="logs")
        looks = 0

        def looked(_: Any) -> None:
            nonlocal looks
            looks += 1

        bench.observe(looked, "timeline")
        bench._looked = 1e18  # as if it had been looked at just now, however slow this machine is
        for _ in range(200):
            engine.write("m f=1", "db")
        held = looks
        bench._due = False
        bench._looked = 0.0
        engine.write("m f=1", "db")
        return held, bench

    held, bench = asyncio.run(session())
    assert held == 0
    assert "seen 201" in bench.body
    bench.close()


@pytest.mark.slow
def test_a_wall_clock_engine_is_followed_but_has_no_past() -> None:
    with Engine(clock="wall") as engine:
        engine.write("m f=1 1767225600", "db")
        bench = engine.workbench()
        assert "wall clock" in bench.clock
        engine.write("m f=1 1767225601", "db")
        bench.do("pane", pane="tables")
        assert "rows 1 to 2 of 2" in bench.body
        bench.do("travel", n="1")
        assert "ClockError" in bench.status
        bench.do("advance", duration="1m")
        assert "ClockError" in bench.status
        bench.close()


def test_a_look_that_fails_does_not_fail_the_cell_that_wrote(
    engine: Engine, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pe_kit.notebook.workbench.bench.timeline_html", lambda *_: 1 / 0)
    engine.write("m f=1", "db")
    assert "ZeroDivisionError" in bench.status


def test_the_slider_shows_the_past_and_the_next_event_returns_to_now(engine: Engine, bench: Workbench) -> None:
    first = engine.write("m f=1 1767225600", "db").event.id
    engine.write("m f=2 1767225601", "db")
    bench.do("pane", pane="cache")
    assert ">2<" in bench.body
    bench.do("travel", n=str(first))
    assert ">1<" in bench.body
    assert bench.which == f"as it was after event {first} of {first + 1}"
    assert bench.code == f"engine.at({first})"
    bench.do("pane", pane="triggers")
    assert bench.code == f"engine.at({first}).triggers"
    bench.do("chart", table='["db", "m"]', field="f")
    assert bench.code.startswith(f"engine.at({first}).plot(")
    bench.do("pane", pane="tables")
    assert "rows 1 to 1 of 1" in bench.body
    folder = bench._view.plugin_dir
    engine.write("m f=3 1767225602", "db")
    assert "rows 1 to 3 of 3" in bench.body
    assert not folder.exists(), "the past's own plugin folder is gone"
    bench.do("travel", n="0")
    assert bench.which.startswith("as it was after event 0")
    bench.do("now")
    assert bench.which == "now"


def test_marks_are_events_flushes_schedules_requests_and_cascades(engine: Engine, bench: Workbench) -> None:
    engine.write_plugin(
        "c.py",
        "def process_writes(l, b, args=None):\n    l.write(LineBuilder('o').float64_field('v', 1.0))\n    raise ValueError('no')\n",
    )
    engine.create_trigger("c", db="db", path="c.py", spec="table:m")
    engine.write_plugin(
        "d.py", "def process_writes(l, b, args=None):\n    l.write(LineBuilder('p').float64_field('v', 1.0))\n"
    )
    engine.create_trigger("d", db="db", path="d.py", spec="table:m")
    engine.request("ask")
    engine.advance("1h")
    done = engine.write("m f=1", "db")
    assert [lane for lane in ("asked", "flushes", "schedules", "requests", "cascades") if f">{lane}<" in bench.timeline] == [
        "asked", "flushes", "schedules", "requests", "cascades"]  # fmt: skip
    assert f'aria-label="event {done.event.id}: write at 2026-01-01T01:00:00Z, with errors"' in bench.timeline
    bench.do("travel", id=done.event.id)
    assert "engine.write" not in bench.code
    assert "m f=1" in bench.last
    run = next(r for r in done.runs if r.trigger == "c")
    bench.do("run", id=run.id)
    assert "ValueError" in bench.last
    assert eval(bench.code, {"engine": engine}).id == run.id
    bench.do("run", id=10_000)
    assert "no longer kept" in bench.status


def test_the_tree_of_causes_is_paged_and_each_run_can_be_chosen(engine: Engine, bench: Workbench) -> None:
    bench.do("pane", pane="runs")
    assert "no runs yet" in bench.body
    engine.write_plugin(
        "d.py", "def process_writes(l, b, args=None):\n    l.write(LineBuilder('p').float64_field('v', 1.0))\n"
    )
    engine.create_trigger("d", db="db", path="d.py", spec="table:m")
    fired = engine.write("m f=1", "db").event.id
    assert re.search(r"fired \d+ run", bench.body)
    engine.advance("100h")
    assert bench.body.count('data-do="run"') == 50
    bench.do("event", id=fired)
    assert f"runs of event {fired}" in bench.body
    engine.request("ask")
    assert "runs, newest first" in bench.body, "something new shows"
    bench.do("page", id=["runs", 3])
    assert re.search(r"fired \d+ run", bench.body)
    assert "runs, newest first: " in bench.body


def test_triggers_are_disabled_and_enabled(engine: Engine, bench: Workbench) -> None:
    bench.do("disable", id=["db", "w"])
    assert "⏸ disabled" in bench.body
    assert bench.code == "engine.disable_trigger('w', 'db')"
    assert len(engine.write("m f=1", "db").runs) == 0
    bench.do("enable", id=["db", "w"])
    assert len(engine.write("m f=1", "db").runs) == 1


def test_the_cache_is_edited(engine: Engine, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    filled: list[dict[str, Any]] = []
    monkeypatch.setattr(bench, "send", filled.append)
    engine.write("m f=1", "db")
    bench.do("pane", pane="cache")
    assert "in 3,600 s" in bench.body
    engine.advance("10m")
    assert "in 3,000 s" in bench.body, "expiry counts down in virtual time"
    bench.do("edit", id=["db", "w", "n"])
    assert filled == [{"fill": "cache", "values": {"scope": '["db", "w"]', "key": "n", "value": "1", "ttl": "3000"}}]
    bench.do("put", **(filled[0]["values"] | {"value": "41"}))
    assert bench.code == "engine.put_cached('n', 41, trigger='w', db='db', ttl=3000.0)"
    engine.write("m f=1", "db")
    assert engine.cache.value.tolist() == [42]
    bench.do("put", scope="[null, null]", key="words", value="plain words", ttl="")
    bench.do("put", scope="[null, null]", key="no", value="False", ttl="")
    assert set(engine.cache.value) == {42, "plain words", False}
    bench.do("delete", id=["db", "w", "n"])
    assert len(engine.cache) == 2
    assert engine.at(engine.history[-2].id).cache.value.tolist() == ["plain words", False, 42], (
        "edits belong to the past too"
    )


def test_logs_are_filtered_and_paged(engine: Engine, bench: Workbench) -> None:
    for _ in range(40):
        engine.write("m f=1", "db")
    bench.do("logs", trigger="db.w", level="", text="")
    assert "1 to 50 of 120 rows" in bench.body
    bench.do("page", id=["logs", 3])
    assert "101 to 120 of 120 rows" in bench.body
    bench.do("logs", trigger="db.w", level="WARN", text="seen 3")
    assert "1 to 11 of 11 rows" in bench.body
    assert len(eval(bench.code, {"engine": engine})) == 11


def test_tables_are_paged_and_charted(engine: Engine, bench: Workbench) -> None:
    engine.load("\n".join(f"big,host=h{i % 2} f={i},g={i} {1767225600 + i}" for i in reversed(range(120))), "db")
    bench.do("table", table='["db", "big"]', page="1")
    assert bench.choices["fields"] == [["all numbers", ""], ["f", "f"], ["g", "g"]]
    bench.do("page", id=["tables", 3])
    assert "rows 101 to 120 of 120" in bench.body
    assert re.findall(r"2026-01-01T00:01:\d\dZ", bench.body)[0] == "2026-01-01T00:01:40Z", "in the order of time"
    assert len(eval(bench.code, {"engine": engine})) == 20
    assert "dictionary" not in bench.body
    bench.do("chart", table='["db", "big"]', field="g")
    assert "<svg" in bench.chart
    assert bench.code == """engine.plot('SELECT time, "host", "g" FROM "big" ORDER BY time', 'db')"""


def test_what_draws_is_started_while_somebody_looks_at_a_table(bench: Workbench) -> None:
    asked: list[Any] = []
    bench._loop = SimpleNamespace(call_later=lambda seconds, work: asked.append(work))  # a kernel's
    bench.do("pane", pane="cache")
    assert asked == []
    bench.do("pane", pane="tables")
    asked[0]()
    assert warm_up.cache_info().currsize == 1


def test_a_page_that_there_is_not_is_the_nearest_in_the_line_of_python_too(bench: Workbench) -> None:
    bench.do("chart", table="", field="")
    assert "there is no table yet" in bench.last
    write(bench, "\n".join(f"m f={n} {n}" for n in range(60)))
    for asked, offset in (("-3", 0), ("", 0), ("9", 50)):
        bench.do("table", table='["db", "m"]', page=asked)
        assert bench.code.endswith(f"LIMIT 50 OFFSET {offset}', 'db')")


def test_a_large_table_is_charted_by_its_means(engine: Engine, bench: Workbench) -> None:
    times = pa.array(np.arange(20_000) * 60_000_000_000, pa.timestamp("ns"))
    engine.load(
        pa.table({"time": times, "room": ["a"] * 20_000, "v": np.arange(20_000.0)}), "db", table="x", tags=["room"]
    )
    bench.do("chart", table='["db", "x"]', field="")
    assert "avg" in bench.code
    assert "<svg" in bench.chart


def test_the_topology_is_drawn(bench: Workbench) -> None:
    bench.do("pane", pane="topology")
    assert "<svg" in bench.body


def test_a_session_is_shown_as_cells_that_do_it_again(engine: Engine, bench: Workbench) -> None:
    write(bench)
    bench.do("put", scope="[null, null]", key="k", value="[1]", ttl="")
    bench.do("advance", duration="2h")
    bench.do("session")
    with Engine(start="2026-01-01T00:00:00Z") as other:
        exec(bench.session, {"engine": other})
        assert not engine.compare(engine, other)
    engine.load(pa.table({"time": pa.array([1], pa.timestamp("ns")), "v": [1.0]}), "db", table="x")
    bench.do("session")
    assert "# engine.load of a frame of 1 rows to db" in bench.session


# -- fixtures --------------------------------------------------------------------------------------------------------


def test_a_fixture_is_frozen_replayed_accepted_and_rejected(
    engine: Engine, bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    write(bench)
    bench.do("pane", pane="fixtures")
    assert "no fixtures" in bench.body
    bench.do("freeze", name="one", last="", folder="fixtures")
    assert bench.code == "engine.freeze('one')"
    assert "not replayed here" in bench.body
    where = "fixtures/one"
    bench.do("replay", id=where)
    assert "✔ ok" in bench.body
    engine.write_plugin("p.py", COUNT.replace("'seen'", "'noticed'"))
    bench.do("replay", id=where)
    assert re.search(r"⚠ pending: \d+ difference", bench.body)
    assert "noticed 1" in bench.body
    bench.do("reject", id=where)
    assert "⚠ pending" not in bench.body
    assert bench.code == "%pe reject one"
    bench.do("replay", id=where)
    bench.do("accept", id=where, row=[])
    assert "no difference is ticked" in bench.last
    rows = re.findall(r'name="row" value="(\d+)"', bench.body)
    bench.do("accept", id=where, row=rows[:1])
    assert bench.code == "%pe accept one --rows 1"
    bench.do("accept", id=where, row=re.findall(r'name="row" value="(\d+)"', bench.body))
    assert bench.code == "%pe accept one"
    bench.do("replay", id=where)
    assert "✔ ok" in bench.body


def test_a_session_that_does_not_reproduce_is_not_frozen(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bench.do("freeze", name="../no", last="", folder="fixtures")
    assert "is no name for a fixture" in bench.last
    bench.do("freeze", name="yes", last="x", folder="fixtures")
    assert "is no number of events" in bench.last


# -- bad input -------------------------------------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31mred\u202eright\"'&amp;"


def test_text_from_data_is_shown_escaped_and_cut(engine: Engine, bench: Workbench) -> None:
    engine.write_plugin(
        "h.py",
        f"T = {HOSTILE!r}\nimport math\n"
        "def process_writes(l, b, args=None):\n"
        "    l.info(T)\n    l.info('long' * 300_000)\n    l.cache.put(T, T)\n    l.cache.put('long', 'x' * 1_000_000)\n"
        "    l.cache.put('nan', math.nan)\n    raise ValueError(T)\n",
    )
    engine.create_trigger("h", db="db", path="h.py", spec="all_tables", arguments={"a": HOSTILE})
    times = pa.array([-(2**63), -(2**62), 1, 2**63 - 1], pa.timestamp("ns"))
    texts = [HOSTILE, "y" * 1_000_000, "", None]
    table = pa.table({"time": times, "tag": ["<b>t</b>"] * 4, "f": [float("inf"), 1.0, 2.0, None], "s": texts})
    engine.load(table, "db", table="<i>m</i>", tags=["tag"])
    write(bench, f'm s="{HOSTILE.replace(chr(34), "")}" 1')
    write(bench, "m s=" + "<b>" * 400_000)
    shown = [bench.last]
    for pane in ("triggers", "runs", "logs", "cache", "tables", "topology"):
        bench.do("pane", pane=pane)
        shown.append(bench.body)
        assert len(bench.body) < 300_000, pane
    bench.do("table", table='["db", "<i>m</i>"]', page="1")
    assert "1677-09-21T00:12:43.145224192Z" in bench.body
    assert "characters)" in bench.body, "what is cut says so"
    shown += [bench.body, bench.timeline, bench.static_html()]
    bench.do("travel", id=len(engine.history))
    bench.do("run", id=engine.runs[-1].id)
    shown += [bench.last, bench.timeline, bench.static_html()]
    bench.do("chart", table='["db", "<i>m</i>"]', field="")
    shown += [bench.chart, bench.last]
    for html in shown:
        assert "\x1b" not in html, html[html.index("\x1b") - 300 :][:500]
        assert not re.search(r"<(script|img|i|b>t)\b", html)
        assert "\x1b" not in html
        assert "\u202e" not in html
    assert all("\u202e" not in label for options in bench.choices.values() for label, _ in options)


def test_a_wrong_value_is_only_shown(bench: Workbench) -> None:
    write(bench)
    bench.do("page", id=["tables", "x"])
    assert "✘ ValueError" in bench.status
    assert bench.pane == "triggers"
    bench.do("page", id=["tables", 1])
    assert "rows 1 to 1 of 1" in bench.body


def test_runs_with_an_empty_batch_are_counted_rather_than_shown(engine: Engine, bench: Workbench) -> None:
    engine.load("other f=1 1767225600", "db")
    engine.create_trigger("other", db="db", path="p.py", spec="table:other")
    write(bench)
    bench.do("pane", pane="runs")
    assert "<b><bdi>w</bdi></b>" in bench.body
    assert "✔ other: 1 call with an empty batch" in bench.body


# -- staying readable ------------------------------------------------------------------------------------------------


def test_a_saved_notebook_keeps_its_last_state_as_html(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Handle:
        html = ""

        def update(self, bundle: dict[str, str], raw: bool) -> None:
            assert raw
            self.html = bundle["text/html"]

    shown: list[dict[str, str]] = []
    handle = Handle()

    def show(bundle: dict[str, str], **options: Any) -> Handle | None:
        shown.append(bundle)
        return handle if options.get("display_id") else None

    monkeypatch.setattr("IPython.display.display", show)
    bench._ipython_display_()
    assert "application/vnd.jupyter.widget-view+json" in shown[0]
    assert "the workbench as it was" in shown[1]["text/html"]
    write(bench)
    assert "seen 1" in handle.html
    assert "<button" not in handle.html
    assert "Disable" not in handle.html, "what can only be pressed is left out"
    assert "▲" in handle.html


def test_the_magic_gives_the_lines_the_name_of_its_variable(shell: Any) -> None:
    shell.user_ns["mine"] = Engine(start="2026-01-01")
    shell.run_line_magic("pe", "use mine")
    bench = shell.run_line_magic("pe", "workbench")
    bench.do("advance", duration="1m")
    assert bench.code == "mine.advance('1m')"
    bench.close()
    shell.user_ns.pop("mine").close()
