"""Ctrl-C that leaves the engine whole: it ends a plugin at once, and the engine's own work between two moments."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from pe_kit.engine.guard import interrupt_plugin

if TYPE_CHECKING:
    from pe_kit.engine.outcome import Outcome
    from pe_kit.engine.runtime import Runtime

__all__ = ["AdvanceInterrupted", "deferred_interrupt"]

IMPATIENT = 3  # who presses Ctrl-C that often wants to get out at any price


class AdvanceInterrupted(KeyboardInterrupt):
    """Ctrl-C during a call on the engine. ``outcome`` is what happened until then; the engine can be used further."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.notes[-1] if outcome.notes else "interrupted")
        self.outcome = outcome


@contextmanager
def deferred_interrupt(runtime: Runtime) -> Iterator[None]:
    """While inside, SIGINT ends the plugin or waits until the loop looks for it (``runtime.interrupted``)."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    runtime.sees_interrupts = not main or before is signal.default_int_handler
    if not main or not runtime.sees_interrupts:
        yield  # it does not come here, or someone else decides what it means
        return

    pressed = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        runtime.interrupted, pressed = True, pressed + 1
        if not interrupt_plugin() and pressed >= IMPATIENT:
            raise KeyboardInterrupt  # wherever the engine is

    signal.signal(signal.SIGINT, handle)
    try:
        yield
        if runtime.interrupted:
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)
        runtime.interrupted = False
