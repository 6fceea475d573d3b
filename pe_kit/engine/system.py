"""What the engine contributes to the ``system`` tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pe_kit.store import system

if TYPE_CHECKING:
    import pyarrow as pa

    from pe_kit.engine.runtime import Runtime
    from pe_kit.store.store import Store

__all__ = ["add_system_sources"]


def add_system_sources(store: Store, runtime: Runtime) -> None:
    """Register the ``processing_engine_*`` tables and ``plugin_files``; each takes the database that is queried."""

    def triggers(database: str) -> pa.Table:
        return system.triggers_table(
            [
                (t.name, t.path, t.spec.json, t.disabled, t.error_behavior)
                for t in tuple(runtime.triggers)
                if t.database == database
            ]
        )

    def arguments(database: str) -> pa.Table:
        return system.trigger_arguments_table(
            [
                (t.name, key, value)
                for t in tuple(runtime.triggers)
                if t.database == database
                for key, value in (t.arguments or {}).items()
            ]
        )

    def logs(_: str) -> pa.Table:
        return system.logs_table([(r.time_ns, r.trigger_name, r.level, r.text) for r in tuple(runtime.logbook)])

    def files(_: str) -> pa.Table:
        folder = runtime.folder
        if folder is None:
            return system.plugin_files_table([])
        rows = [file for t in tuple(runtime.triggers) for file in folder.files_of(t.name, t.path)]
        return system.plugin_files_table(rows)

    store.system_sources["processing_engine_triggers"] = triggers
    store.system_sources["processing_engine_trigger_arguments"] = arguments
    store.system_sources["processing_engine_logs"] = logs
    store.system_sources["plugin_files"] = files
