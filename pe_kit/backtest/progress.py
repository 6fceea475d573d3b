"""Progress of backtests and sweeps: one line with rate and time, replaced as it goes, on stderr or in the notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pe_kit.clock import as_text

__all__ = ["shown"]

_PATIENCE, _EVERY = 0.5, 0.25


@contextmanager
def shown(progress: Any) -> Iterator[Callable[[int, int, float], None] | None]:
    """Give the callback that shows progress: the caller's own, ours for True, none for False.

    Ours says nothing for half a second, and nothing at all where stderr is no terminal and there is no notebook.
    """
    if callable(progress):
        yield progress
        return
    if not progress:
        yield None
        return
    line = _Line()
    try:
        yield line.show
    finally:
        line.end()


class _Line:
    """One line that is replaced, and in the end says how it ended."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._in_notebook = "ipykernel" in sys.modules and "IPython" in sys.modules
        self._written = False
        self._next = _PATIENCE
        self._last: tuple[int, int, float] | None = None

    def show(self, rows: int, now_ns: int, seconds: float) -> None:
        self._last = rows, now_ns, seconds
        if seconds >= self._next:
            self._next = seconds + _EVERY
            self._put(*self._last)

    def _put(self, rows: int, now_ns: int, seconds: float) -> None:
        text = f"{rows:,} rows · {as_text(now_ns // 10**9 * 10**9)} · {rows / seconds:,.0f} rows/s · {seconds:.0f} s"
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
        if self._last is not None and (self._written or self._handle is not None):
            self._put(*self._last)
        if self._written:
            sys.stderr.write("\n")
