"""The timeline: what was asked and what ran as marks that can be clicked; a lane and a shape say the kind."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from pe_kit.clock import as_text
from pe_kit.engine.outcome import Run
from pe_kit.engine.records import Event
from pe_kit.notebook.html import page
from pe_kit.notebook.visible import count, visible
from pe_kit.notebook.workbench.looks import button

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["timeline_html"]

_EVENTS, _MARKS, _RUNS, _SEEN = 40, 64, 6, 20_000
_SHAPES = {"write": "▲", "load": "△", "flush": "▼", "request": "●", "call": "◆", "advance_to": "▶", "step": "▷"}
_LANES = ("asked", "flushes", "schedules", "requests", "cascades")


class _Mark(NamedTuple):
    lane: int
    shape: str
    says: str
    do: str
    id: int


def timeline_html(engine: Engine, selected: int) -> str:
    """Draw the newest events and runs. The mark of the event ``selected`` is the current one."""
    marks = _marks(engine)
    if not marks:
        return page("no events yet")
    lanes = []
    for lane, name in enumerate(_LANES):
        here = [(x, m) for x, m in enumerate(marks) if m.lane == lane]
        if here:
            drawn = "".join(_drawn(x, mark, selected) for x, mark in here)
            lanes.append(f'<span class="pe-lane">{name}</span><div class="pe-marks">{drawn}</div>')
    legend = "in their order · ▲ write △ load ▼ flush ● request ◆ call ▶ advance ■ other · ✘ with errors"
    grid = f'<div class="pe-timeline" role="group" aria-label="timeline" data-roving>{"".join(lanes)}</div>'
    return page(f'{grid}<div class="pe-dim">{legend}</div>')


def _drawn(x: int, mark: _Mark, selected: int) -> str:
    current = ' aria-current="true"' if mark.do == "travel" and mark.id == selected else ""
    return button(mark.do, mark.id, mark.shape, mark.says, more=f'style="grid-column: {x + 1}"{current}')


def _marks(engine: Engine) -> list[_Mark]:
    events = engine._history._events[-_EVENTS:]
    of: dict[int, list[Run]] = {e.id: [] for e in events}
    for run in islice(reversed(engine._runtime.runs), _SEEN):
        if run.event.id not in of:
            break
        of[run.event.id].append(run)
    found = [mark for event in events for mark in _of_event(event, of[event.id][::-1])]
    return found[-_MARKS:]


def _of_event(event: Event, runs: list[Run]) -> Iterator[_Mark]:
    bad = any(not run.ok for run in runs)
    says = f"event {event.id}: {event.kind.replace('_', ' ')} at {as_text(event.time_ns)}"
    yield _Mark(
        0, "✘" if bad else _SHAPES.get(event.kind, "■"), says + (", with errors" if bad else ""), "travel", event.id
    )
    steps: dict[tuple[int, int], list[Run]] = {}
    for run in runs:  # one flush gives its batch to many triggers: one mark
        lane = 4 if run.depth else {"wal": 1, "schedule": 2}.get(run.kind, 3)
        steps.setdefault((lane, run.started_ns if lane in (1, 4) else run.id), []).append(run)
    for (lane, _), group in islice(steps.items(), _RUNS):
        failed = next((r for r in group if not r.ok), None)
        shape = "✘" if failed else "▼◷●↳"[lane - 1]
        names = ", ".join(dict.fromkeys(visible(r.trigger, 40) for r in group[:6]))
        what = ("flush", "schedule", "request", "cascade")[lane - 1]
        says = f"{what} at {as_text(group[0].started_ns)}: {count(len(group), 'run')} of {names}"
        yield _Mark(lane, shape, says + (", failed" if failed else ""), "run", (failed or group[0]).id)
    if len(steps) > _RUNS:
        yield _Mark(
            0, "…", f"{len(steps) - _RUNS:,} more flushes, calls and cascades of event {event.id}", "event", event.id
        )
