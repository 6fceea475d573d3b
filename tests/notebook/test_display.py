"""What a notebook shows: everything that matters, nothing that acts, never too much."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pe_kit.engine.outcome import Outcome, Run, Runs
from pe_kit.engine.records import CacheChange, Event, LogRow, QueryRecord, Rejected, Response, Written
from pe_kit.errors import CascadeLimitError, LineProtocolError, PartialWriteError, PeKitError, QueryError
from pe_kit.notebook.display import error_html, outcome_html, response_html, run_html, runs_html

MakeRun = Callable[..., Run]
MakeOutcome = Callable[..., Outcome]

LIMIT = 200_000
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\x1b[31m\u202e\u2066\0"
ALLOWED = {
    *("div", "style", "ul", "li", "details", "summary", "span", "b", "bdi", "pre", "mark"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
}


class _Page(HTMLParser):
    """Collects tags, attributes and text; a tag that is not closed in order is an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.stack.append(tag)
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] != "style":
            self.text += data


def check(html: str) -> str:
    """Give the text of a display after making sure that it is well-formed, tame and small enough."""
    page = _Page(html)
    assert page.tags <= ALLOWED
    assert page.attributes <= {"class", "open", "role", "aria-label", "aria-hidden", "scope", "tabindex"}
    assert len(html.encode()) < LIMIT
    return page.text


