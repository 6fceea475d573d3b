"""Limits: where the kit stops a plugin that the server would let run for ever."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pe_kit.duration import as_duration_ns
from pe_kit.errors import DurationError, UsageError

__all__ = ["Limits", "as_bytes", "as_seconds"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kKMGT]?)(i?)B?)")
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run, one cascade and one trigger may use; ``None`` means no limit, as on the server.

    Attributes:
        run_time: real time of one run, in seconds or text such as ``"10s"``.
        cpu_time: CPU time of one run, likewise.
        memory: growth of the process during one run, in bytes or text such as ``"512MiB"`` (Linux).
        cascade_depth: how deep plugins may fire each other through their writes.
        retries: how often a trigger with ``error_behavior="retry"`` is tried again (the server: for ever).
        queue: events that wait for one trigger before writes stall (the server's channel holds 60).

    Raises:
        UsageError: names the limit that makes no sense.
    """

    run_time: float | str | None = None
    cpu_time: float | str | None = None
    memory: int | str | None = None
    cascade_depth: int = 32
    retries: int = 10
    queue: int = 60

    def __post_init__(self) -> None:
        as_seconds("run_time", self.run_time)
        as_seconds("cpu_time", self.cpu_time)
        as_bytes("memory", self.memory)
        for name, least in (("cascade_depth", 0), ("retries", 0), ("queue", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"Limits({name}={value!r})", mend=f"A whole number, {least} or more.")


def as_seconds(name: str, limit: float | str | None) -> float:
    """Give a time limit in seconds; 0 stands for none.

    Raises:
        UsageError: it is no time, or not longer than nothing.
    """
    if limit is None:
        return 0.0
    try:
        ns = as_duration_ns(limit)
    except (DurationError, TypeError, ValueError) as error:
        raise UsageError(f"Limits({name}={limit!r}): {error}", mend="Seconds, or text such as '10s'.") from None
    if isinstance(limit, bool) or ns <= 0:
        raise UsageError(f"Limits({name}={limit!r}) leaves a run no time", mend="None means no limit.")
    return ns / 1e9


def as_bytes(name: str, limit: int | str | None) -> int:
    """Give a size limit in bytes; 0 stands for none. Texts: ``512MiB``, ``1.5 GB``, ``1048576``.

    Raises:
        UsageError: it is no size, or not larger than nothing.
    """
    if limit is None:
        return 0
    match = _SIZE.fullmatch(limit.strip()) if isinstance(limit, str) else None
    if match is not None:
        number, unit, binary = match.groups()
        size = int(float(number) * (1024 if binary else 1000) ** _POWERS[unit.upper()])
    elif isinstance(limit, int) and not isinstance(limit, bool):
        size = limit
    else:
        raise UsageError(f"Limits({name}={limit!r}) is no size", mend="Write bytes, or text such as '512MiB'.")
    if size <= 0:
        raise UsageError(f"Limits({name}={limit!r}) is no size to run in", mend="None means no limit.")
    return size
