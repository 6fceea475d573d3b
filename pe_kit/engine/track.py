"""Looking closely at runs, on request: peak memory, which lines of the plugin ran, and a profile."""

from __future__ import annotations

import cProfile
import pstats
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from pe_kit.errors import UsageError, near_match

if TYPE_CHECKING:
    import pandas as pd

    from pe_kit.plugins.snapshot import Snapshot

__all__ = ["KINDS", "ProfileRow", "Tracked", "Tracker"]

KINDS = ("memory", "lines", "profile")
_PROFILE_ROWS = 50


class ProfileRow(NamedTuple):
    """One function of a profile; times in seconds, ``total`` with what it called."""

    function: str
    calls: int
    own: float
    total: float


@dataclass(frozen=True, slots=True, eq=False)
class Tracked:
    """What was seen of one run.

    Attributes:
        peak_memory: bytes that Python allocated on top of what there was, at most.
        line_hits: line number -> how often it ran. source: the plugin's lines.
        profile_rows: the functions that took longest.
    """

    peak_memory: int | None = None
    line_hits: dict[int, int] | None = None
    source: tuple[str, ...] = ()
    profile_rows: tuple[ProfileRow, ...] = ()

    @property
    def lines(self) -> pd.DataFrame:
        """The plugin's lines: line, hits, text."""
        import pandas as pd

        hits = self.line_hits or {}
        rows = [(number, hits.get(number, 0), text) for number, text in enumerate(self.source, 1)]
        return pd.DataFrame(rows, columns=["line", "hits", "text"])

    @property
    def profile(self) -> pd.DataFrame:
        """The profile, slowest first: function, calls, own, total (seconds)."""
        import pandas as pd

        return pd.DataFrame(list(self.profile_rows), columns=list(ProfileRow._fields))


class Tracker:
    """Runs plugin code while it watches it."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self.kinds = tuple(dict.fromkeys(kinds))
        for kind in self.kinds:
            if kind not in KINDS:
                raise UsageError(f"{kind!r} cannot be tracked", mend=near_match(kind, KINDS, what="kinds"))

    def watch(self, body: Callable[[], Any], code: Snapshot) -> tuple[Callable[[], Any], Callable[[], Tracked]]:
        """Give the function to run instead of ``body``, and one that says afterwards what was seen."""
        seen: dict[str, Any] = {"source": tuple(code.lines)}

        def watched() -> Any:
            with ExitStack() as stack:
                if "memory" in self.kinds:
                    stack.enter_context(_measuring(seen))
                if "profile" in self.kinds:
                    stack.enter_context(_profiling(seen))
                if "lines" in self.kinds:
                    stack.enter_context(_counting(seen, code.root))
                return body()

        return watched, lambda: Tracked(**seen)


@contextmanager
def _counting(seen: dict[str, Any], root: str | None) -> Iterator[None]:
    file = "<string>" if root is None else f"{root}/__init__.py"
    hits: Counter[int] = Counter()

    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            hits[frame.f_lineno] += 1
        return line

    def enter(frame: FrameType, _event: str, _arg: Any) -> Any:
        if frame.f_code.co_filename != file or (root is None and "__name__" in frame.f_globals):
            return None  # the globals of a single file name no module; those of other texts do
        return line

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)
        seen["line_hits"] = dict(hits)


@contextmanager
def _profiling(seen: dict[str, Any]) -> Iterator[None]:
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        stats: Any = pstats.Stats(profile)
        rows = [
            ProfileRow(f"{name} ({file.rsplit('/', 1)[-1]}:{number})", calls, own, total)
            for (file, number, name), (_, calls, own, total, _) in stats.stats.items()
            if "/pe_kit/" not in file or file.endswith("localapi.py")
        ]
        seen["profile_rows"] = tuple(sorted(rows, key=lambda row: -row.total)[:_PROFILE_ROWS])


@contextmanager
def _measuring(seen: dict[str, Any]) -> Iterator[None]:
    own = not tracemalloc.is_tracing()
    if own:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield
    finally:
        seen["peak_memory"] = max(0, tracemalloc.get_traced_memory()[1] - before)
        if own:
            tracemalloc.stop()
