"""Tables on the disk: each piece a Parquet file of at most :data:`pe_kit.store.upsert.CHUNK_ROWS` rows.

A piece is never changed. It is read when its rows are asked for, checked against its checksum, and kept in memory while
there is room. pandas and DuckDB read the same files.
"""

from __future__ import annotations

import io
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from pe_kit.store import files
from pe_kit.store.upsert import Chunk

__all__ = ["CACHED_BYTES", "PieceCache", "StoredChunk"]

CACHED_BYTES = 512 * 1024 * 1024


class PieceCache:
    """The pieces that were read last, and what was found damaged.

    Attributes:
        damaged: the files that were found damaged.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self.damaged: set[Path] = set()
        self.chunks: weakref.WeakValueDictionary[Path, StoredChunk] = weakref.WeakValueDictionary()
        self._kept: OrderedDict[Path, pa.RecordBatch] = OrderedDict()
        self._bytes = 0
        self.report = report

    def hold(self, path: Path) -> None:
        """Read a piece whose file is about to go, if anyone still has it."""
        chunk = self.chunks.get(path)
        if chunk is not None:
            chunk.hold()

    def get(self, path: Path) -> pa.RecordBatch | None:
        """Give a piece that is in memory."""
        found = self._kept.get(path)
        if found is not None:
            self._kept.move_to_end(path)
        return found

    def put(self, path: Path, batch: pa.RecordBatch) -> None:
        """Keep a piece, in the place of those not asked for the longest."""
        self._kept[path] = batch
        self._bytes += batch.nbytes
        while self._bytes > CACHED_BYTES and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= gone.nbytes


class StoredChunk(Chunk):
    """A chunk whose rows lie in a file. A damaged one is empty from the moment that this is noticed.

    Attributes:
        facts: what the catalog of pieces says of it.
    """

    __slots__ = ("__weakref__", "_cache", "_held", "facts", "path")
    path: Path
    facts: dict[str, Any]
    _cache: PieceCache
    _held: pa.RecordBatch | None

    def __init__(self, path: Path, facts: dict[str, Any], cache: PieceCache) -> None:
        own = {"path": path, "facts": facts, "_cache": cache, "_held": None, "start": 0, "numbers": None, "words": {}}
        for name, value in {**own, **{fact: facts[fact] for fact in ("low", "high", "sorted", "rising")}}.items():
            object.__setattr__(self, name, value)
        cache.chunks[path] = self

    @classmethod
    def write(cls, path: Path, batch: pa.RecordBatch, cache: PieceCache) -> StoredChunk:
        """Write rows into a new file, synced, its name in its folder not yet."""
        import pyarrow.parquet as pq

        sink = io.BytesIO()
        pq.write_table(pa.Table.from_batches([batch]), sink, row_group_size=batch.num_rows)
        data = sink.getvalue()
        files.write_new(path, data, folder_too=False)
        chunk = Chunk.of(batch)
        facts = {
            "rows": batch.num_rows, "low": chunk.low, "high": chunk.high, "sorted": chunk.sorted,
            "rising": chunk.rising, "bytes": len(data), "crc": zlib.crc32(data),
        }  # fmt: skip
        return cls(path, facts, cache)

    @property
    def stored(self) -> bool:
        """True: the rows lie in a file."""
        return True

    @property
    def batch(self) -> pa.RecordBatch:
        """The rows, read if need be."""
        if self._held is not None:
            return self._held
        found = self._cache.get(self.path)
        if found is None:
            found = self._read()
            self._cache.put(self.path, found)
        return found

    def __len__(self) -> int:
        return int(self.facts["rows"] if self._held is None else self._held.num_rows)

    def hold(self) -> None:
        """Keep the rows in memory, because the file is about to go."""
        object.__setattr__(self, "_held", self.batch)

    def check(self) -> None:
        """See whether the file is there in its length."""
        try:
            size = self.path.stat().st_size
        except OSError as error:
            self._damaged(error.strerror or "it cannot be read")
            return
        if size != self.facts["bytes"]:
            self._damaged(f"it has {size:,} bytes instead of {self.facts['bytes']:,}")

    def _read(self) -> pa.RecordBatch:
        import pyarrow.parquet as pq

        if self._held is None:
            try:
                data = files.read(self.path)
                if zlib.crc32(data) == self.facts["crc"]:
                    table = pq.read_table(pa.BufferReader(data), use_threads=False)
                    return table.unify_dictionaries().combine_chunks().to_batches()[0]
                self._damaged("its checksum is wrong")
            except (OSError, pa.ArrowException) as error:
                self._damaged(str(error))
        assert self._held is not None
        return self._held

    def _damaged(self, why: str) -> None:
        self._cache.report(f"{self.path}: {why}; its {self.facts['rows']:,} rows are lost, all others are readable")
        self._cache.damaged.add(self.path)
        empty = pa.RecordBatch.from_arrays(
            [pa.array([], pa.timestamp("ns"))], schema=pa.schema([pa.field("time", pa.timestamp("ns"), nullable=False)])
        )
        object.__setattr__(self, "_held", empty)
