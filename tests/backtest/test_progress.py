"""What a long backtest shows while it runs, and what stays when it is over."""

from __future__ import annotations

import io
import sys

import pytest

from pe_kit.backtest.progress import shown

DAY = 86_400_000_000_000


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
    with shown(True) as callback:
        assert callback is not None
        for second in range(1, 5):
            callback(100 * second, second * DAY, second / 4)
        callback(440, 5 * DAY, 1.1)  # too soon after the one before to be shown by itself
    assert screen.getvalue().rsplit("\x1b[K", 1)[1] == "440 rows · 1970-01-06T00:00:00Z · 400 rows/s · 1 s\n"


def test_a_short_one_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with shown(True) as callback:
        assert callback is not None
        callback(100, DAY, 0.1)
    assert screen.getvalue() == ""
