"""The past of a session: the events, a checkpoint now and then, and any moment rebuilt from them.

An event is plain data, enough to do it again. ``at(n)`` starts from the nearest checkpoint and does the events up to
``n`` again, in an engine of its own with its own plugin folder.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pe_kit.engine.checkpoint import Checkpoint, plugin_files
from pe_kit.engine.recorded import Recorded
from pe_kit.engine.records import Event
from pe_kit.errors import ClockError, PeKitError, UsageError, near_match
from pe_kit.plugins.repository import PREFIX
from pe_kit.tagged import Unwritable

if TYPE_CHECKING:
    from pe_kit.engine.difference import Difference
    from pe_kit.engine.engine import Engine

__all__ = ["History", "Replay", "copied", "plugin_sources"]

CHECKPOINT_EVERY = 256
KEPT_EVENTS = 100_000
KEPT_BYTES = 512 * 1024 * 1024
KEPT_WALL_EVENTS = 1_000
KEPT_WALL_BYTES = 16 * 1024 * 1024


class History:
    """The events of one engine and its checkpoints, bounded in number and size."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._events: list[Event] = []
        self.earlier: Callable[[int], list[Event]] | None = None
        """Gives the events before one that are kept elsewhere: in a data folder."""
        self.beginning: Checkpoint | None = None
        self.checkpoints: list[Checkpoint] = []
        self.count = 0
        self._bytes = 0
        self._interval = CHECKPOINT_EVERY
        self.dropped = 0

    @property
    def events(self) -> list[Event]:
        """The events, those that are kept in a data folder too."""
        if self.earlier is not None:
            give, self.earlier = self.earlier, None
            found = give(self._events[0].id if self._events else self.count + 1)
            self._events[:0] = found
            self._bytes += sum(_size(e.data) for e in found)
            if self.beginning is not None and self._events and self._events[0].id == 1:
                self.checkpoints.insert(0, self.beginning)
                self.beginning = None
            first = self._events[0].id if self._events else self.count + 1
            self.checkpoints = [c for c in self.checkpoints if c.event + 1 >= first]
        return self._events

    def leave_to(self, earlier: Callable[[int], list[Event]], most: int) -> None:
        """Forget the events, and all checkpoints but the first, where ``earlier`` can give the events back.

        Args:
            earlier: see the attribute.
            most: the events stay as long as they take no more bytes.
        """
        if self.checkpoints:
            del self.checkpoints[1:]
        if self._bytes > most:
            del self._events[:-1]  # the newest may be under way
            self._bytes = sum(_size(event.data) for event in self._events)
            self.earlier = earlier

    def record(self, kind: str, now_ns: int, database: str | None, data: Mapping[str, Any]) -> Event:
        """Add an event; the first one makes the checkpoint of the beginning."""
        if not self.checkpoints:
            self.checkpoints.append(Checkpoint.of(self._engine, 0))
        self.count += 1
        event = Event(self.count, kind, now_ns, database, data)
        self._events.append(event)
        self._bytes += _size(data)
        return event

    def replace_last(self, kind: str, data: Mapping[str, Any]) -> None:
        """Say what the newest event really was, e.g. how far an interrupted advance came."""
        self._events[-1] = replace(self._events[-1], kind=kind, data=data)

    def after_event(self) -> None:
        """Make a checkpoint when one is due, and forget the oldest events when there are too many."""
        if not self._engine._clock.virtual:  # its past cannot be rebuilt: the newest events are for reading only
            while self._events and (len(self._events) > KEPT_WALL_EVENTS or self._bytes > KEPT_WALL_BYTES):
                self._bytes -= _size(self._events.pop(0).data)
                self.dropped += 1
            return
        since = self.count - self.checkpoints[-1].event
        if since >= self._interval and self._engine._runtime.quiet:
            started = time.thread_time()
            self.checkpoints.append(Checkpoint.of(self._engine, self.count))
            cost = time.thread_time() - started
            # about 20 µs an event: costly checkpoints are made less often, but one that was only held up is no reason
            self._interval = max(CHECKPOINT_EVERY, min(int(cost / 20e-6), 2 * self._interval))
        while (len(self._events) > KEPT_EVENTS or self._bytes > KEPT_BYTES) and len(self.checkpoints) > 1:
            self.checkpoints.pop(0)
            keep_from = self.checkpoints[0].event
            gone = [e for e in self._events if e.id <= keep_from]
            self._bytes -= sum(_size(e.data) for e in gone)
            self.dropped += len(gone)
            self._events = self._events[len(gone) :]

    def first_files(self) -> dict[str, bytes]:
        """The plugin files that were there before the session wrote any of them, as its triggers first saw them."""
        engine = self._engine
        if engine._code is None:
            return {}
        first: dict[str, str] = {}
        for event in self._events:
            if event.kind in ("create_trigger", "write_plugin"):
                first.setdefault(str(event.data.get("path") or event.data.get("filename")), event.kind)
        names = {n for n, kind in first.items() if kind == "create_trigger" and not n.startswith(PREFIX)}
        files = plugin_files(engine._code.folder.path, names)
        for name in {*files, *(n for n in names if n.endswith(".py"))}:  # those that are gone, too
            with suppress(PeKitError):
                files[name] = engine._code.registry.versions(name)[0].source.encode()
        return files

    def nearest(self, n: int) -> Checkpoint:
        """The newest checkpoint that is not after event ``n``.

        Raises:
            UsageError: there is no such event, or it is no longer kept.
        """
        events = self.events
        if not self.checkpoints:
            self.checkpoints.append(Checkpoint.of(self._engine, 0))
        if not isinstance(n, Integral) or not 0 <= n <= self.count:
            raise UsageError(
                f"there is no event {n!r}: this session has events 1 to {self.count}",
                mend="engine.history lists them; an Outcome's is outcome.event.id.",
            )
        found = [c for c in self.checkpoints if c.event <= n]
        if not found:
            raise UsageError(
                f"event {n} is no longer kept: history holds the newest {len(events)} events, "
                f"from {self.checkpoints[0].event + 1} on",
                mend="Freeze a session into a fixture to keep it whole.",
            )
        return found[-1]

    def _check_known(self, sources: Iterable[str]) -> None:
        named = (event.data.get(key) for event in self.events for key in ("path", "filename", "name"))
        known = {*self.checkpoints[0].files, *(name for name in named if isinstance(name, str))}
        for name in sources:
            if not known & {name, name.partition("/")[0]}:
                mend = near_match(name, known, what="plugins")
                raise UsageError(f"no plugin {name!r} belongs to this session", mend=mend)

    def rebuild(self, n: int, sources: Mapping[str, str] | None = None) -> Engine:
        """Make an engine that is where this one was after event ``n``.

        Args:
            sources: plugin files (name -> source) that were others from the first event on that is kept.

        Raises:
            ClockError: the clock is the wall clock. UsageError: there is no such event or plugin.
        """
        if not self._engine._clock.virtual:
            raise ClockError("the past of a wall-clock engine cannot be rebuilt", mend="Use Engine(clock='virtual').")
        checkpoint = self.nearest(n)
        if sources:
            checkpoint = self.checkpoints[0]
            self._check_known(sources)
        twin = checkpoint.revive(self._engine, sources)
        runs = (run for run in self._engine._runtime.runs if checkpoint.event < run.event.id <= n)
        twin._runtime.answers = Recorded(exchange for run in runs for exchange in run.exchanges).take
        for event in self.events:
            if checkpoint.event < event.id <= n:
                redo(twin, event, sources or {})
        twin._runtime.answers = None
        return twin


