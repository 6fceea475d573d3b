"""Where a backtest's data comes from: frames, Arrow, and files that may be larger than memory, in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pe_kit.errors import UsageError, near_match
from pe_kit.store.frames import as_payload

__all__ = ["pieces"]

PIECE_ROWS = 65_536
PIECE_BYTES = 8 * 1024 * 1024
_ENDINGS = (".parquet", ".csv", ".arrow", ".feather", ".lp", ".txt")


def pieces(data: Any, table: str | None) -> Iterator[str | pa.Table]:
    """Give data piece by piece, in the order in which it is stored.

    Args:
        data: what ``Engine.write`` takes, or a path (text or Path) of a Parquet, CSV, Arrow IPC or line protocol file,
            or a folder of Parquet files.
        table: the table of data that is not line protocol.

    Raises:
        UsageError: a file of another kind, or no ``table`` for a frame.
    """
    if isinstance(data, Path) or (isinstance(data, str) and "\n" not in data and data.endswith(_ENDINGS)):
        yield from _file(Path(data), table)
        return
    payload = as_payload(data, table)
    if isinstance(payload, str):
        yield payload
        return
    for batch in payload.to_batches(max_chunksize=PIECE_ROWS):
        yield pa.Table.from_batches([batch])


def _file(path: Path, table: str | None) -> Iterator[str | pa.Table]:
    if not path.exists():
        near = near_match(path.name, (p.name for p in path.parent.iterdir())) if path.parent.is_dir() else ""
        raise UsageError(f"there is no {path}", mend=near)
    kind = path.suffix.lower()
    if kind in (".lp", ".txt"):
        yield from _text(path)
        return
    if table is None:
        raise UsageError(f"{path.name} needs the name of its table", mend="Pass table='...', and tags=[...].")
    if path.is_dir() or kind == ".parquet":
        import pyarrow.parquet as pq

        for file in sorted(path.glob("**/*.parquet")) if path.is_dir() else [path]:
            with pq.ParquetFile(file) as parquet:
                for batch in parquet.iter_batches(batch_size=PIECE_ROWS):
                    yield pa.Table.from_batches([batch])
    elif kind == ".csv":
        import pyarrow.csv

        for batch in pyarrow.csv.open_csv(path):
            yield pa.Table.from_batches([batch])
    elif kind in (".arrow", ".feather"):
        with pa.memory_map(str(path)) as mapped:
            reader = pa.ipc.open_file(mapped)
            for number in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(number)])
    else:
        raise UsageError(f"{path.name}: files of this kind are not read", mend=f"Known endings: {', '.join(_ENDINGS)}.")


def _text(path: Path) -> Iterator[str]:
    """Line protocol by whole lines, some megabytes at a time; a quoted line feed stays in its piece."""
    kept: list[str] = []
    size = 0
    with path.open(encoding="utf-8", newline="") as file:
        for line in file:
            kept.append(line)
            size += len(line)
            if size >= PIECE_BYTES and line.count('"') % 2 == 0:
                yield "".join(kept)
                kept, size = [], 0
    if kept:
        yield "".join(kept)
