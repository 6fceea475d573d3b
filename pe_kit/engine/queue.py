"""Moments to come, in (time, sequence) order."""

from __future__ import annotations

import heapq
from collections.abc import Callable

__all__ = ["EventQueue"]


class EventQueue:
    """A heap of actions by virtual time; equal times keep the order in which they were put."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, time_ns: int, action: Callable[[], None]) -> None:
        """Add an action."""
        self._sequence += 1
        heapq.heappush(self._heap, (time_ns, self._sequence, action))

    def next_time(self) -> int | None:
        """Time of the earliest action, or None."""
        return self._heap[0][0] if self._heap else None

    def pop(self) -> Callable[[], None]:
        """Take the earliest action out."""
        return heapq.heappop(self._heap)[2]

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
