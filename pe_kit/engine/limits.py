"""Limits: where the kit stops a plugin that the server would let run for ever."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run, one cascade and one trigger may use; ``None`` means no limit, as on the server.

    Attributes:
        run_time: real time of one run, in seconds or text such as ``"10s"``.
        cpu_time: CPU time of one run, likewise.
        memory: growth of the process during one run, in bytes or text such as ``"512MiB"``.
        cascade_depth: how deep plugins may fire each other through their writes.
        retries: how often a trigger with ``error_behavior="retry"`` is tried again (the server: for ever).
        queue: events that wait for one trigger before writes stall (the server's channel holds 60).
    """

    run_time: float | str | None = None
    cpu_time: float | str | None = None
    memory: int | str | None = None
    cascade_depth: int = 32
    retries: int = 10
    queue: int = 60
