"""Progress of long advances: quiet at first, one line at the end."""

from __future__ import annotations

import io
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pe_kit.notebook.progress import Progress

SECOND = 1_000_000_000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Stand a terminal in for stderr; not in a fixture, since pytest takes stderr back before the test."""
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that the test moves."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("pe_kit.notebook.progress.time.perf_counter", lambda: clock.now)
    return clock


@pytest.fixture
def hooks() -> list[Any]:
    return []


@pytest.fixture
def progress(clock: SimpleNamespace, hooks: list[Any]) -> Progress:
    return Progress(SimpleNamespace(events=SimpleNamespace(register=lambda *hook: hooks.append(hook))))


def test_a_short_advance_shows_nothing(
    progress: Progress, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = terminal(monkeypatch)
    progress(0, SECOND, 100 * SECOND, 1)
    clock.now = 0.4
    progress(0, 2 * SECOND, 100 * SECOND, 2)
    progress.finish()
    assert screen.getvalue() == ""


def test_in_a_terminal_one_line_is_written_over_itself_on_stderr(
    progress: Progress, clock: SimpleNamespace, hooks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = terminal(monkeypatch)
    for step in range(1, 6):
        clock.now = step * 0.3
        progress(0, step * 10 * SECOND, 100 * SECOND, step)
    ((name, hook),) = hooks
    assert name == "post_run_cell"
    hook(None)
    shown = screen.getvalue()
    assert " 50% · 1970-01-01T00:00:50Z · 5 runs" in shown
    assert shown.count("\n") == 1
    assert shown.endswith("advanced for 1.20 s\n")


def test_in_a_notebook_one_display_is_updated(
    progress: Progress, clock: SimpleNamespace, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from IPython.utils.capture import capture_output

    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    with capture_output() as captured:
        for step in range(1, 6):
            clock.now = step * 0.3
            progress(0, step * 10 * SECOND, 100 * SECOND, step)
        progress.finish()
        progress.finish()
    shown = [output.data["text/plain"] for output in captured.outputs]
    assert shown[0].startswith(" 30% · 1970-01-01T00:00:30Z · 3 runs")
    assert shown[-1] == "advanced for 1.20 s"


def test_the_next_advance_starts_anew(
    progress: Progress, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = terminal(monkeypatch)
    progress(0, 0, 100 * SECOND, 0)
    clock.now = 1.0
    progress(0, 50 * SECOND, 100 * SECOND, 5)
    progress(100 * SECOND, 101 * SECOND, 200 * SECOND, 1)
    assert screen.getvalue().endswith("advanced for 1.00 s\n")


def test_an_engine_of_the_notebook_has_it(shell: Any) -> None:
    assert isinstance(shell.user_ns["engine"].progress, Progress)
