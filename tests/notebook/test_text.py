"""The plain-text twin: one line when that is enough."""

from __future__ import annotations

from collections.abc import Callable

from pe_kit.engine.outcome import Outcome, Run
from pe_kit.engine.records import CacheChange, Event, Rejected, Response
from pe_kit.errors import CascadeLimitError
from pe_kit.notebook.text import outcome_text

MakeRun = Callable[..., Run]
MakeOutcome = Callable[..., Outcome]


def test_a_simple_outcome_is_one_line(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    run = make_run(1, lines=["a v=1"], cache_records=(CacheChange(1, "trigger", "k", None, 1),), logs=[("WARN", "hot")])
    assert outcome_text(make_outcome(run)) == (
        "<Outcome ok: write to weather · alerts: temps (3 rows) · 420 µs · 1 line written · 1 cache change · 1 WARN logged"
        " · at 2026-01-01T00:00:00Z>"
    )
    assert outcome_text(make_outcome()) == "<Outcome ok: write to weather · no trigger ran · at 2026-01-01T00:00:00Z>"


def test_its_repr_is_that_text(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    outcome = make_outcome(make_run(1))
    assert repr(outcome) == outcome_text(outcome)


def test_each_kind_of_event_is_named(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    request = Event(2, "request", 0, None, {"path": "status", "method": "GET"})
    advance = Event(3, "advance_to", 0, None, {"t": 600_000_000_000})
    call = Event(4, "call", 0, "weather", {"trigger": "hourly"})
    assert "POST" not in outcome_text(make_outcome(event=request, response=Response(404, {}, b"no")))
    assert "GET /status · no trigger ran · response 404, 2 bytes" in outcome_text(
        make_outcome(event=request, response=Response(404, {}, b"no"))
    )
    assert "advance 10m" in outcome_text(make_outcome(event=advance, started_ns=0, ended_ns=600_000_000_000))
    assert "call hourly of weather" in outcome_text(make_outcome(event=call))


def test_a_failure_shows_the_tree_and_the_frames(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    top = make_run(1, "top")
    bad = make_run(2, "bad", caused_by=top, depth=1, error=KeyError("x"), traceback="bad.py, line 4, in f\n    d['x']")
    text = outcome_text(
        make_outcome(top, bad, stops=(CascadeLimitError("cycle", mend="Break it."),), notes=("by the way",))
    )
    assert text.splitlines()[1:] == [
        "  stopped: cycle",
        "  stopped: Break it.",
        "  note: by the way",
        "  ✔ top: temps (3 rows) · 420 µs",
        "    ✘ bad: temps (3 rows) · 420 µs · KeyError",
        "      bad.py, line 4, in f",
        "        ▶ d['x']",
        "      KeyError: 'x'",
    ]


def test_a_refused_write_back_fails_the_outcome(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    text = outcome_text(make_outcome(make_run(1, rejected=(Rejected("weather", "Cannot write: x"),))))
    assert text.startswith("<Outcome failed: ")
    assert "write-back to weather refused: Cannot write: x" in text


def test_it_stays_short_and_tame(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    runs = [make_run(n, f"\x1b[31m{n}", error=ValueError("x\n" * 100)) for n in range(2000)]
    text = outcome_text(make_outcome(*runs))
    assert "\x1b" not in text
    assert len(text.splitlines()) < 80
    assert "more lines: outcome.runs.frame" in text


def test_an_exception_whose_str_raises_is_shown(make_run: MakeRun, make_outcome: MakeOutcome) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert "Mute" in outcome_text(make_outcome(make_run(1, error=Mute())))
