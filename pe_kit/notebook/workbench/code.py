"""The line of Python behind what a mouse did, and a whole session as cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pe_kit.engine.records import Event
from pe_kit.fixtures.export import as_call
from pe_kit.fixtures.steps import Step, plain

__all__ = ["call_text", "event_text", "session_text"]

_LONGEST = 200_000
"""Characters of a session that are worth copying by hand; a longer one is frozen."""


def call_text(variable: str, method: str, data: Mapping[str, Any]) -> str:
    """Write a call on the engine as a user would."""
    return as_call(Step(method, data), variable)


def event_text(event: Event, variable: str) -> str:
    """Write the call that was an event; a frame, which is no text, becomes a comment."""
    frame = event.data.get("data")
    if frame is not None and not isinstance(frame, str | list):
        rows = getattr(frame, "num_rows", "?")
        return f"# {variable}.{event.kind} of a frame of {rows} rows to {event.database}"
    return call_text(variable, event.kind, plain(event.kind, event.data))


def session_text(events: Iterable[Event], variable: str) -> str:
    """Write the calls of a session, one below the other."""
    lines: list[str] = []
    room = _LONGEST
    for event in events:
        line = event_text(event, variable)
        room -= len(line)
        if room < 0:
            lines.append(f'# … and what came then: {variable}.freeze("name", as_="script") writes all of it')
            break
        lines.append(line)
    return "\n".join(lines)
