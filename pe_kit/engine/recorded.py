"""Answers that outgoing HTTP calls of plugins got before, to be given again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from pe_kit.engine.records import Exchange

__all__ = ["Recorded"]


class Recorded:
    """Each answer is given once, to calls of its method and URL, in the order in which they came.

    Args:
        exchanges: what came. alike: what of a URL counts when two are compared.
    """

    def __init__(self, exchanges: Iterable[Exchange], alike: Callable[[str], str] = str) -> None:
        self._alike = alike
        self._waiting: dict[tuple[str, str], deque[Exchange]] = {}
        for one in exchanges:
            self._waiting.setdefault((one.method, alike(one.url)), deque()).append(one)

    def take(self, method: str, url: str) -> Exchange | None:
        """Give the next answer for a call; None when there is none left."""
        waiting = self._waiting.get((method, self._alike(url)))
        return waiting.popleft() if waiting else None

    def __iter__(self) -> Iterator[Exchange]:
        return (one for waiting in self._waiting.values() for one in waiting)
