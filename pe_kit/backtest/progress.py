"""Progress of backtests and sweeps: one line that is replaced as it goes, on stderr or in the notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["ProgressLine", "progress_line", "remaining"]

_PATIENCE, _EVERY = 0.5, 0.25


@contextmanager
def progress_line() -> Iterator[ProgressLine]:
    """Give a line for the time of some work; it stays as it was last."""
    line = ProgressLine()
    try:
        yield line
    finally:
        line.end()


class ProgressLine:
    """Says nothing for half a second, and nothing at all where stderr is no terminal and there is no notebook."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._in_notebook = "ipykernel" in sys.modules and "IPython" in sys.modules
        self._written = False
        self._next = _PATIENCE
        self._text: str | Callable[[], str] = ""

    def show(self, seconds: float, text: str | Callable[[], str]) -> None:
        """Show a text after so many seconds of work, unless the one before is fresh: then it is not even made."""
        self._text = text
        if seconds >= self._next:
            self._next = seconds + _EVERY
            self._put()

    def _put(self) -> None:
        text = self._text() if callable(self._text) else self._text
        if self._in_notebook:
            from IPython.display import display

            bundle = {"text/plain": text}
            if self._handle is None:
                self._handle = display(bundle, raw=True, display_id=True)
            else:
                self._handle.update(bundle, raw=True)
        elif sys.stderr.isatty():
            self._written = True
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the last text standing, if any was shown."""
        if self._written or self._handle is not None:
            self._put()
        if self._written:
            sys.stderr.write("\n")


def remaining(share: float, seconds: float) -> str:
    """Say how long the rest takes when a share of the work has taken so long; empty when that cannot be said."""
    if not 0 < share < 1:
        return ""
    left = round(seconds / share - seconds)
    return f" · {left // 60} min {left % 60} s left" if left >= 60 else f" · {left} s left"
