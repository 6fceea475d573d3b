"""What makes a call of an engine an event: it is recorded, and what it causes is gathered, one call at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from pe_kit.clock import as_datetime
from pe_kit.engine.collect import Collector
from pe_kit.engine.interrupt import AdvanceInterrupted, deferred_interrupt
from pe_kit.engine.runtime import KEPT_RUNS
from pe_kit.errors import EngineClosedError, UsageError

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["FIRING", "as_event", "event"]

P = ParamSpec("P")
R = TypeVar("R")
FIRING = frozenset({"write", "flush", "advance_to", "step", "call", "request"})
OF_DATABASES = frozenset({"create_database", "delete_database", "set_retention"})


def as_event(verb: Callable[Concatenate[Engine, P], R]) -> Callable[Concatenate[Engine, P], R]:
    """Make a method of Engine an event of its name; for plain arguments, which are recorded as they are given."""
    signature = inspect.signature(verb)

    @wraps(verb)
    def asked(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(engine, *args, **kwargs)
        except TypeError:
            return verb(engine, *args, **kwargs)  # raises it in Python's usual words
        given.apply_defaults()
        _, *data = given.arguments.items()
        with event(engine, verb.__name__, **dict(data)):
            return verb(engine, *args, **kwargs)

    return asked


@contextmanager
def event(engine: Engine, kind: str, **data: Any) -> Iterator[Collector]:
    """Record that ``getattr(engine, kind)(**data)`` was asked, and gather what it causes.

    Raises:
        UsageError: a plugin asks, or the engine shows the past. EngineClosedError: it is closed.
        AdvanceInterrupted: Ctrl-C; its ``.outcome`` says what happened until then.
    """
    runtime, history, durable = engine._runtime, engine._history, engine._durable
    with engine._lock:
        _check(engine, kind)
        if kind in FIRING and engine._code is not None:
            for filename, source in engine._code.edited(runtime.triggers):  # so that the past keeps them
                history.record("write_plugin", engine.now_ns, None, {"filename": filename, "source": source})
        database = data.get("name" if kind in OF_DATABASES else "db")
        asked = history.record(kind, engine.now_ns, database, data)
        runtime.progress = engine.progress
        collector = runtime.collector = Collector(asked, KEPT_RUNS)
        ended = False
        try:
            with deferred_interrupt(runtime):
                yield collector
            ended = True
        except KeyboardInterrupt:
            runtime.abandon()
            reached = engine.now_ns
            if kind in ("advance_to", "step"):
                history.replace_last("advance_to", {"t": reached})
            collector.note(
                f"interrupted at {as_datetime(reached):%Y-%m-%d %H:%M:%S} UTC; the engine can be used further"
            )
            raise AdvanceInterrupted(collector.outcome(reached)) from None
        finally:
            runtime.collector = None
            if durable is not None:
                durable.commit(sync=not data.get("no_sync"), refused=not ended)
            history.after_event()
            if durable is not None:
                durable.after_event(collector)
    for listener in list(engine._listeners):
        listener()


def _check(engine: Engine, kind: str) -> None:
    """Refuse what cannot be asked now."""
    if engine.closed:
        raise EngineClosedError("this engine is closed", mend="Make a new one: Engine().")
    if engine._past:
        raise UsageError(
            f"engine.{kind} would change the past: this is a look at it, after event {engine._history.count}",
            mend=".fork() gives an engine that goes on from there.",
        )
    if engine._runtime.collector is not None:
        raise UsageError(
            f"engine.{kind} was called from inside a plugin call",
            mend="A plugin reaches the database through influxdb3_local only.",
        )
    if engine._durable is not None and engine._durable.failed is not None:
        raise engine._durable.failed
