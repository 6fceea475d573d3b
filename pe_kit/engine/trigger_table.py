"""The triggers of an engine: their definitions, whether they run, and what they have cost so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pe_kit.engine.schedule import Schedule, schedule_of
from pe_kit.engine.trigger import TriggerSpec
from pe_kit.errors import ConflictError, NotFoundError, ServerError, near_match

if TYPE_CHECKING:
    from pe_kit.engine.outcome import Run
    from pe_kit.engine.work import Work

__all__ = ["Trigger", "TriggerStats", "TriggerTable"]

SAMPLES = 2048  # durations kept for p50 and p99
_COLUMNS = (
    *("trigger_name", "plugin_filename", "trigger_specification", "disabled", "error_behavior"),
    *("database", "runs", "errors", "queued", "waited_ms", "stalled_ms", "p50_ms", "p99_ms", "cpu_ms"),
    *("rows_in", "lines_out", "next_time", "state", "run_async", "arguments"),
)


@dataclass(slots=True)
class TriggerStats:
    """Counters of one trigger. Times in nanoseconds, durations in seconds."""

    runs: int = 0
    errors: int = 0
    waited_ns: int = 0
    stalled_ns: int = 0
    cpu_seconds: float = 0.0
    rows_in: int = 0
    lines_out: int = 0
    durations: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    def count(self, run: Run) -> None:
        """Take a finished run in."""
        self.runs += 1
        self.errors += run.error is not None
        self.cpu_seconds += run.cpu_seconds
        self.rows_in += run.rows_in
        self.lines_out += len(run.written)
        self.durations.append(run.duration)


@dataclass(slots=True)
class Trigger:
    """One trigger.

    Attributes:
        disabled: the catalog's flag.
        stopped: why its task no longer runs although the catalog says enabled; empty while it runs.
        next_ns: the next scheduled time, None for other kinds or when the schedule is over.
        declared_ns: virtual time that one call takes (0 unless declared).
        busy: a synchronous call is under way in virtual time. waiting: events behind it.
    """

    name: str
    database: str
    path: str
    spec: TriggerSpec
    arguments: dict[str, str] | None
    run_async: bool
    error_behavior: str
    disabled: bool
    order: int = 0
    schedule: Schedule | None = field(init=False)
    next_ns: int | None = None
    stopped: str = ""
    declared_ns: int = 0
    busy: bool = False
    waiting: deque[Work] = field(default_factory=deque)
    stats: TriggerStats = field(default_factory=TriggerStats)

    def __post_init__(self) -> None:
        self.schedule = schedule_of(self.spec)

    @property
    def key(self) -> tuple[str, str]:
        """Database and name."""
        return (self.database, self.name)

    @property
    def running(self) -> bool:
        """True while its task takes events."""
        return not self.disabled and not self.stopped

    @property
    def kind(self) -> str:
        """``wal``, ``schedule`` or ``request``."""
        return self.spec.plugin_kind

    def copy(self) -> Trigger:
        """A copy that shares nothing that changes; what waits is not copied."""
        stats = replace(self.stats, durations=deque(self.stats.durations, maxlen=SAMPLES))
        return replace(self, busy=False, waiting=deque(), stats=stats)

    def start(self, now_ns: int) -> None:
        """Start the task: a schedule is aligned anew."""
        self.stopped = ""
        self.busy = False
        self.waiting.clear()
        self.next_ns = self.schedule.next_after(now_ns) if self.schedule is not None else None

    def stop(self, why: str = "") -> None:
        """End the task; events that wait are dropped."""
        self.stopped = why
        self.waiting.clear()
        self.busy = False
        self.next_ns = None


class TriggerTable:
    """All triggers, in the order of their creation; names are unique in a database."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Trigger] = {}
        self._order = 0
        self.routes: dict[str, tuple[str, str]] = {}
        """Request path -> trigger. Paths are global: the newest start takes the route, any stop removes it."""
        self._scheduled: list[Trigger] | None = None
        self._wal: dict[str, list[Trigger]] = {}
        self.changes = 0

    def __iter__(self) -> Iterator[Trigger]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def take(self, triggers: Iterable[Trigger], routes: Mapping[str, tuple[str, str]]) -> None:
        """Hold these triggers and routes instead of what was there."""
        self._all = {t.key: t for t in triggers}
        self._order = max((t.order for t in self._all.values()), default=0)
        self.routes = dict(routes)
        self.changed()

    def changed(self) -> None:
        """Forget what was derived from the triggers' states."""
        self._scheduled = None
        self._wal.clear()
        self.changes += 1

    def find(self, name: str, database: str) -> Trigger | None:
        """Give a trigger, or None."""
        return self._all.get((database, name))

    def get(self, name: str, database: str) -> Trigger:
        """Give a trigger.

        Raises:
            NotFoundError: there is none; names the near match or the database that has it.
        """
        trigger = self._all.get((database, name))
        if trigger is not None:
            return trigger
        elsewhere = [d for d, n in self._all if n == name]
        mend = (
            f"There is one in database {elsewhere[0]!r}."
            if elsewhere
            else near_match(name, (n for d, n in self._all if d == database), what="triggers")
        )
        raise NotFoundError(f"the requested resource was not found: {name}", mend=mend)

    def add(self, trigger: Trigger) -> None:
        """Add a trigger.

        Raises:
            ConflictError: the database has one of that name.
        """
        if trigger.key in self._all:
            raise ConflictError(
                "attempted to create a resource that already exists",
                mend=f"Database {trigger.database!r} has a trigger {trigger.name!r}; delete it first "
                "(an enabled one with force=True).",
            )
        self._order += 1
        trigger.order = self._order
        self._all[trigger.key] = trigger
        self.changed()

    def remove(self, trigger: Trigger) -> None:
        """Take a trigger out."""
        del self._all[trigger.key]
        self.changed()

    def move(self, database: str, to: str) -> None:
        """Keep the triggers of a deleted database under the name that it has from now on."""
        for trigger in self._all.values():
            if trigger.database == database:
                trigger.database = to
        self._all = {t.key: t for t in self._all.values()}
        self.changed()

    def start(self, trigger: Trigger, now_ns: int) -> None:
        """Start its task and, for a request trigger, take the route."""
        trigger.start(now_ns)
        if trigger.spec.kind == "request":
            self.routes[trigger.spec.value] = trigger.key
        self.changed()

    def stop(self, trigger: Trigger, why: str = "") -> None:
        """End its task and, for a request trigger, remove the route, whoever has it."""
        trigger.stop(why)
        if trigger.spec.kind == "request":
            self.routes.pop(trigger.spec.value, None)
        self.changed()

    def wal_of(self, database: str) -> list[Trigger]:
        """The running WAL triggers of a database, oldest first."""
        found = self._wal.get(database)
        if found is None:
            found = [t for t in self._all.values() if t.database == database and t.kind == "wal" and t.running]
            self._wal[database] = found
        return found

    def scheduled(self) -> list[Trigger]:
        """The running schedule triggers, oldest first."""
        if self._scheduled is None:
            self._scheduled = [t for t in self._all.values() if t.kind == "schedule" and t.running]
        return self._scheduled

    def routed(self, path: str) -> Trigger | None:
        """The running trigger that answers a request path, or None."""
        key = self.routes.get(path)
        trigger = self._all.get(key) if key is not None else None
        return trigger if trigger is not None and trigger.running else None

    def frame(self) -> Any:
        """One row a trigger: the server's columns, then the kit's."""
        import numpy as np
        import pandas as pd

        rows = []
        for t in self:
            s = t.stats
            sample = np.array(s.durations) * 1e3
            rows.append(
                {
                    "trigger_name": t.name,
                    "plugin_filename": t.path,
                    "trigger_specification": t.spec.json,
                    "disabled": t.disabled,
                    "error_behavior": t.error_behavior,
                    "database": t.database,
                    "runs": s.runs,
                    "errors": s.errors,
                    "queued": len(t.waiting),
                    "waited_ms": s.waited_ns / 1e6,
                    "stalled_ms": s.stalled_ns / 1e6,
                    "p50_ms": float(np.percentile(sample, 50)) if len(sample) else float("nan"),
                    "p99_ms": float(np.percentile(sample, 99)) if len(sample) else float("nan"),
                    "cpu_ms": s.cpu_seconds * 1e3,
                    "rows_in": s.rows_in,
                    "lines_out": s.lines_out,
                    "next_time": np.datetime64(t.next_ns, "ns")
                    if t.next_ns is not None and t.running
                    else np.datetime64("NaT", "ns"),
                    "state": "disabled" if t.disabled else t.stopped or "running",
                    "run_async": t.run_async,
                    "arguments": None if t.arguments is None else dict(t.arguments),
                }
            )
        frame = pd.DataFrame(rows, columns=_COLUMNS)
        frame["next_time"] = frame["next_time"].astype("datetime64[ns]")
        return frame


def deleted_while_running(name: str) -> ServerError:
    """The refusal to delete an enabled trigger without force."""
    return ServerError(
        f"Cannot delete running plugin {name}. Disable it first or use --force.",
        mend="In Python: delete_trigger(..., force=True).",
    )
