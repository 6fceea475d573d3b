"""The whole state of a session at one moment, and an engine that goes on from it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pe_kit.engine.records import LogRow
from pe_kit.engine.trigger_table import Trigger
from pe_kit.plugins.repository import PREFIX

if TYPE_CHECKING:
    from pe_kit.engine.cache import CacheStore
    from pe_kit.engine.engine import Engine
    from pe_kit.engine.faults import Faults

__all__ = ["Checkpoint", "plugin_files"]


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The state after the event ``event`` (0: the beginning): it shares the tables and copies the rest.

    Attributes:
        lost: names of cache values that cannot be copied.
    """

    event: int
    now_ns: int
    ticks_from_ns: int
    flush_due_ns: int | None
    store: Any
    writers: tuple[str, ...]
    cache: CacheStore
    lost: tuple[str, ...]
    triggers: tuple[Trigger, ...]
    routes: Mapping[str, tuple[str, str]]
    logbook: tuple[LogRow, ...]
    calls: int
    random_state: Any
    files: Mapping[str, bytes]
    faults: Faults

    @classmethod
    def of(cls, engine: Engine, event: int) -> Checkpoint:
        """Take the state of an engine as it is now, after an event."""
        runtime, code = engine._runtime, engine._code
        cache, lost = runtime.cache.snapshot()
        return cls(
            event=event,
            now_ns=engine.now_ns,
            ticks_from_ns=runtime.ticks_from_ns,
            flush_due_ns=runtime.flush_due_ns,
            store=engine.store.snapshot(),
            writers=tuple(runtime._writers),
            cache=cache,
            lost=tuple(lost),
            triggers=tuple(t.copy() for t in runtime.triggers),
            routes=dict(runtime.triggers.routes),
            logbook=tuple(runtime.logbook),
            calls=runtime.calls,
            random_state=engine._random.getstate(),
            files={}
            if code is None
            else plugin_files(code.folder.path, code.names | {t.path for t in runtime.triggers}),
            faults=runtime.faults.copy(),
        )

    def revive(self, engine: Engine, sources: Mapping[str, str] | None = None) -> Engine:
        """Make an engine that is where ``engine`` was, with a plugin folder of its own.

        Args:
            sources: plugin files that are other than they were: name -> source.
        """
        folder = None if engine._code is None else tempfile.mkdtemp(prefix="pe_kit-plugins-")
        twin = type(engine)(start=self.now_ns, plugin_dir=folder, **engine._settings)
        if folder is not None and engine._code is not None and twin._code is not None:
            twin._own(folder)
            mine, its, sources = engine._code.folder, twin._code.folder, sources or {}
            given = {name: text.encode() for name, text in sources.items()}
            for name, content in {**engine._history.first_files(), **self.files, **given}.items():
                (its.path / name).parent.mkdir(parents=True, exist_ok=True)
                (its.path / name).write_bytes(content)
            its.home, twin._runtime.own = mine.home, engine._runtime.own
            its.held = {**mine.held, **mine.fetched()} | {k: v for k, v in sources.items() if k.startswith(PREFIX)}
        twin.store.restore(self.store)
        twin._random.setstate(self.random_state)
        twin._history.count = self.event
        twin._runtime.restore(self, [r for r in engine._runtime.runs if r.event.id <= self.event])
        return twin


def plugin_files(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Read plugin files and folders by name; what cannot be read is left out."""
    out: dict[str, bytes] = {}
    for name in sorted(names):
        path = folder / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if "__pycache__" not in file.parts:
                with suppress(OSError, ValueError):
                    out[file.relative_to(folder).as_posix()] = file.read_bytes()
    return out
