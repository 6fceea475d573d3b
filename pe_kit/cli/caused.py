"""What the events of a session caused: one row for each event that fired something, like neighbours in one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pe_kit.clock import as_text
from pe_kit.duration import format_duration
from pe_kit.engine.outcome import Run, describe_error
from pe_kit.engine.records import Event

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["COLUMNS", "caused"]

COLUMNS: Mapping[str, str] = {
    "event": "right",
    "time": "left",
    "asked": "left",
    "fired": "left",
    "lines": "right",
    "logs": "right",
    "cache": "right",
    "result": "left",
}
"""The columns, with their alignment. ``event`` is the first one's id, ``time`` is virtual.

``lines``, ``logs`` and ``cache`` count what the runs wrote and changed.
"""


def caused(engine: Engine) -> list[dict[str, Any]]:
    """Give one row for each event that fired a plugin: the keys of :data:`COLUMNS`, and ``ok``.

    Events that follow each other and fired the same share a row. Runs without a batch are left out, as displays do.
    """
    runs = [run for run in engine.runs if not run.empty]
    events = [list(group) for _, group in groupby(runs, key=lambda run: run.event.id)]
    return [_row([*group]) for _, group in groupby(events, key=_likeness)]


def _likeness(runs: list[Run]) -> tuple[Any, ...]:
    return _asked(runs[0].event, 2), tuple(dict.fromkeys(run.trigger for run in runs)), all(run.ok for run in runs)


def _row(events: list[list[Run]]) -> dict[str, Any]:
    runs = [run for event in events for run in event]
    first = runs[0].event
    fired = Counter(("→ " if run.caused_by else "") + run.trigger for run in runs)
    return {
        "event": first.id,
        "time": as_text(first.time_ns).replace("T", " ").removesuffix("Z").removesuffix(":00"),
        "asked": _asked(first, len(events)),
        "fired": ", ".join(f"{name} ×{n}" if n > 1 else name for name, n in fired.items()),
        "lines": sum(len(lines) for run in runs for lines in run.lines.values()),
        "logs": sum(len(run.log_rows) for run in runs),
        "cache": sum(len(run.cache_records) for run in runs),
        "result": _result(runs),
        "ok": all(run.ok for run in runs),
    }


def _asked(event: Event, times: int) -> str:
    """Say what was asked; ``times`` events that are alike are named by what they share."""
    match event.kind:
        case "advance_to":
            text = "advance" if times > 1 else f"advance {format_duration(event.data['t'] - event.time_ns)}"
        case "write":
            text = f"write to {event.database}"
        case "call":
            text = f"call {event.data['trigger']}"
        case "request":
            text = f"{event.data['method']} {event.data['path']}"
        case kind:
            text = kind
    return f"{text} ×{times}" if times > 1 else text


def _result(runs: list[Run]) -> str:
    failed = [run for run in runs if not run.ok]
    if failed:
        reason = describe_error(failed[0].error) or failed[0].rejected[0].error
        return f"{len(failed)} of {len(runs)} failed: {reason}" if len(runs) > 1 else reason
    answers = dict.fromkeys(str(run.response.status) for run in runs if run.response is not None)
    return f"ok, {', '.join(answers)}" if answers else "ok"
