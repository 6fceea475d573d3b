"""Where a backtest's data comes from: frames, Arrow, and files that may be larger than memory, in pieces."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pyarrow as pa

from pe_kit.errors import UsageError, near_match
from pe_kit.store.frames import as_payload

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

__all__ = ["Source", "source"]

PIECE_ROWS = 65_536
PIECE_BYTES = 8 * 1024 * 1024
_SAMPLE_BYTES = 1024 * 1024
_ENDINGS = (".parquet", ".csv", ".arrow", ".feather", ".lp", ".txt")

Pieces: TypeAlias = Iterator[str | pa.Table]


class Source(NamedTuple):
    """Data piece by piece, and about how many rows there are; None: who knows."""

    pieces: Pieces
    rows: float | None = None


def source(data: Any, table: str | None, order: str = "time") -> Source:
    """Look at the data of a backtest.

    Args:
        data: what ``Engine.write`` takes; a ``pyarrow.RecordBatchReader``; the path or URL of a Parquet, CSV, Arrow IPC
            or line protocol file or of a folder of Parquet files, or a list of such.
        table: the table of data that is not line protocol.
        order: frames are put in the order of this column; files are read as they are.

    Raises:
        UsageError: a file that is not there or of another kind, or no ``table`` for a frame.
    """
    if _is_path(data):
        return _file(str(data), table)
    if isinstance(data, list | tuple) and data and all(map(_is_path, data)):
        return _joined([_file(str(path), table) for path in data])
    if isinstance(data, pa.RecordBatchReader):
        return Source(_tables(data))
    payload = as_payload(data, table)
    if isinstance(payload, str):
        return Source(iter([payload]), payload.count("\n") + 1)
    if order in payload.column_names and not _ascends(payload[order]):
        payload = payload.sort_by(order)
    return Source(_tables(payload.to_batches(max_chunksize=PIECE_ROWS)), payload.num_rows)


def _is_path(data: Any) -> bool:
    if isinstance(data, str):
        return "\n" not in data and (data.endswith(_ENDINGS) or "://" in data.partition(" ")[0])
    return isinstance(data, Path)


def _ascends(column: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    return len(column) < 2 or pc.all(pc.less_equal(column[:-1], column[1:])).as_py() is True


def _tables(batches: Iterable[pa.RecordBatch]) -> Pieces:
    return (pa.Table.from_batches([batch]) for batch in batches)


def _joined(sources: list[Source]) -> Source:
    counts = [found.rows for found in sources if found.rows is not None]
    pieces = (piece for found in sources for piece in found.pieces)
    return Source(pieces, sum(counts) if len(counts) == len(sources) else None)


def _file(where: str, table: str | None) -> Source:
    import pyarrow.fs as pafs

    local = "://" not in where
    files, path = (pafs.LocalFileSystem(), str(Path(where).absolute())) if local else pafs.FileSystem.from_uri(where)
    found = files.get_file_info(path)
    if found.type == pafs.FileType.NotFound:
        folder = Path(path).parent
        near = near_match(Path(path).name, (p.name for p in folder.iterdir())) if folder.is_dir() else ""
        raise UsageError(f"there is no {where}", mend=near)
    paths, kind = [path], Path(path).suffix.lower()
    if found.type == pafs.FileType.Directory:
        inside = files.get_file_info(pafs.FileSelector(path, recursive=True))
        paths, kind = sorted(info.path for info in inside if info.path.endswith(".parquet")), ".parquet"
    if kind not in _ENDINGS:
        mend = f"Known endings: {', '.join(_ENDINGS)}."
        raise UsageError(f"{found.base_name}: files of this kind are not read", mend=mend)
    if table is None and kind not in (".lp", ".txt"):
        raise UsageError(f"{found.base_name} needs the name of its table", mend="Pass table='...', and tags=[...].")
    read = {".parquet": _parquet, ".csv": _csv, ".arrow": _arrow, ".feather": _arrow}.get(kind, _text)
    return _joined([read(files, path) for path in paths])


def _parquet(files: FileSystem, path: str) -> Source:
    import pyarrow.parquet as pq

    def pieces() -> Pieces:
        with files.open_input_file(path) as opened, pq.ParquetFile(opened) as parquet:
            yield from _tables(parquet.iter_batches(batch_size=PIECE_ROWS))

    with files.open_input_file(path) as opened:
        return Source(pieces(), pq.read_metadata(opened).num_rows)


def _arrow(files: FileSystem, path: str) -> Source:
    def pieces() -> Pieces:
        with files.open_input_file(path) as opened:
            reader = pa.ipc.open_file(opened)
            yield from _tables(map(reader.get_batch, range(reader.num_record_batches)))

    return Source(pieces())


def _csv(files: FileSystem, path: str) -> Source:
    import pyarrow.csv

    def pieces() -> Pieces:
        with files.open_input_stream(path) as opened:
            yield from _tables(pyarrow.csv.open_csv(opened))

    return Source(pieces(), _lines(files, path))


def _text(files: FileSystem, path: str) -> Source:
    """Line protocol by whole lines, some megabytes at a time; a quoted line feed stays in its piece."""

    def pieces() -> Pieces:
        kept: list[str] = []
        size = 0
        with io.TextIOWrapper(files.open_input_stream(path), encoding="utf-8", newline="") as lines:
            for line in lines:
                kept.append(line)
                size += len(line)
                if size >= PIECE_BYTES and line.count('"') % 2 == 0:
                    yield "".join(kept)
                    kept, size = [], 0
        if kept:
            yield "".join(kept)

    return Source(pieces(), _lines(files, path))


def _lines(files: FileSystem, path: str) -> float:
    """Say about how many lines a file has, by its size and how it begins."""
    with files.open_input_stream(path) as opened:
        begin = opened.read(_SAMPLE_BYTES)
    return float(files.get_file_info(path).size * begin.count(b"\n") / max(len(begin), 1))
