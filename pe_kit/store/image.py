"""A store as plain data: what exists, where its rows lie on the disk, what waits in the WAL buffer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pe_kit.store.catalog import CatalogState, DatabaseDef, Deleted
from pe_kit.store.pieces import StoredChunk
from pe_kit.store.tabledef import TableDef

if TYPE_CHECKING:
    from pe_kit.store.database import Database
    from pe_kit.store.disk import DataFolder
    from pe_kit.store.store import Store

__all__ = ["pieces_of", "restore_image", "store_image", "store_tables"]

_NO_LIMIT = 2**62


def store_tables(store: Store, folder: DataFolder) -> None:
    """Write all rows that lie in memory only into pieces."""
    from pe_kit.store import files

    for name, database in store.live.items():
        for table in database.table_names():
            wrote: set[Path] = set()

            def write(batch: Any, database: str = name, table: str = table, wrote: set[Path] = wrote) -> StoredChunk:
                path = folder.new_piece(database, table)
                wrote.add(path.parent)
                return StoredChunk.write(path, batch, folder.pieces)

            database.table(table).store(write)
            for place in wrote:
                files.sync_folder(place)


def store_image(store: Store, pack: Callable[[Any], Any], root: Path) -> dict[str, Any]:
    """Give everything but the rows that lie on the disk, whose files it names, as JSON has it."""
    state = store.catalog.state
    return {
        "databases": {n: _database_image(d, store.live.get(n), root) for n, d in state.databases.items()},
        "deleted": {n: _database_image(d, None, root) for n, d in state.deleted.items()},
        "buffer": [[db, table, [pack(part) for part in parts]] for db, table, parts in store.waiting()],
    }


def _database_image(found: DatabaseDef, live: Database | None, root: Path) -> dict[str, Any]:
    image: dict[str, Any] = {
        "name": found.name,
        "retention_ns": found.retention_ns,
        "hard_delete_ns": found.hard_delete_ns,
        "tables": {name: {"columns": table.columns} for name, table in found.tables.items()},
        "deleted": {n: [d.table.name, d.table.columns, d.hard_delete_ns] for n, d in found.deleted.items()},
    }
    if live is not None:
        for name, table in image["tables"].items():
            chunks, table["end"] = live.table(name).pieces()
            stored = [chunk for chunk in chunks if isinstance(chunk, StoredChunk)]
            table["pieces"] = [{**c.facts, "file": c.path.relative_to(root).as_posix()} for c in stored]
        image["last"] = [asdict(d) for d in live.last.definitions()]
        image["distinct"] = [asdict(d) for d in live.distinct.definitions()]
    return image


def pieces_of(image: dict[str, Any], folder: DataFolder) -> set[Path]:
    """Name the files of an image."""
    tables = (table for database in image["databases"].values() for table in database["tables"].values())
    return {folder.place_of(piece["file"]) for table in tables for piece in table.get("pieces", ())}


def restore_image(store: Store, image: dict[str, Any], unpack: Callable[[Any], Any], folder: DataFolder) -> None:
    """Make an empty store what an image says; the rows stay on the disk until they are asked for."""
    live = {name: _database_def(d) for name, d in image["databases"].items()}
    store.catalog.state = CatalogState(live, {name: _database_def(d) for name, d in image["deleted"].items()})
    for name, found in image["databases"].items():
        for table, body in found["tables"].items():
            chunks = [StoredChunk(folder.place_of(p["file"]), p, folder.pieces) for p in body.get("pieces", ())]
            for chunk in chunks:
                chunk.check()
            if chunks or body.get("end"):
                store.table(name, table).adopt(tuple(chunks), body["end"])
        for definition in found.get("last", ()):
            store.create_last_cache(name, definition.pop("table"), ttl=definition.pop("ttl_seconds"), **definition)
        for definition in found.get("distinct", ()):
            age = definition.pop("max_age_seconds")
            store.create_distinct_cache(name, definition.pop("table"), max_age=age, **definition)
    for database, table, parts in image["buffer"]:
        store.wait(database, table, [unpack(part) for part in parts])


def _database_def(image: dict[str, Any]) -> DatabaseDef:
    tables = {name: _table_def(name, table["columns"].items()) for name, table in image["tables"].items()}
    deleted = {n: Deleted(_table_def(old, c.items()), at) for n, (old, c, at) in image["deleted"].items()}
    return DatabaseDef(image["name"], image["retention_ns"], tables, deleted, image["hard_delete_ns"])


def _table_def(name: str, columns: Iterable[tuple[str, str]]) -> TableDef:
    table = TableDef(name)
    for column, kind in columns:
        table.add(column, kind, _NO_LIMIT)
    return table
