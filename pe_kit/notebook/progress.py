"""Progress of long advances: nothing for half a second, then one line that is replaced and ends as a duration."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from pe_kit.clock import as_text
from pe_kit.notebook.visible import count, lasting

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Progress"]

_PATIENCE = 0.5
_EVERY = 0.25


class Progress:
    """The callback that an Engine calls during a long advance; see ``Engine.progress``.

    In a notebook it shows a bar; in a terminal, a line on stderr. The last thing shown says how long the advance took,
    interrupted or not.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._in_notebook = getattr(shell, "kernel", None) is not None
        self._handle: Any = None
        self._advance: tuple[int, int] | None = None
        self._began = self._shown = 0.0
        shell.events.register("post_run_cell", self.finish)

    def __call__(self, start: int, now: int, target: int, runs: int) -> None:
        """Show how far an advance from ``start`` to ``target`` (virtual ns) has come after so many runs."""
        moment = time.perf_counter()
        if self._advance != (start, target):
            self.finish()
            self._advance, self._began = (start, target), moment
        if moment - self._began >= _PATIENCE and moment - self._shown >= _EVERY:
            self._shown = moment
            share = (now - start) / max(target - start, 1)
            self._show(f"{share:4.0%} · {as_text(now // 10**9 * 10**9)} · {count(runs, 'run')}", share)

    def finish(self, _result: object = None) -> None:
        """Replace the bar by one line that says how long it took."""
        if self._handle is not None and self._advance is not None:
            self._show(f"advanced for {lasting(time.perf_counter() - self._began)}", None)
        self._handle = self._advance = None

    def _show(self, text: str, share: float | None) -> None:
        if not self._in_notebook:
            self._handle = sys.stderr
            sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if share is None else ""))
            sys.stderr.flush()
            return
        from IPython.display import display

        bar = "" if share is None else f'<progress max="1" value="{share:.3f}" aria-label="advance"></progress> '
        bundle = {"text/html": f"<div>{bar}{text}</div>", "text/plain": text}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
