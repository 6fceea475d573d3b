"""The first rows that runs wrote, table by table, read back from their line protocol."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

from pe_kit.clock import as_text
from pe_kit.engine.outcome import Run

__all__ = ["WrittenTable", "written_tables"]

_SIZE = 300_000
"""Characters of line protocol that are read: more would take long and find no room."""


class WrittenTable(NamedTuple):
    """Rows of one table: ``columns`` in order of appearance, ``time`` last; absent values are absent keys."""

    database: str
    table: str
    columns: list[str]
    rows: list[dict[str, Any]]


def written_tables(runs: Iterable[Run], most: int) -> list[WrittenTable]:
    """Read the first ``most`` lines that reached the database; fewer when they are very long."""
    from pe_kit.lineprotocol.grammar import parse

    tables: dict[tuple[str, str], WrittenTable] = {}
    size = 0
    for entry in islice((entry for run in runs for entry in run.written), most):
        if tables and size > _SIZE:
            break
        size += len(entry.line)
        for line in (item.line for item in parse(entry.line) if item.line is not None):
            row: dict[str, Any] = dict(line.tags)
            row.update((key, value) for key, _, value in line.fields)
            table = WrittenTable(entry.database, line.measurement, [], [])
            table = tables.setdefault((table.database, table.table), table)
            table.columns.extend(key for key in row if key not in table.columns)
            table.rows.append(row | {"time": as_text(entry.time_ns if line.timestamp is None else line.timestamp)})
    return [t._replace(columns=[*t.columns, "time"]) for t in tables.values()]
