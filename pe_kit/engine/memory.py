"""How much memory this process has, and a ceiling over what one plugin run may add to it (Linux)."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if sys.platform == "linux":
    from resource import RLIM_INFINITY, RLIMIT_DATA, getrlimit, setrlimit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CEILING"]

ROOM = 256 * 1024 * 1024  # above the limit: what is reserved is not yet used
FRESH = 0.002  # real seconds for which a look at the process serves; in so short a time little is allocated
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class _Ceiling:
    """Lets a single huge allocation fail, at which nobody could look in time.

    One for the process: of runs at the same time, the first one's counts.
    """

    works = sys.platform == "linux"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = self._limit = self._allowed = 0
        self._looked = 0.0
        self._usual = self._now = (-1, -1)
        self.open()

    def open(self) -> None:
        """Look at this process; a fork is another one."""
        self._file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC) if self.works else -1

    def _pages(self) -> tuple[int, int]:
        """Pages that are resident, and pages of private data that are reserved."""
        fields = os.pread(self._file, 128, 0).split()
        return int(fields[1]), int(fields[5])

    def resident(self) -> int:
        """Bytes of this process that are in memory."""
        return self._pages()[0] * _PAGE

    def set(self, limit: int, now: float) -> int:
        """Put the ceiling ``limit`` bytes (and some room) above what there is; gives the resident bytes allowed."""
        with self._lock:
            if now - self._looked > FRESH or limit != self._limit:
                self._look(limit, now)
            self._users += 1
            if self._users == 1:
                setrlimit(RLIMIT_DATA, self._now)
            return self._allowed

    def _look(self, limit: int, now: float) -> None:
        there, reserved = self._pages()
        self._limit, self._looked, self._allowed = limit, now, there * _PAGE + limit
        if not self._users:
            self._usual = getrlimit(RLIMIT_DATA)
            least = min((x for x in self._usual if x != RLIM_INFINITY), default=sys.maxsize)
            self._now = (min(reserved * _PAGE + limit + ROOM, least), self._usual[1])

    def lift(self) -> None:
        """Take it away with the last run."""
        with self._lock:
            self._users -= 1
            if not self._users:
                setrlimit(RLIMIT_DATA, self._usual)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Without it for a moment: a query that cannot allocate would end the process instead of failing."""
        with self._lock:
            if self._users:
                setrlimit(RLIMIT_DATA, self._usual)
        try:
            yield
        finally:
            with self._lock:
                if self._users:
                    setrlimit(RLIMIT_DATA, self._now)


CEILING = _Ceiling()
if CEILING.works:
    os.register_at_fork(after_in_child=CEILING.open)
