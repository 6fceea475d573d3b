"""The workbench, clicked by its controls on a real engine; the browser tests click it with a mouse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pe_kit import Engine
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


def test_a_write_is_composed_checked_fired_and_shown_as_python(engine: Engine, bench: Workbench) -> None:
    bench.compose.lines.value = "m,host=a f=1 1767225600\nm f="
    assert "1 good" in bench.compose.state.value
    assert "1 bad" in bench.compose.state.value
    bench.compose.lines.value = "m,host=a f=1 1767225600"
    bench.compose.write.click()
    assert bench.code.value == "engine.write('m,host=a f=1 1767225600', 'db')"
    assert len(engine.query("SELECT * FROM m", "db")) == 1
    assert "seen 1" in bench.last.value


def test_what_it_shows_as_python_does_the_same(engine: Engine, bench: Workbench) -> None:
    bench.compose.lines.value = "m f=1 1767225600"
    bench.compose.write.click()
    eval(bench.code.value, {"engine": engine})
    assert engine.cache.value.tolist() == [2]


def test_schedules_and_requests_are_fired_too(engine: Engine, bench: Workbench) -> None:
    bench.compose.trigger.value = ("db", "s")
    bench.compose.at.value = "2020-01-01T00:00:00Z"
    bench.compose.call.click()
    assert "called 2020-01-01" in bench.last.value
    bench.compose.path.value, bench.compose.body.value = "ask", "hello"
    bench.compose.params.value = '{"x": "1"}'
    bench.compose.request.click()
    assert bench.code.value == "engine.request('ask', params={'x': '1'}, body='hello')"
    assert engine.runs[-1].response is not None
    assert engine.runs[-1].response.json() == {"q": {"x": "1"}, "b": "hello"}
    bench.compose.params.value = "{x"
    bench.compose.request.click()
    assert "params is no JSON" in bench.compose.state.value


def test_time_is_stepped_advanced_and_run_to(engine: Engine, bench: Workbench) -> None:
    bench.step.click()
    assert engine.now.hour == 1
    bench.duration.value = "2h"
    bench.advance.click()
    bench.until.value = "2026-01-01T05:00:00Z"
    bench.run_to.click()
    assert engine.now.hour == 5
    assert "2026-01-01T05:00:00Z" in bench.time.value
    bench.until.value = "yesterday"
    bench.run_to.click()
    assert "is not a time" in bench.last.value


def test_it_follows_what_other_cells_do_until_it_is_closed(engine: Engine, bench: Workbench) -> None:
    bench.tabs.selected_index = 2
    engine.write("m f=1", "db")
    assert "seen 1" in bench.logs.value
    bench.close()
    engine.write("m f=1", "db")
    assert "seen 2" not in bench.logs.value


def test_the_slider_shows_the_past_and_the_next_event_returns_to_now(engine: Engine, bench: Workbench) -> None:
    first = engine.write("m f=1 1767225600", "db").event.id
    engine.write("m f=2 1767225601", "db")
    bench.tabs.selected_index = 3
    assert ">2<" in bench.cache.value
    bench.moment.value = first
    assert ">1<" in bench.cache.value
    assert "as it was after event" in bench.which.value
    bench.tabs.selected_index = 4
    assert "rows 1 to 1 of 1" in bench.rows.value
    engine.write("m f=3 1767225602", "db")
    assert "rows 1 to 3 of 3" in bench.rows.value


def test_triggers_are_disabled_and_enabled(engine: Engine, bench: Workbench) -> None:
    bench.trigger.value = ("db", "w")
    bench.disable.click()
    assert "disabled" in bench.triggers.value
    assert len(engine.write("m f=1", "db").runs) == 0
    bench.enable.click()
    assert len(engine.write("m f=1", "db").runs) == 1


def test_the_cache_is_edited(engine: Engine, bench: Workbench) -> None:
    engine.write("m f=1", "db")
    bench.key.value = ("db", "w", "n")
    bench.value.value = "41"
    bench.put.click()
    engine.write("m f=1", "db")
    assert engine.cache.value.tolist() == [42]
    bench.key.value = ("db", "w", "n")
    bench.delete.click()
    assert len(engine.cache) == 0
    assert engine.at(engine.history[-2].id).cache.value.tolist() == [42], "edits belong to the past too"


def test_an_event_is_fired_again_with_a_change(engine: Engine, bench: Workbench) -> None:
    bench.compose.lines.value = "m f=1 1767225600"
    bench.compose.write.click()
    bench.compose.lines.value = ""
    bench.again.value = 0
    assert bench.compose.lines.value == "m f=1 1767225600"


def test_tables_are_paged_and_text_from_data_is_escaped(engine: Engine, bench: Workbench) -> None:
    engine.load("\n".join(f'big f={i},s="<script>{i}</script>" {1767225600 + i}' for i in range(120)), "db")
    bench.refresh()
    bench.tabs.selected_index = 4
    bench.table.value = ("db", "big")
    bench.page.value = 3
    assert "rows 101 to 120 of 120" in bench.rows.value
    assert "<script>" not in bench.rows.value
    bench.draw.click()
    assert "<svg" in bench.chart.value
    bench.tabs.selected_index = 5
    assert "<svg" in bench.graph.value


def test_a_saved_notebook_keeps_its_last_state_as_html(engine: Engine, bench: Workbench) -> None:
    bench.compose.lines.value = "m f=1 1767225600"
    bench.compose.write.click()
    html = bench._repr_mimebundle_()["text/html"]
    assert "the workbench as it was" in html
    assert "seen 1" in html
    assert "application/vnd.jupyter.widget-view+json" in bench._repr_mimebundle_()


def test_lines_are_checked_one_by_one() -> None:
    assert "column 5" in check_lines("m f=x")
    assert "type line protocol" in check_lines("")
