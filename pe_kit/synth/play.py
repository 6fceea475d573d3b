"""Playing a series: it is written to an engine as time passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pe_kit.clock import as_text
from pe_kit.duration import as_duration_ns
from pe_kit.engine.collect import Collector
from pe_kit.engine.interrupt import AdvanceInterrupted
from pe_kit.engine.outcome import Outcome
from pe_kit.engine.runtime import KEPT_RUNS
from pe_kit.errors import PartialWriteError, UsageError
from pe_kit.synth.series import Series
from pe_kit.synth.signals import Duration

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["play"]


def play(
    engine: Engine, series: Series | Sequence[Series], db: str, every: Duration = "1s", *, progress: bool = True
) -> Outcome:
    """Let time pass and write each point when it arrives: what arrived within ``every`` goes into one write.

    Flushes and schedules on the way fire as in ``engine.advance``; after the last point the WAL is flushed. Lines that
    the database refuses (``type_flips``) are left out and counted in ``.notes``.

    Args:
        engine: an engine with a virtual clock.
        series: the points of one table, or a list of series.
        db: the database. progress: show a bar in terminals and notebooks.

    Returns:
        One Outcome of everything that happened; its event is the first one.

    Raises:
        UsageError: there is no point, or the first one arrives before the engine's time.
        AdvanceInterrupted: Ctrl-C; its ``.outcome`` says what happened until then.
    """
    parts = [series] if isinstance(series, Series) else list(series)
    step = as_duration_ns(every)
    if step <= 0 or not any(len(part) for part in parts):
        raise UsageError("nothing to play: no point, or no time between two writes", mend="For example every='1s'.")
    start = engine.now_ns
    first = min(int(part.arrivals[0]) for part in parts if len(part))
    if first < start:
        raise UsageError(
            f"the first point arrives at {as_text(first)}, it is {as_text(start)} already",
            mend="Play series.moved_to(engine.now), or make the engine with an earlier start.",
        )
    slots = [-((start - part.arrivals) // step) for part in parts]  # how many steps from now, rounded up
    outcome = None
    before = start - 1
    try:
        for slot in _shown(np.unique(np.concatenate(slots)).tolist(), progress):
            until = start + slot * step
            if until > engine.now_ns:
                outcome = _add(outcome, engine.advance_to(until))
            for part in parts:
                if len(arrived := part.between(before, until)):
                    outcome = _add(outcome, _write(engine, arrived, db))
            before = until
        return _add(outcome, engine.flush()).outcome(engine.now_ns)
    except AdvanceInterrupted as stop:
        raise AdvanceInterrupted(_add(outcome, stop.outcome).outcome(engine.now_ns)) from None


def _write(engine: Engine, arrived: Series, db: str) -> Outcome:
    options: dict[str, Any] = {"no_sync": True, "accept_partial": True, "precision": "ns"}
    try:
        if arrived.flipped:
            return engine.write(arrived.lp(), db, **options)
        return engine.write(arrived.arrow(), db, table=arrived.table, tags=arrived.tags, **options)
    except PartialWriteError as refused:
        part: Outcome = refused.outcome
        count, first = len(refused.errors), refused.errors[0]
        note = f"{count} of {len(arrived)} lines were refused: {first.error_message}"
        return replace(part, notes=(*part.notes, note))


def _add(so_far: Collector | None, outcome: Outcome) -> Collector:
    gathered = so_far or Collector(outcome.event, KEPT_RUNS)
    for run in outcome.runs:
        gathered.add(run)
    for stop in outcome.stops:
        gathered.stop(stop)
    for note in outcome.notes:
        gathered.note(note)
    gathered.flushes += outcome.flushes
    gathered.count += outcome.dropped_runs
    return gathered


def _shown(slots: list[int], progress: bool) -> Any:
    """The slots, with a progress bar where someone can see one."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    seen = progress and len(slots) > 1 and (console.is_terminal or console.is_jupyter)
    return track(slots, "playing", console=console, transient=True, disable=not seen)
