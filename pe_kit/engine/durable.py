"""A session in a data folder: what is written down when. How it is read back is in :mod:`pe_kit.engine.recovery`.

Each call of the user is one record: the event, the changes of the store that it caused, in order and with their times,
and what else is different after it: clock, triggers, plugin cache. So a call is there as a whole or not at all, and no
plugin runs again when a folder is opened. Long calls are written in parts, each of which ends between two moments of
virtual time; a folder that was left in the middle of one opens at the last such moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pe_kit.engine.keptcache import KeptCache
from pe_kit.engine.records import Event
from pe_kit.engine.recovery import Recovery
from pe_kit.errors import StorageError
from pe_kit.store.disk import DataFolder
from pe_kit.store.image import pieces_of, store_image, store_tables
from pe_kit.store.journal import written
from pe_kit.store.pack import Packer
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

_MISSING = object()


class Durable:
    """The data folder of one engine.

    Attributes:
        folder: the open folder. failed: why nothing can be written any more.
    """

    def __init__(self, engine: Engine, path: str | Path) -> None:
        self._engine = engine
        self.failed: StorageError | None = None
        self._changes: list[tuple[str, int, dict[str, Any]]] = []
        self._pending = 0
        self._cache = KeptCache(engine)
        self._trigger_changes = -1
        self._committed = 0
        with _usable(Path(path)):
            self.folder = DataFolder(path)
        self._recovery = Recovery(engine, self.folder, self._cache)

    def seed(self, given: int) -> int:
        """Give the seed of the session in the folder, ``given`` if there is none yet."""
        return int(self._recovery.opened.get("seed", given))

    def open(self) -> None:
        """Read what is there, and go on from it as after a restart of the server."""
        engine, runtime, recovery = self._engine, self._engine._runtime, self._recovery
        self._start_ns = engine.now_ns
        with _usable(self.folder.path):
            recovery.run()
            segment = self.folder.append_to(self.folder.last_segment())
        self._start_ns = recovery.opened.get("start_ns", self._start_ns)
        self._committed, self._needed = recovery.event, recovery.pieces
        opening = self._opening()
        if not segment.size or recovery.opened != opening["open"]:
            self._append(written(opening), True)
        engine.store.on_change = self._note
        runtime.on_moment = self._moment
        self._cache.watch()
        if engine.persist_cache:
            runtime.unkept = self._cache.unkept
        if recovery.event:
            engine.restart()
            if recovery.faults:
                engine.clear_faults()

    def _opening(self) -> dict[str, Any]:
        engine = self._engine
        return {"open": {"start_ns": self._start_ns, "seed": engine.seed, "limits": list(engine.store.catalog.limits)}}

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
            self.after_event(self._engine._runtime.collector)

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
        packer, asked = Packer(), event.data
        if event.kind == "backtest" and not isinstance(asked["data"], str | Path | list | tuple):
            asked = {**asked, "data": Unwritable(type(asked["data"]).__name__)}  # its rows are among the changes
        body: dict[str, Any] = {
            "event": [event.id, event.kind, event.time_ns, event.database, packer.pack(asked)],
            "now": self._engine.now_ns, "calls": runtime.calls, "due": runtime.flush_due_ns, **flags,
        }  # fmt: skip
        if whole:
            if runtime.faults.rules:
                body["faults"] = True
            changes, self._changes, self._pending = self._changes, [], 0
            ops = body["ops"] = []
            for method, now_ns, arguments in changes:
                if "data" in arguments and arguments["data"] is event.data.get("data"):  # not written twice
                    arguments = {k: v for k, v in arguments.items() if event.data.get(k, _MISSING) is not v}
                ops.append([method, now_ns, packer.pack(arguments)])
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

    def after_event(self, collector: Collector | None) -> None:
        """Make a checkpoint when the journal has grown enough; a failure is a note, the journal has it all."""
        segment = self.folder.segment
        if segment is not None and segment.size >= CHECKPOINT_BYTES and self.failed is None:
            try:
                self.checkpoint()
            except StorageError as error:
                if collector is not None:
                    collector.note(error.message)

    def checkpoint(self) -> None:
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
            data = self._state(image, packer)
            folder.append_to(number)
            self._append(written(self._opening()), True)
            folder.save_state(number, data)
            before, self._needed = self._needed, pieces_of(image, folder)
            engine._history.leave_to(self._recovery.earlier, HISTORY_BYTES)
            folder.sort_pieces(self._needed, before)
            folder.forget()
        except OSError as error:
            raise StorageError(
                f"no checkpoint of {folder.path}: {error.strerror or error}; the journal keeps what was written",
                mend="Make room on the disk and call engine.checkpoint() again.",
            ) from error

    def _state(self, image: dict[str, Any], packer: Packer) -> bytes:
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
