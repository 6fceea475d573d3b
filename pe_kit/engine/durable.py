"""A session in a data folder: what is written down when, and how it is read back.

Each call of the user is one record: the event, the changes of the store that it caused, in order and with their times,
and what else is different after it: clock, triggers, plugin cache. So a call is there as a whole or not at all, and no
plugin runs again when a folder is opened. Long calls are written in parts, each of which ends between two moments of
virtual time; a folder that was left in the middle of one opens at the last such moment.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pe_kit.clock import VirtualClock
from pe_kit.engine.checkpoint import Checkpoint
from pe_kit.engine.keptcache import KeptCache
from pe_kit.engine.records import Event
from pe_kit.engine.schedule import Schedule
from pe_kit.engine.trigger import parse_spec
from pe_kit.engine.trigger_table import Trigger
from pe_kit.errors import PeKitError, StorageError
from pe_kit.store.catalog import CatalogLimits
from pe_kit.store.disk import DataFolder
from pe_kit.store.image import pieces_of, restore_image, store_image, store_tables
from pe_kit.store.journal import Record, written
from pe_kit.store.pack import Packer, unpack
from pe_kit.tagged import Unwritable

if TYPE_CHECKING:
    from pe_kit.engine.collect import Collector
    from pe_kit.engine.engine import Engine

__all__ = ["Durable"]

CHECKPOINT_BYTES = 32 * 1024 * 1024
"""A checkpoint is made when the journal has grown by so much."""
PART_BYTES = 4 * 1024 * 1024
HISTORY_BYTES = 64 * 1024 * 1024
"""Events that take more memory than this are read from the journal when they are asked for."""

_WRITE = ("data", "db", "precision", "accept_partial", "table", "tags")
_OWN = object()


class Durable:
    """The data folder of one engine.

    Attributes:
        folder: the open folder. failed: why nothing can be written any more.
    """

    def __init__(self, engine: Engine, path: str | Path) -> None:
        self._engine = engine
        with _usable(Path(path)):
            self.folder = DataFolder(path)
        self.failed: StorageError | None = None
        self._changes: list[tuple[str, int, dict[str, Any]]] = []
        self._pending = 0
        self._cache = KeptCache(engine)
        self._trigger_changes = -1
        self._committed = 0
        self._start_ns = 0
        self._states = self.folder.states()
        self._number = self._states[0][0] if self._states else 0
        self._opened: dict[str, Any] = {}
        self._needed: set[Path] = set()

    # -- reading ----------------------------------------------------------------------------------------------------

    def seed(self, given: int) -> int:
        """Give the seed of the session in the folder, ``given`` if there is none yet."""
        bodies = (r.body for r in (self._states[0][1] if self._states else self.folder.read_journal(self._number)))
        return next((int(body["open"]["seed"]) for body in bodies if "open" in body), given)

    def open(self) -> None:
        """Read what is there, and go on from it as after a restart of the server."""
        engine, runtime = self._engine, self._engine._runtime
        self._start_ns = engine.now_ns
        clock, engine._clock = engine._clock, VirtualClock(engine.now_ns)
        try:
            with _usable(self.folder.path):
                faults = self._recover()
        finally:
            reached, engine._clock = engine._clock.now_ns, clock
        found = self._committed > 0
        history = engine._history
        if found:
            if clock.virtual:
                clock.now_ns = reached
            beginning = replace(Checkpoint.of(engine, 0), **self._nothing())
            history.beginning, history.earlier = beginning, self._earlier
            history.count = self._committed
            history.checkpoints = [Checkpoint.of(engine, self._committed)]
        with _usable(self.folder.path):
            segment = self.folder.append_to(self.folder.last_segment())
        opening = self._opening()
        if not segment.size or self._opened != opening["open"]:
            self._append(written(opening), True)
        engine.store.on_change = self._note
        runtime.on_moment = self._moment
        self._cache.watch()
        if engine.persist_cache:
            runtime.unkept = self._cache.unkept
        if found:
            engine.restart()
            if faults:
                engine.clear_faults()

    def _opening(self) -> dict[str, Any]:
        engine = self._engine
        return {"open": {"start_ns": self._start_ns, "seed": engine.seed, "limits": list(engine.store.catalog.limits)}}

    def _nothing(self) -> dict[str, Any]:
        from pe_kit.engine.cache import CacheStore
        from pe_kit.store.store import Store

        engine = self._engine
        empty = Store(lambda: self._start_ns, *engine.store.catalog.limits)
        return {
            "event": 0, "now_ns": self._start_ns, "ticks_from_ns": self._start_ns, "flush_due_ns": None,
            "store": empty.snapshot(), "writers": (), "cache": CacheStore(lambda: self._start_ns), "lost": (),
            "triggers": (), "routes": {}, "logbook": (), "calls": 0,
            "random_state": random.Random(engine.seed).getstate(), "files": {},
        }  # fmt: skip

    def _recover(self) -> bool:
        engine, faults = self._engine, False
        number, states, self._states = self._number, self._states, []
        pieces = [pieces_of(state[0].body["store"], self.folder) for _, state in states]
        self._needed = pieces[0] if pieces else set()
        self.folder.sort_pieces(self._needed, pieces[1] if len(pieces) > 1 else set())
        if states:
            faults = self._restore(states[0][1])
        self.folder.missing_segments(number)
        limits = engine.store.catalog.limits
        events: dict[int, Event] = {}
        for record in self.folder.read_journal(number):
            if "open" in record.body:
                self._reopen(record.body["open"])
                continue
            event = self._event(record)
            try:
                self._redo(record, event)
            except Exception as error:  # only after damage: what is left is done as far as it can be
                self.folder.damage.append(
                    f"{self.folder.path / 'journal'}: event {event.id} ({event.kind}) cannot be done again: {error}"
                )
            faults = bool(record.body.get("faults"))
            events[event.id] = self._as_it_ended(event, record)
        engine.store.catalog.limits = limits
        self._committed = max(self._committed, *events) if events else self._committed
        engine._history._events = list(events.values())
        return faults

    def _reopen(self, opening: Mapping[str, Any]) -> None:
        engine = self._engine
        self._opened = dict(opening)
        self._start_ns = engine._runtime.ticks_from_ns = opening["start_ns"]
        engine.store.catalog.limits = CatalogLimits(*opening["limits"])

    def _event(self, record: Record) -> Event:
        number, kind, time_ns, database, data = record.body["event"]
        return Event(number, kind, time_ns, database, unpack(data, record.blobs))

    @staticmethod
    def _as_it_ended(event: Event, record: Record) -> Event:
        """Give what an event has come to that was never ended: time until the last part that was written."""
        reached = record.body["now"]
        if not record.body.get("part"):
            return event
        if event.kind == "backtest":
            return replace(event, data={**event.data, "until": reached})
        return replace(event, data={"t": reached}) if event.kind == "advance_to" else event

    def _redo(self, record: Record, event: Event) -> None:
        engine, runtime, body = self._engine, self._engine._runtime, record.body
        clock: Any = engine._clock
        for method, now_ns, arguments in body.get("ops", ()):
            clock.now_ns = now_ns
            given = unpack(arguments, record.blobs)
            if method in ("write", "load") and "data" not in given:
                given = {**{k: event.data[k] for k in _WRITE if k in event.data}, **given}
            getattr(engine.store, method)(**given)
        clock.now_ns = body["now"]
        runtime.calls, runtime.flush_due_ns = body["calls"], body["due"]
        runtime._writers = {database: [None] for database, _, _ in engine.store.waiting()}
        if "triggers" in body:
            self._take_triggers(body["triggers"])
        self._cache.redo(body, record.blobs)
        if event.kind == "write_plugin" and not body.get("refused"):
            self._take_plugin(event.data["filename"], event.time_ns, event.data["source"])

    def _restore(self, state: list[Record]) -> bool:
        engine, runtime = self._engine, self._engine._runtime
        head, blobs = state[0].body, state[0].blobs
        clock: Any = engine._clock
        clock.now_ns = head["now"]
        self._reopen(head["open"])
        restore_image(engine.store, head["store"], lambda part: unpack(part, blobs), self.folder)
        self._committed = head["event"]
        runtime.calls, runtime.flush_due_ns, runtime.ticks_from_ns = head["calls"], head["due"], head["ticks"]
        runtime._writers = {database: [None] for database, _, _ in engine.store.waiting()}
        self._take_triggers(head["triggers"])
        for filename, time_ns, source in head["plugins"]:
            self._take_plugin(filename, time_ns, source)
        for record in state[1:-1]:
            self._cache.take(record.body["cache"], record.blobs)
        return bool(head["faults"])

    def _take_plugin(self, filename: str, time_ns: int, source: str) -> None:
        """Know a content of a plugin file; one that was lost in the kit's own plugin folder is put back."""
        engine = self._engine
        if engine._code is None:
            return
        engine._code.names.add(filename)
        engine._code.registry.remember(filename, time_ns, source)
        if engine.plugin_dir == self.folder.path / "plugins":
            path = engine.plugin_dir / filename
            if not path.exists() or (source and not path.stat().st_size):
                with suppress(PeKitError):
                    engine._code.folder.write(filename, source)

    def _take_triggers(self, rows: list[dict[str, Any]]) -> None:
        triggers = []
        for row in rows:
            spec = parse_spec(row["spec"])
            schedule = Schedule.of(spec) if spec.kind in ("every", "cron") else None
            triggers.append(Trigger(**{**row, "spec": spec, "schedule": schedule}))
        self._engine._runtime.triggers.take(triggers, {})

    def _earlier(self, before: int) -> list[Event]:
        found: dict[int, Event] = {}
        for record in self.folder.read_journal(0):
            if "event" in record.body and record.body["event"][0] < before:
                event = self._event(record)
                found.pop(event.id, None)
                found[event.id] = self._as_it_ended(event, record)
        return sorted(found.values(), key=lambda event: event.id)

    # -- writing ----------------------------------------------------------------------------------------------------

    def _note(self, method: str, now_ns: int, arguments: dict[str, Any]) -> None:
        self._changes.append((method, now_ns, arguments))
        data = arguments.get("data", "")
        part = arguments.get("part")
        self._pending += 200 + (len(data) if isinstance(data, str) else 0) + (0 if part is None else 40 * len(part))
        if not self._engine._clock.virtual:
            self.commit(part=self._engine._history.count > self._committed)  # it may belong to no call

    def _moment(self) -> None:
        """Between two moments of virtual time: write down a part of a long call."""
        if self._pending >= PART_BYTES and self._engine._clock.virtual and self._engine._runtime.quiet:
            self.commit(part=True)
            self.after_event(self._engine._runtime.collector, part=True)

    def commit(self, sync: bool = False, part: bool = False, refused: bool = False) -> None:
        """Write down the events that are not yet, the newest of them with all changes.

        Args:
            sync: it is on the disk when this returns.
            part: the newest event goes on. refused: it raised.

        Raises:
            StorageError: the disk refused; what was asked for is not acknowledged, and the engine can only be read.
        """
        history = self._engine._history
        fresh = [event for event in history._events[-8:] if event.id > self._committed]
        if not fresh and history._events:
            fresh = history._events[-1:]
        data = b"".join(self._record(event, {}) for event in fresh[:-1])
        if fresh:
            flags = {"part": True} if part else {"refused": True} if refused else {}
            data += self._record(fresh[-1], flags, whole=True)
        self._append(data, sync)
        if fresh:
            self._committed = fresh[-1].id if not part else fresh[-1].id - 1

    def _record(self, event: Event, flags: Mapping[str, Any], whole: bool = False) -> bytes:
        runtime = self._engine._runtime
        packer, asked = Packer(), dict(event.data)
        if event.kind == "backtest" and not isinstance(asked["data"], str | Path):
            asked["data"] = Unwritable(type(asked["data"]).__name__)  # its rows are among the changes
        body: dict[str, Any] = {
            "event": [event.id, event.kind, event.time_ns, event.database, packer.pack(asked)],
            "now": self._engine.now_ns, "calls": runtime.calls, "due": runtime.flush_due_ns, **flags,
        }  # fmt: skip
        if whole:
            if runtime.faults.rules:
                body["faults"] = True
            changes, self._changes, self._pending = self._changes, [], 0
            if changes:
                own = event.data  # what a change has from its event is not written twice
                body["ops"] = [
                    [method, now_ns, {k: packer.pack(v) for k, v in arguments.items() if own.get(k, _OWN) is not v}]
                    if arguments.get("data", _OWN) is own.get("data")
                    else [method, now_ns, {k: packer.pack(v) for k, v in arguments.items()}]
                    for method, now_ns, arguments in changes
                ]
            if runtime.triggers.changes != self._trigger_changes or event.kind == "declare_duration":
                self._trigger_changes = runtime.triggers.changes
                body["triggers"] = self._trigger_rows()
            if self._engine.persist_cache:
                body.update(self._cache.changes(packer))
        return written(body, packer.blobs)

    def _append(self, data: bytes, sync: bool) -> None:
        if self.failed is not None:
            raise self.failed
        assert self.folder.segment is not None
        try:
            self.folder.segment.append(data, sync)
        except OSError as error:
            self.failed = StorageError(
                f"{self.folder.segment.path} cannot be written: {error.strerror or error}; the last call is not stored",
                mend="What is in memory can still be read. Mend the disk, then open the folder with a new Engine.",
            )
            raise self.failed from error

    def _trigger_rows(self) -> list[dict[str, Any]]:
        names = ("name", "database", "path", "arguments", "run_async", "error_behavior", "disabled", "order")
        return [
            {**{name: getattr(t, name) for name in names}, "spec": t.spec.text, "declared_ns": t.declared_ns}
            for t in self._engine._runtime.triggers
        ]

    # -- checkpoints ------------------------------------------------------------------------------------------------

    def after_event(self, collector: Collector | None, part: bool = False) -> None:
        """Make a checkpoint when the journal has grown enough; a failure is a note, the journal has it all."""
        segment = self.folder.segment
        if segment is not None and segment.size >= CHECKPOINT_BYTES and self.failed is None:
            try:
                self.checkpoint(part)
            except StorageError as error:
                if collector is not None:
                    collector.note(error.message)

    def checkpoint(self, part: bool = False) -> None:
        """Write new rows as Parquet, begin a new segment of the journal, remove what is not needed any more.

        Raises:
            StorageError: the disk refused; nothing is lost, the journal goes on.
        """
        engine, folder = self._engine, self.folder
        segment = folder.segment
        assert segment is not None
        try:
            segment.sync()
            store_tables(engine.store, folder)
            packer = Packer()
            image = store_image(engine.store, packer.pack, folder.path)
            number = segment.number + 1
            data = self._state(image, packer, part)
            folder.append_to(number)
            self._append(written(self._opening()), True)
            folder.save_state(number, data)
            before, self._needed = self._needed, pieces_of(image, folder)
            engine._history.leave_to(self._earlier, HISTORY_BYTES)
            folder.sort_pieces(self._needed, before)
            folder.forget()
        except OSError as error:
            raise StorageError(
                f"no checkpoint of {folder.path}: {error.strerror or error}; the journal keeps what was written",
                mend="Make room on the disk and call engine.checkpoint() again.",
            ) from error

    def _state(self, image: dict[str, Any], packer: Packer, part: bool) -> bytes:
        engine, runtime = self._engine, self._engine._runtime
        head = {
            **self._opening(), "store": image, "event": engine._history.count, "now": engine.now_ns,
            "calls": runtime.calls, "due": runtime.flush_due_ns, "ticks": runtime.ticks_from_ns,
            "triggers": self._trigger_rows(), "faults": bool(runtime.faults.rules),
            "plugins": engine._code.registry.remembered() if engine._code is not None else [],
        }  # fmt: skip
        lines = [written(head, packer.blobs), *(self._cache.records() if engine.persist_cache else ())]
        return b"".join(lines) + written({"end": len(lines) + 1})

    def close(self) -> None:
        """Sync what is not yet and let go of the folder."""
        engine = self._engine
        engine.store.on_change = engine._runtime.on_moment = engine._runtime.unkept = None
        try:
            if self.failed is None and self.folder.segment is not None:
                if self._changes:
                    self.commit()
                self.folder.segment.sync()
        finally:
            self.folder.close()


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the data folder {path} cannot be used: {error.strerror or error}",
            mend="It needs a folder that can be written to, and room on the disk.",
        ) from error
