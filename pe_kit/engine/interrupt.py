"""Ctrl-C that leaves the engine whole: it ends a plugin at once, and the engine's own work between two moments."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pe_kit.engine.outcome import Outcome
    from pe_kit.engine.runtime import Runtime

__all__ = ["AdvanceInterrupted", "deferred_interrupt"]


class AdvanceInterrupted(KeyboardInterrupt):
    """Ctrl-C during a call on the engine. ``outcome`` is what happened until then; the engine can be used further."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.notes[-1] if outcome.notes else "interrupted")
        self.outcome = outcome


@contextmanager
def deferred_interrupt(runtime: Runtime) -> Iterator[None]:
    """While inside, SIGINT raises only in plugin code or where the loop looks for it (``runtime.interrupted``)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield  # someone else decides what Ctrl-C means
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if runtime.in_plugin or runtime.interrupted:
            raise KeyboardInterrupt
        runtime.interrupted = True

    signal.signal(signal.SIGINT, handle)
    try:
        yield
        if runtime.interrupted:
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)
        runtime.interrupted = False