def _size(data: Mapping[str, Any]) -> int:
    payload = data.get("data")
    if payload is None:
        return 200
    return int(getattr(payload, "nbytes", 0) or (len(payload) if isinstance(payload, str | bytes) else 200))


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """The same past through other plugin code: the ``engine`` it led to, and the ``difference`` from what was."""

    engine: Engine
    difference: Difference

    def __repr__(self) -> str:
        return f"<Replay: {self.difference!r}>"


def plugin_sources(plugin: str | Path | Mapping[str, str], source: str | None) -> dict[str, str]:
    """Say what ``replay(plugin=..., source=...)`` means: filename -> source.

    Raises:
        UsageError: neither a source nor a readable file was given.
    """
    if isinstance(plugin, Mapping):
        return dict(plugin)
    if source is not None:
        return {str(plugin): source}
    path = Path(plugin)
    try:
        return {path.name: path.read_text()}
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", mend="Give source=..., a path, or {filename: source}."
        ) from None


def copied(value: Any) -> Any:
    """Copy a value that a plugin may change; one that cannot be copied is shared."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def redo(engine: Engine, event: Event, sources: Mapping[str, str]) -> None:
    """Do an event again; what was raised then, be it for an argument of a wrong type, is raised again, silently."""
    data = dict(event.data)
    gone = data.pop("missing", None)
    if engine._code is not None:
        engine._code.gone_then = gone
    if event.kind == "write_plugin" and data["filename"] in sources:
        data["source"] = sources[data["filename"]]
    if event.kind == "write_plugin_directory":
        data["files"] = {path: sources.get(f"{data['name']}/{path}", text) for path, text in data["files"].items()}
    if isinstance(data.get("data"), Unwritable):
        raise UsageError(
            f"event {event.id}, a {event.kind}, cannot be done again: its data was a {data['data'].kind}, "
            "of which a data folder keeps the rows alone",
            mend="Look at the time since the folder was opened; give backtests that are to be done again a file.",
        )
    if event.kind == "put_cached":
        data["value"] = copied(data["value"])
    with suppress(Exception, KeyboardInterrupt):
        getattr(engine, event.kind)(**data)
    if engine._code is not None:
        engine._code.gone_then = None
