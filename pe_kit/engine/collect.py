"""Gathers what one call of the user causes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pe_kit.engine.outcome import Outcome, Run, Runs
from pe_kit.engine.records import Event, Response

__all__ = ["Collector"]

KEPT_NOTES = 100


class Collector:
    """Takes runs, stops and notes while they happen and gives the Outcome. Keeps the newest ``keep`` runs."""

    def __init__(self, event: Event, keep: int) -> None:
        self.event = event
        self.runs: deque[Run] = deque(maxlen=keep)
        self.count = 0
        self.flushes = 0
        self.response: Response | None = None
        self.watch: Callable[[Run], None] | None = None
        self._stops: list[BaseException] = []
        self._notes: dict[str, int] = {}
        self._first_error: BaseException | None = None
        self._rejections = 0

    def add(self, run: Run) -> None:
        """Take a finished run."""
        self.count += 1
        self.runs.append(run)
        if self.watch is not None:
            self.watch(run)
        if run.error is not None and self._first_error is None:
            self._first_error = run.error
        self._rejections += len(run.rejected)

    def stop(self, error: BaseException) -> None:
        """Take one of the kit's own stops; equal ones count once."""
        if len(self._stops) < KEPT_NOTES and str(error) not in {str(e) for e in self._stops}:
            self._stops.append(error)

    def note(self, text: str) -> None:
        """Take a sentence for the user; equal ones are counted."""
        if text in self._notes or len(self._notes) < KEPT_NOTES:
            self._notes[text] = self._notes.get(text, 0) + 1

    def outcome(self, now_ns: int) -> Outcome:
        """Give what happened so far."""
        notes = tuple(text if n == 1 else f"{text} ({n} times)" for text, n in self._notes.items())
        return Outcome(
            event=self.event,
            runs=Runs(tuple(self.runs)),
            stops=tuple(self._stops),
            response=self.response,
            started_ns=self.event.time_ns,
            ended_ns=now_ns,
            flushes=self.flushes,
            dropped_runs=self.count - len(self.runs),
            first_error=self._first_error,
            rejections=self._rejections,
            notes=notes,
        )
