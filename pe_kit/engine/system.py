"""What the engine contributes to the ``system`` tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pe_kit.engine.runtime import Runtime
    from pe_kit.engine.trigger_table import Trigger
    from pe_kit.plugins.source import PluginFile
    from pe_kit.store.store import Store

__all__ = ["add_system_sources"]


def add_system_sources(store: Store, runtime: Runtime) -> None:
    """Register the ``processing_engine_*`` tables and ``plugin_files``; each takes the database that is queried."""

    def of(database: str) -> list[Trigger]:
        return [t for t in tuple(runtime.triggers) if t.database == database]

    def files() -> list[PluginFile]:
        folder, triggers = runtime.folder, tuple(runtime.triggers)
        return [] if folder is None else [file for t in triggers for file in folder.files_of(t.name, t.path)]

    store.system_sources |= {
        "processing_engine_triggers": lambda db: [
            (t.name, t.path, t.spec.json, t.disabled, t.error_behavior) for t in of(db)
        ],
        "processing_engine_trigger_arguments": lambda db: [
            (t.name, key, value) for t in of(db) for key, value in (t.arguments or {}).items()
        ],
        "processing_engine_logs": lambda _: [
            (r.time_ns, r.trigger_name, r.level, r.text) for r in tuple(runtime.logbook)
        ],
        "plugin_files": lambda _: files(),
    }
