"""How a function that has been called ended, seen from the frame that is left of it."""

from __future__ import annotations

import dis
import sys
from types import FrameType

__all__ = ["entry_frame", "returned"]

ENTRY_POINTS = ("process_writes", "process_scheduled_call", "process_request")


def entry_frame(skip: int = 1) -> FrameType:
    """Find the plugin's entry point among the callers: the outermost one, else whoever called into the kit.

    Args:
        skip: how many frames of the kit lie on top.
    """
    frame: FrameType | None = sys._getframe(skip)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("pe_kit."):
        frame = frame.f_back
    found = caller = frame
    while frame is not None:
        if frame.f_code.co_name in ENTRY_POINTS:
            found = frame
        frame = frame.f_back
    assert found is not None
    assert caller is not None
    return found


def returned(frame: FrameType) -> bool:
    """False when the function was left by an exception; one that still runs counts as returned.

    The last instruction of a frame that is over is a return, unless an exception ended it.
    """
    running: FrameType | None = sys._getframe()
    while running is not None:
        if running is frame:
            return True
        running = running.f_back
    return dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN")
