"""Progress of long advances: quiet at first, one line at the end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pe_kit.notebook.progress import Progress

SECOND = 1_000_000_000


class Shell:
    """What Progress needs of a shell."""

    def __init__(self, kernel: object = None) -> None:
        self.kernel = kernel
        self.hooks: list[Any] = []
        self.events = SimpleNamespace(register=lambda name, hook: self.hooks.append((name, hook)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that the test moves."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("pe_kit.notebook.progress.time.perf_counter", lambda: clock.now)
    return clock


def test_a_short_advance_shows_nothing(clock: SimpleNamespace, capsys: Any) -> None:
    progress = Progress(Shell())
    progress(0, SECOND, 100 * SECOND, 1)
    clock.now = 0.4
    progress(0, 2 * SECOND, 100 * SECOND, 2)
    progress.finish()
    assert capsys.readouterr() == ("", "")


def test_in_a_terminal_one_line_is_written_over_itself_on_stderr(clock: SimpleNamespace, capsys: Any) -> None:
    shell = Shell()
    progress = Progress(shell)
    for step in range(1, 6):
        clock.now = step * 0.3
        progress(0, step * 10 * SECOND, 100 * SECOND, step)
    ((name, hook),) = shell.hooks
    assert name == "post_run_cell"
    hook(None)
    out, err = capsys.readouterr()
    assert out == ""
    assert " 50% · 1970-01-01T00:00:50Z · 5 runs" in err
    assert err.count("\n") == 1
    assert err.endswith("advanced for 1.20 s\n")


def test_in_a_notebook_one_display_is_updated_and_its_last_state_is_plain(clock: SimpleNamespace, shell: Any) -> None:
    from IPython.utils.capture import capture_output

    progress = Progress(Shell(kernel=object()))
    with capture_output() as captured:
        for step in range(1, 6):
            clock.now = step * 0.3
            progress(0, step * 10 * SECOND, 100 * SECOND, step)
        progress.finish()
        progress.finish()
    shown = [output.data for output in captured.outputs]
    assert '<progress max="1" value="0.300"' in shown[0]["text/html"]
    assert shown[-1]["text/plain"] == "advanced for 1.20 s"
    assert "<progress" not in shown[-1]["text/html"]


def test_the_next_advance_starts_anew(clock: SimpleNamespace, capsys: Any) -> None:
    progress = Progress(Shell())
    progress(0, 0, 100 * SECOND, 0)
    clock.now = 1.0
    progress(0, 50 * SECOND, 100 * SECOND, 5)
    progress(100 * SECOND, 101 * SECOND, 200 * SECOND, 1)
    assert capsys.readouterr().err.endswith("advanced for 1.00 s\n")


def test_an_engine_of_the_notebook_has_it(shell: Any) -> None:
    assert isinstance(shell.user_ns["engine"].progress, Progress)
