"""A plugin's own frames, with the line that failed marked."""

from __future__ import annotations

from typing import NamedTuple

from pe_kit.engine.invoke import error_text
from pe_kit.engine.outcome import Run

__all__ = ["Frames", "frames"]

_LONG = 8000
"""Characters of frames, and of the message, that are worth a look."""


class Frames(NamedTuple):
    """Lines of text; ``marked`` holds the indexes of those that show the source line that failed."""

    lines: list[str]
    marked: list[int]


def frames(run: Run) -> Frames:
    """Give the frames of a run that raised, and below them ``Type: message``."""
    lines = run.traceback[-_LONG:].split("\n") if run.traceback else []
    last = max((i for i, line in enumerate(lines) if not line.startswith(" ")), default=len(lines))
    marked = list(range(last + 1, len(lines)))
    for first in marked[:1]:
        lines[first] = f"  ▶ {lines[first].removeprefix('    ')}"
    if run.error is not None:
        lines = lines + error_text(run.error)[:_LONG].split("\n")
    return Frames(lines, marked)
