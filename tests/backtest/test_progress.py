"""What long work shows while it runs, and what stays when it is over."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from pe_kit.backtest import sweep
from pe_kit.backtest.progress import progress_line, remaining


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Stand a terminal in for stderr; not in a fixture, since pytest takes stderr back before the test."""
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    return made


def test_the_line_that_stays_says_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress_line() as line:
        for quarter in range(1, 5):
            line.show(quarter / 4, f"{quarter} quarters")
        line.show(1.1, lambda: "1.1 s")  # too soon after the one before to be shown by itself
    assert screen.getvalue().split("\r\x1b[K") == ["", "2 quarters", "3 quarters", "4 quarters", "1.1 s\n"]


def test_a_short_one_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress_line() as line:
        line.show(0.1, "begun")
    assert screen.getvalue() == ""


def test_the_time_left_follows_from_the_share_that_is_done() -> None:
    """A quarter took 10 s: the rest takes 30 s."""
    assert remaining(0.25, 10) == " · 30 s left"
    assert remaining(0.1, 15) == " · 2 min 15 s left"
    assert remaining(0, 10) == remaining(1, 10) == ""


def test_a_sweep_says_how_many_settings_are_done_and_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setattr("pe_kit.backtest.progress._PATIENCE", 0)
    with ThreadPoolExecutor(1) as pool:
        sweep(lambda x: 1 / x, {"x": [1, 0]}, pool)
    assert "2 of 2 settings, 1 failed · " in screen.getvalue()
