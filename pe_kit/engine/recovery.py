"""Reading a data folder back: the newest state that is whole, then what the journal says happened after it.

No plugin runs again: what a call has changed is in its record. How they are written is in
:mod:`pe_kit.engine.durable`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pe_kit.clock import VirtualClock
from pe_kit.engine.checkpoint import Checkpoint
from pe_kit.engine.keptcache import KeptCache
from pe_kit.engine.records import Event
from pe_kit.engine.trigger import parse_spec
from pe_kit.engine.trigger_table import Trigger
from pe_kit.errors import PeKitError
from pe_kit.store.catalog import CatalogLimits
from pe_kit.store.disk import DataFolder
from pe_kit.store.image import pieces_of, restore_image
from pe_kit.store.journal import Record
from pe_kit.store.pack import unpack

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["Recovery"]

_WRITE = ("data", "db", "precision", "accept_partial", "table", "tags")


class Recovery:
    """What a data folder says of a session, on its way into a new engine.

    Attributes:
        opened: start, seed and limits of the engine that wrote last; empty in a new folder.
        event: the number of the newest event, 0 if there is none.
        pieces: the files of tables that the newest state names.
        faults: whether injected faults were active in the end.
    """

    def __init__(self, engine: Engine, folder: DataFolder, cache: KeptCache) -> None:
        self._engine, self._folder, self._cache = engine, folder, cache
        self._states = folder.states()
        records = self._states[0][1] if self._states else folder.read_journal(0)
        self.opened: Mapping[str, Any] = next((r.body["open"] for r in records if "open" in r.body), {})
        self.event = 0
        self.pieces: set[Path] = set()
        self.faults = False

    def run(self) -> None:
        """Bring the engine to where the session was."""
        engine, history = self._engine, self._engine._history
        nothing = Checkpoint.of(engine, 0)
        clock, engine._clock = engine._clock, VirtualClock(engine.now_ns)
        try:
            self._read()
        finally:
            reached, engine._clock = engine._clock.now_ns, clock
        if self.event:
            if clock.virtual:
                clock.now_ns = reached
            start_ns = self.opened["start_ns"]
            history.beginning = replace(nothing, now_ns=start_ns, ticks_from_ns=start_ns)
            history.earlier, history.count = self.earlier, self.event
            history.checkpoints = [Checkpoint.of(engine, self.event)]

    def earlier(self, before: int) -> list[Event]:
        """Give the events before one that the journal still has."""
        found: dict[int, Event] = {}
        for record in self._folder.read_journal(0):
            if "event" in record.body and record.body["event"][0] < before:
                event = _ended(record)
                found.pop(event.id, None)
                found[event.id] = event
        return sorted(found.values(), key=lambda event: event.id)

    def _read(self) -> None:
        engine, folder, states = self._engine, self._folder, self._states
        pieces = [pieces_of(records[0].body["store"], folder) for _, records in states]
        self.pieces = pieces[0] if pieces else set()
        folder.sort_pieces(self.pieces, pieces[1] if len(pieces) > 1 else set())
        limits, first = engine.store.catalog.limits, 0
        if states:
            first = states[0][0]
            self._restore(states[0][1])
        self._states = []
        folder.missing_segments(first)
        events: dict[int, Event] = {}
        for record in folder.read_journal(first):
            if "open" in record.body:
                self._reopen(record.body["open"])
                continue
            event = _ended(record)
            try:
                self._redo(record, event)
            except Exception as error:  # only after damage: what is left is done as far as it can be
                journal = folder.path / "journal"
                folder.report(f"{journal}: event {event.id} ({event.kind}) cannot be done again: {error}")
            self.faults = bool(record.body.get("faults"))
            events[event.id] = event
        engine.store.catalog.limits = limits
        self.event = max(self.event, *events) if events else self.event
        engine._history._events = list(events.values())

    def _reopen(self, opened: Mapping[str, Any]) -> None:
        self.opened = opened
        self._engine._runtime.ticks_from_ns = opened["start_ns"]
        self._engine.store.catalog.limits = CatalogLimits(*opened["limits"])

    def _restore(self, state: list[Record]) -> None:
        engine, runtime = self._engine, self._engine._runtime
        head, blobs = state[0].body, state[0].blobs
        self._reopen(head["open"])
        self._move_to(head)
        restore_image(engine.store, head["store"], lambda part: unpack(part, blobs), self._folder)
        self.event, self.faults, runtime.ticks_from_ns = head["event"], bool(head["faults"]), head["ticks"]
        self._wait()
        for filename, time_ns, source in head["plugins"]:
            self._take_plugin(filename, time_ns, source)
        for record in state[1:-1]:
            self._cache.take(record.body["cache"], record.blobs)

    def _redo(self, record: Record, event: Event) -> None:
        store, body = self._engine.store, record.body
        clock: Any = self._engine._clock
        for method, now_ns, arguments in body.get("ops", ()):
            clock.now_ns = now_ns
            given = unpack(arguments, record.blobs)
            if method in ("write", "load") and "data" not in given:
                given = {**{k: event.data[k] for k in _WRITE if k in event.data}, **given}
            getattr(store, method)(**given)
        self._move_to(body)
        self._wait()
        self._cache.redo(body, record.blobs)
        if event.kind == "write_plugin" and not body.get("refused"):
            self._take_plugin(event.data["filename"], event.time_ns, event.data["source"])

    def _move_to(self, body: Mapping[str, Any]) -> None:
        """Set what every record says: the time, how many calls there were, what is due, the triggers."""
        runtime, clock = self._engine._runtime, self._engine._clock
        assert isinstance(clock, VirtualClock)
        clock.now_ns, runtime.calls, runtime.flush_due_ns = body["now"], body["calls"], body["due"]
        if "triggers" in body:
            runtime.triggers.take([_trigger(row) for row in body["triggers"]], {})

    def _wait(self) -> None:
        runtime = self._engine._runtime
        runtime._writers = {database: [None] for database, _, _ in self._engine.store.waiting()}

    def _take_plugin(self, filename: str, time_ns: int, source: str) -> None:
        """Know a content of a plugin file; one that was lost in the kit's own plugin folder is put back."""
        engine = self._engine
        if engine._code is None:
            return
        engine._code.names.add(filename)
        engine._code.registry.remember(filename, time_ns, source)
        if engine.plugin_dir == self._folder.path / "plugins":
            path = engine.plugin_dir / filename
            if not path.exists() or (source and not path.stat().st_size):
                with suppress(PeKitError):
                    engine._code.folder.write(filename, source)


def _ended(record: Record) -> Event:
    """Give the event of a record; one that was left in the middle is what it came to: time until the last part."""
    number, kind, time_ns, database, data = record.body["event"]
    event, reached = Event(number, kind, time_ns, database, unpack(data, record.blobs)), record.body["now"]
    if record.body.get("part") and event.kind == "backtest":
        return replace(event, data={**event.data, "until": reached})
    if record.body.get("part") and event.kind == "advance_to":
        return replace(event, data={"t": reached})
    return event


def _trigger(row: Mapping[str, Any]) -> Trigger:
    return Trigger(**{**row, "spec": parse_spec(row["spec"])})
