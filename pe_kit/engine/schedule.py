"""When a scheduled trigger fires: ``every:`` and ``cron:`` -> next times, in nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pe_kit.engine.cron import CronExpression
from pe_kit.engine.trigger import TriggerSpec

__all__ = ["Schedule", "schedule_of"]

_SECOND, _MILLI = 1_000_000_000, 1_000_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of one trigger (influxdb3_processing_engine/src/plugins.rs, ``ScheduleTriggerRunner``)."""

    every_ns: int
    cron: CronExpression | None

    def next_after(self, ns: int) -> int | None:
        """Give the first time strictly later than ``ns`` when the trigger starts at ``ns``.

        ``every:`` counts in whole milliseconds from the Unix epoch; ``cron:`` in whole seconds, UTC.
        None: it never fires again.
        """
        if self.cron is None:
            step = self.every_ns // _MILLI
            return (ns // _MILLI // step + 1) * step * _MILLI
        second = self.cron.next_after(ns // _SECOND)
        return None if second is None else second * _SECOND

    def following(self, previous: int) -> int | None:
        """Give the time after ``previous``, one of its own times: missed times are not skipped."""
        return previous + self.every_ns if self.cron is None else self.next_after(previous)


@lru_cache
def schedule_of(spec: TriggerSpec) -> Schedule | None:
    """Give the schedule of a ``cron:`` or ``every:`` specification, None for others."""
    if spec.plugin_kind != "schedule":
        return None
    return Schedule(spec.every_ns, CronExpression.parse(spec.value) if spec.kind == "cron" else None)
