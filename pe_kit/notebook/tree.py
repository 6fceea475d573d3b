"""The tree of causes: which run fired which, with runs of one pattern folded so that a year of runs fits a screen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pe_kit.clock import as_text
from pe_kit.engine.invoke import error_text
from pe_kit.engine.outcome import Run
from pe_kit.notebook.visible import count, visible

__all__ = ["Branch", "Folded", "causes", "fold", "ran_on"]

_SHOWN = 3
"""Runs of one pattern that are shown before the rest is folded."""


class Branch(NamedTuple):
    """A run and what its writes fired.

    Attributes:
        pattern: equal for runs of one trigger that went the same way.
        failed: this run or one that it caused is not ok.
    """

    run: Run
    children: list[Branch]
    pattern: int
    failed: bool


class Folded(NamedTuple):
    """Runs that are counted rather than shown: ``first`` is one of them, ``triggers`` are theirs."""

    first: Branch
    number: int
    seconds: float
    triggers: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """True when they failed."""
        return self.first.failed

    def plus(self, run: Run) -> Folded:
        """Count one more run."""
        triggers = self.triggers if run.trigger in self.triggers else (*self.triggers, run.trigger)
        return Folded(self.first, self.number + 1, self.seconds + run.duration, triggers)


def causes(runs: Iterable[Run]) -> list[Branch]:
    """Build the tree, in the order of the runs; a run whose cause is not among them stands at the top."""
    ordered = list(runs)
    place = {run.id: i for i, run in enumerate(ordered)}
    below: defaultdict[int | None, list[Branch]] = defaultdict(list)
    patterns: dict[object, int] = {}
    for run in sorted(ordered, key=lambda run: -run.depth):
        children = sorted(below.pop(run.id, []), key=lambda branch: place[branch.run.id])
        error = error_text(run.error) if run.error is not None else None
        shape = (run.trigger, run.database, run.empty, error, run.rejected, frozenset(c.pattern for c in children))
        failed = not run.ok or any(child.failed for child in children)
        parent = run.caused_by.id if run.caused_by is not None and run.caused_by.id in place else None
        below[parent].append(Branch(run, children, patterns.setdefault(shape, len(patterns)), failed))
    return sorted(below[None], key=lambda branch: place[branch.run.id])


def fold(branches: Sequence[Branch], most: int = _SHOWN) -> list[Branch | Folded]:
    """Keep the first runs of each pattern and count the others; empty batches that went well are only counted."""
    shown: list[Branch | Folded] = []
    seen: dict[int, int] = {}
    places: dict[int, int] = {}
    for branch in branches:
        run = branch.run
        quiet = run.empty and run.ok and not branch.children
        pattern = -1 if quiet else branch.pattern
        seen[pattern] = seen.get(pattern, 0) + 1
        if not quiet and seen[pattern] <= most:
            shown.append(branch)
            continue
        place = places.setdefault(pattern, len(shown))
        if place == len(shown):
            shown.append(Folded(branch, 0, 0.0, ()))
        folded = shown[place]
        if isinstance(folded, Folded):
            shown[place] = folded.plus(run)
    return shown


def ran_on(run: Run) -> str:
    """Say what a run ran on: the tables and rows of its batch, its scheduled time, or the request."""
    if run.kind == "wal":
        tables = [f"{visible(table, 60)} ({count(rows, 'row')})" for table, rows in run.tables]
        more = [count(len(tables) - 4, "more table")] if len(tables) > 4 else []
        return ", ".join(tables[:4] + more) or "an empty batch"
    if run.kind == "schedule" and run.call_time_ns is not None:
        return as_text(run.call_time_ns)
    if run.request is not None:
        return visible(f"{run.request.get('method', 'POST')} /{str(run.request.get('path', '')).lstrip('/')}", 80)
    return run.kind
