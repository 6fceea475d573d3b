"""A backtest: data written as time passes, through the live triggers, with schedules and TTLs firing in between."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pe_kit.backtest.feed import Feed
from pe_kit.backtest.progress import progress_line, remaining
from pe_kit.backtest.source import source
from pe_kit.clock import as_ns, as_text
from pe_kit.duration import as_duration_ns
from pe_kit.engine.difference import diff_frames
from pe_kit.engine.events import event
from pe_kit.engine.outcome import Outcome, Run
from pe_kit.engine.pluginclock import patched
from pe_kit.errors import ClockError, LineProtocolError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from pe_kit.engine.engine import Engine

__all__ = ["Backtest", "backtest"]

_DAY = 86_400 * 1_000_000_000
Progress = Callable[[int, int, float], None]
"""Called after each window with rows written, the virtual time reached (ns) and real seconds since the start."""


@dataclass(slots=True)
class _Count:
    runs: int = 0
    errors: int = 0
    rows_in: int = 0
    lines_out: int = 0
    info: int = 0
    warnings: int = 0
    error_rows: int = 0
    rejected: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Tally:
    """Counts by day and trigger; a million runs take the room of a few hundred numbers."""

    days: dict[tuple[int, str, str], _Count] = field(default_factory=lambda: defaultdict(_Count))

    def take(self, run: Run) -> None:
        count = self.days[run.started_ns // _DAY, run.database, run.trigger]
        count.runs += 1
        count.errors += run.error is not None
        count.rows_in += run.rows_in
        count.lines_out += len(run.written)
        count.rejected += len(run.rejected)
        count.seconds += run.duration
        for row in run.log_rows:
            if row.level == "ERROR":
                count.error_rows += 1
            elif row.level == "WARN":
                count.warnings += 1
            else:
                count.info += 1


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """What a backtest did.

    Attributes:
        outcome: as of any call; it keeps the newest runs only, the counts below are complete.
        rows, flushes: what was written. seconds: real time. refused: the lines that the database did not take.
        interrupted: Ctrl-C ended it at ``outcome.ended_ns``.
    """

    outcome: Outcome
    rows: int
    flushes: int
    seconds: float
    refused: tuple[LineProtocolError, ...]
    interrupted: bool
    _tally: _Tally

    @property
    def summary(self) -> pd.DataFrame:
        """One row a day and trigger: day, database, trigger, runs, errors, rows_in, lines_out, log rows, seconds."""
        import numpy as np
        import pandas as pd

        keys = sorted(self._tally.days)
        counts = [self._tally.days[key] for key in keys]
        frame: dict[str, Any] = {
            "day": np.array([k[0] for k in keys], "int64").astype("datetime64[D]").astype("datetime64[ns]")
        }
        frame["database"] = [k[1] for k in keys]
        frame["trigger"] = [k[2] for k in keys]
        for name in _Count.__dataclass_fields__:
            frame[name] = [getattr(c, name) for c in counts]
        return pd.DataFrame(frame)

    @property
    def totals(self) -> pd.DataFrame:
        """One row a trigger: the sums of ``summary``."""
        frame = self.summary.drop(columns="day")
        return frame.groupby(["database", "trigger"], as_index=False).sum()

    def compare(self, other: Backtest) -> pd.DataFrame:
        """The row-aligned difference of two summaries, real seconds aside."""
        keys = ["day", "database", "trigger"]
        return diff_frames(self.summary.drop(columns="seconds"), other.summary.drop(columns="seconds"), keys)

    def plot(self) -> Any:
        """Lines written and error rows by day and trigger (Altair chart)."""
        from pe_kit.notebook.chart import alt

        frame = self.summary.melt(["day", "trigger"], ["lines_out", "warnings", "error_rows"], "what", "count")
        chart = alt.Chart(frame[frame["count"] > 0]).mark_bar()
        return chart.encode(x="day:T", y="count:Q", color="trigger:N", row="what:N").properties(height=90, width=620)

    def __repr__(self) -> str:
        rate = self.rows / self.seconds if self.seconds else 0.0
        ended = (
            f"interrupted at {as_text(self.outcome.ended_ns)}" if self.interrupted else as_text(self.outcome.ended_ns)
        )
        state = "ok" if self.outcome.ok and not self.refused else f"first error: {self.outcome.error!r}"
        if self.refused and self.outcome.ok:
            state = f"{len(self.refused)} refused lines, the first: {self.refused[0].error_message}"
        head = f"<Backtest: {self.rows:,} rows in {self.flushes:,} flushes to {ended}, {rate:,.0f} rows/s, {state}>"
        return f"{head}\n{self.totals.to_string(index=False)}" if self._tally.days else head


def backtest(
    engine: Engine,
    data: Any,
    db: str,
    *,
    table: str | None = None,
    tags: Sequence[str] = (),
    flush_every: str | timedelta | float = "1m",
    until: datetime | str | int | None = None,
    arrival: str | None = None,
    speed: float | None = None,
    resume: bool = False,
    progress: Progress | bool = False,
) -> Backtest:
    """Send data through the live triggers of an engine as time passes; see ``Engine.backtest``."""
    every = as_duration_ns(flush_every)
    if every <= 0:
        raise UsageError("flush_every must be longer than nothing", mend="For example '1m'.")
    stop = None if until is None else as_ns(until)
    if not engine._clock.virtual:
        raise ClockError("a backtest needs the virtual clock", mend="Use Engine(clock='virtual').")
    runtime, tally = engine._runtime, _Tally()
    found = source(data, table, arrival or "time")
    feed = Feed(engine, found, db, table, tags, every, arrival, resume)
    rows = flushes = 0
    interrupted = False
    start_ns, began = engine.now_ns, time.perf_counter()

    def state() -> str:
        seconds, now_ns = time.perf_counter() - began, engine.now_ns
        shares = [rows / found.rows] if found.rows else []
        if stop is not None and stop > start_ns:
            shares.append((now_ns - start_ns) / (stop - start_ns))
        moment, left = as_text(now_ns // 10**9 * 10**9), remaining(max(shares, default=0), seconds)
        return f"{rows:,} rows · {moment} · {rows / seconds:,.0f} rows/s · {seconds:.0f} s{left}"

    asked = {"data": data, "db": db, "table": table, "tags": tuple(tags), "flush_every": flush_every, "until": until,
             "arrival": arrival, "resume": resume, "progress": False}  # fmt: skip
    with patched(), progress_line() as line, event(engine, "backtest", **asked) as collector:
        collector.watch = tally.take
        own, runtime.progress = runtime.progress, None
        try:
            for end, parts in feed.windows():
                if end <= engine.now_ns:
                    continue  # resumed: written before
                if stop is not None and end - every >= stop:
                    break
                for name, part in parts:
                    engine.store.put(db, name, part)
                    rows += len(part)
                runtime.flush_at(end, db)
                runtime.run_until(end)
                flushes += 1
                if callable(progress):
                    progress(rows, end, time.perf_counter() - began)
                elif progress:
                    line.show(time.perf_counter() - began, state)
                if speed:
                    time.sleep(every / 1e9 / speed)
            if stop is not None and stop > engine.now_ns:
                runtime.run_until(stop)
        except KeyboardInterrupt:
            interrupted, runtime.interrupted = True, False
            runtime.abandon()
            collector.note(f"interrupted at {as_text(engine.now_ns)}; resume=True goes on from here")
        finally:
            runtime.progress = own
    outcome = collector.outcome(engine.now_ns)
    return Backtest(outcome, rows, flushes, time.perf_counter() - began, tuple(feed.refused), interrupted, tally)