def test_one_glance_tells_what_went_well(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    run = make_run(
        1,
        logs=[("INFO", "3 rows"), ("WARN", "too hot")],
        lines=["hot,city=Oslo value=41.5,n=2i 1767225600000000000"],
        cache_records=(CacheChange(1, "trigger", "state", None, {"Oslo": "hot"}),),
        query_records=(QueryRecord("weather", "\nSELECT 1\nFROM temps\n", None, 1, 0.001, None),),
    )
    text = check(outcome_html(make_outcome(run)))
    for part in (
        "✔ ok",
        "write to weather",
        "alerts",
        "temps (3 rows)",
        "420 µs",
        "⚠ WARN",
        "too hot",
        "hot in weather",
    ):
        assert part in text
    for part in ("Oslo", "41.5", "2026-01-01T00:00:00Z", "state", "{'Oslo': 'hot'}", "SELECT 1\nFROM temps"):
        assert part in text


def test_an_error_shows_the_plugins_frames_with_the_line_marked(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    frames = "bad.py, line 12, in process_writes\n    check(rows)\nbad.py, line 4, in check\n    return 1 / 0"
    run = make_run(1, "bad", error=ZeroDivisionError("division by zero"), traceback=frames)
    html = outcome_html(make_outcome(run))
    text = check(html)
    assert "✘ failed" in text
    assert "<mark>  ▶ return 1 / 0</mark>" in html
    assert "ZeroDivisionError: division by zero" in text
    assert "<details open>" in html


def test_stops_notes_refused_lines_and_dropped_runs_are_shown(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    stop = CascadeLimitError("plugins fired each other: a -> b -> a", mend="Skip the output table.")
    run = make_run(1, rejected=(Rejected("weather", "Cannot write: bad"),), notes=("never awaited",), printed="hello")
    text = check(outcome_html(make_outcome(run, stops=(stop,), notes=("interrupted at noon",), dropped_runs=1234)))
    for part in ("■ stopped", "a -> b -> a", "Skip the output table.", "interrupted at noon", "1,234 runs"):
        assert part in text
    for part in ("Cannot write: bad", "all its lines are lost", "never awaited", "hello"):
        assert part in text


def test_the_cascade_is_a_tree(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    top = make_run(1, "top")
    html = outcome_html(make_outcome(top, make_run(2, "below", caused_by=top, depth=1)))
    assert re.search(r"<li>.*top.*<ul class=\"pe-tree\"><li>.*below", html)
    check(html)


def test_empty_batches_are_folded(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    text = check(outcome_html(make_outcome(*[make_run(n, tables=()) for n in range(59)])))
    assert "alerts: 59 calls with an empty batch" in text


def test_responses_show_status_headers_and_readable_json(make_outcome: MakeOutcome) -> None:
    good = Response(200, {"Content-Type": "application/json"}, b'{"a":[1,"<b>"]}')
    assert '"a": [\n    1,\n    "<b>"' in check(response_html(good))
    assert "✔ response 200" in check(response_html(good))
    assert "✘ response 500" in check(outcome_html(make_outcome(response=Response(500, {}, b"\xff\x00 no json"))))
    assert "not json {" in check(response_html(Response(200, {"content-type": "application/json"}, b"not json {")))
    deep = b"[" * 100_000 + b"]" * 100_000
    assert "[[[" in check(response_html(Response(200, {"content-type": "application/json"}, deep)))


def test_a_bad_line_has_a_caret(make_outcome: MakeOutcome) -> None:
    line = "temps,city=Oslo v=abc"
    error = LineProtocolError(
        "invalid field value", line_number=1, original_line=line, line=line, text_line=3, column=19, mend="Quote it."
    )
    assert "line 3, column 19: invalid field value\n  temps,city=Oslo v=abc\n                    ^" in check(
        error_html(error)
    )
    assert "Quote it." in check(error_html(error))
    assert "6 more refused lines" in check(error_html(PartialWriteError([error] * 11)))


def test_other_errors_show_message_and_mend() -> None:
    text = check(error_html(QueryError("table not found", stage="planning", mend="Did you mean 'temps'?")))
    assert "✘ QueryError table not found" in text
    assert "Did you mean 'temps'?" in text


def hostile_run(make_run: MakeRun, number: int, text: str, **given: Any) -> Run:
    field = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return make_run(
        number,
        text,
        logs=[(text, text), ("ERROR", text)],
        lines=[f'hot value="{field}"'],
        error=ValueError(text),
        traceback=f"{text}, line 1, in x\n    {text}",
        cache_records=(CacheChange(1, text, text, text, {text: [text, float("nan")]}),),
        query_records=(QueryRecord(text, text, {text: text}, 1, 0.1, text),),
        rejected=(Rejected(text, text),),
        response=Response(200, {text: text}, text.encode("utf-8", "replace")),
        tables=((text, 1),),
        notes=(text,),
        printed=text,
        faults=(text,),
        **given,
    )


def test_nothing_from_data_acts_on_the_page(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    run = hostile_run(make_run, 1, HOSTILE)
    event = Event(1, HOSTILE, 0, HOSTILE, {"trigger": HOSTILE})
    outcome = make_outcome(
        run, event=event, notes=(HOSTILE,), stops=(PeKitError(HOSTILE, mend=HOSTILE),), response=run.response
    )
    for html in (
        outcome_html(outcome),
        run_html(run),
        runs_html(Runs([run])),
        error_html(PeKitError(HOSTILE, mend=HOSTILE)),
    ):
        text = check(html)
        assert "<script>alert(1)</script>" in text
        assert not set("\x1b\u202e\u2066\0") & set(text)


@pytest.mark.slow
@pytest.mark.parametrize("char", ["&", "\u202e", "\x1b", "😀", "\ud800", "\n", '"'])
def test_a_display_stays_under_200_kb_whatever_the_data(
    make_run: MakeRun, make_outcome: MakeOutcome, char: str
) -> None:
    runs = [hostile_run(make_run, n, char * (100_000 + n)) for n in range(60)]
    outcome = make_outcome(*runs, notes=tuple(char * n for n in range(50_000, 50_100)), response=runs[0].response)
    text = check(outcome_html(outcome))
    assert "not shown" in text
    check(run_html(runs[0]))
    check(runs_html(Runs(runs)))
    check(
        error_html(
            PartialWriteError(
                [LineProtocolError(char * 9000, line_number=1, original_line=char, line=char * 9000, column=5000)] * 50
            )
        )
    )


def test_a_cell_of_1_mib_is_cut_with_a_note(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    text = check(outcome_html(make_outcome(make_run(1, lines=[f'big v="{"x" * 2**20}"']))))
    assert "… (+1,048,456 characters)" in text


def test_rows_and_columns_that_are_not_shown_are_counted(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    fields = ",".join(f"f{i}={i}" for i in range(50))
    lines = [f"wide {fields} {n}" for n in range(1000)]
    logs = [("INFO", f"row {n}") for n in range(1000)]
    text = check(outcome_html(make_outcome(make_run(1, lines=lines, logs=logs))))
    assert "900 more lines not shown: outcome.writes" in text
    assert "900 more rows not shown: outcome.logs" in text
    assert "31 more columns not shown" in text


def test_nan_and_far_times_are_shown(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    run = make_run(
        1,
        lines=["t v=1 -9223372036854775806", "t v=2 9223372036854775806"],
        cache_records=(CacheChange(1, "global", "k", float("nan"), None),),
    )
    text = check(outcome_html(make_outcome(run)))
    assert "1677-09-21T00:12:43" in text
    assert "2262-04-11T23:47:16" in text
    assert "nan" in text


cell = st.text(max_size=300) | st.sampled_from([HOSTILE, "x" * 5000, "&" * 3000])


@pytest.mark.slow
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(texts=st.lists(cell, min_size=1, max_size=6), copies=st.integers(1, 200), failed=st.booleans())
def test_any_outcome_is_well_formed_tame_and_small(event: Event, texts: list[str], copies: int, failed: bool) -> None:
    runs: list[Run] = []
    for number in range(copies):
        text = texts[number % len(texts)]
        runs.append(
            Run(
                id=number,
                trigger=text,
                database=text,
                kind="wal",
                plugin=text,
                event=event,
                started_ns=0,
                ended_ns=0,
                duration=0.1,
                error=ValueError(text) if failed else None,
                traceback=text,
                log_rows=(LogRow(0, text, text, "ERROR", text),) * 3,
                cache_records=(CacheChange(number, text, text, text, [text] * 20),),
                written=(Written("db", "t v=1", 0, False),),
                caused_by=runs[-1] if runs and number % 3 else None,
                depth=runs[-1].depth + 1 if runs and number % 3 else 0,
                tables=((text, 1),),
            )
        )
    check(outcome_html(Outcome(event=event, runs=Runs(runs))))
