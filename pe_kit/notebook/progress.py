"""Progress of long advances: the line that backtests have, too, which in the end says how long it took."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pe_kit.backtest.progress import ProgressLine, remaining
from pe_kit.clock import as_text
from pe_kit.notebook.visible import count, lasting

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Progress"]


class Progress:
    """The callback that an Engine calls during a long advance; see ``Engine.progress``."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._line: ProgressLine | None = None
        self._advance = (0, 0)
        self._began = 0.0
        shell.events.register("post_run_cell", self.finish)

    def __call__(self, start: int, now: int, target: int, runs: int) -> None:
        """Show how far an advance from ``start`` to ``target`` (virtual ns) has come after so many runs."""
        if self._line is None or self._advance != (start, target):
            self.finish()
            self._line, self._advance, self._began = ProgressLine(), (start, target), time.perf_counter()
        took, share = time.perf_counter() - self._began, (now - start) / max(target - start, 1)
        moment = as_text(now // 10**9 * 10**9)
        self._line.show(took, lambda: f"{share:4.0%} · {moment} · {count(runs, 'run')}{remaining(share, took)}")

    def finish(self, _result: object = None) -> None:
        """Say how long it took, interrupted or not."""
        if self._line is not None:
            self._line.show(0, f"advanced for {lasting(time.perf_counter() - self._began)}")
            self._line.end()
            self._line = None
