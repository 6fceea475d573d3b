"""The rows of one table: Arrow batches, few however they came, without duplicates when they are read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import lru_cache, reduce
from typing import Any, NamedTuple

import pyarrow as pa

from pe_kit.store.rows import Part, TableRows
from pe_kit.store.tabledef import TableDef
from pe_kit.store.timespans import Span
from pe_kit.store.upsert import CHUNK_ROWS, Chunk, settle
from pe_kit.types import Row

__all__ = ["Reading", "Table", "TableState"]

LARGE_ROWS = 1_000_000
"""Of tables with more rows only those chunks are read that have times a plan asks for: that takes planning twice."""
_MERGED_ROWS = 65_536
_TAIL_ROWS = 4096
_versions = itertools.count(1)


class TableState(NamedTuple):
    """A snapshot of a table: everything is shared; of ``tail`` only the first ``tail_rows`` belong to it."""

    settled: tuple[Chunk, ...]
    fresh: tuple[Chunk, ...]
    tail: list[Row]
    tail_rows: int
    tail_start: int
    end: int


class Reading(NamedTuple):
    """What a query sees of a table, whatever is written meanwhile; pieces are read when their rows are asked for."""

    version: int
    schema: pa.Schema
    chunks: list[Chunk]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(map(len, self.chunks))

    @property
    def large(self) -> bool:
        """Whether reading only a part of it is worth a second look at the plan."""
        return self.rows > LARGE_ROWS

    def places(self, span: Span) -> tuple[int, ...]:
        """Say which chunks may have rows of a span of time."""
        return tuple(at for at, c in enumerate(self.chunks) if c.low <= span[1] and c.high >= span[0])

    def batches(self, places: Iterable[int]) -> list[pa.RecordBatch]:
        """Give the rows of some chunks, as :meth:`Table.batches` gives all."""
        return [_aligned(self.chunks[at].batch, self.schema) for at in places]


class Table:
    """The rows of one table.

    Small writes stay dicts until they are read or many. Small batches are merged with others of their size, so that
    their number grows with the logarithm of the number of writes. Upserts are done at the first read after a write, for
    the rows that the write touched, and their result is kept.

    Args:
        definition: gives the table's current definition.
        cutoff: gives the time before which rows are past the retention period, or None.
        lock: held while the table changes, which reading does too.
    """

    def __init__(
        self,
        definition: Callable[[], TableDef],
        cutoff: Callable[[], int | None],
        lock: AbstractContextManager[Any],
    ) -> None:
        self._definition = definition
        self._cutoff = cutoff
        self._lock = lock
        self._settled: tuple[Chunk, ...] = ()  # no two rows with equal tags and time
        self._fresh: tuple[Chunk, ...] = ()  # written after them
        self._tail: list[Row] = []  # written after those
        self._tail_start = 0
        self._end = 0
        self._version = 0
        self._schema_shown: pa.Schema | None = None
        self._cutoff_shown: int | None = None
        self._visible: list[Chunk] | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self._definition().name

    @property
    def series_key(self) -> tuple[str, ...]:
        """Its tags, by order of appearance."""
        return self._definition().series_key

    @property
    def schema(self) -> pa.Schema:
        """Its columns byte-sorted by name; tags ``dictionary<int32, utf8>``, ``time`` ``timestamp[ns]`` not null."""
        return self._definition().schema

    @property
    def version(self) -> int:
        """A number that is another one whenever :meth:`batches` may give something else."""
        with self._lock:
            schema, cutoff = self.schema, self._cutoff()
            if schema is not self._schema_shown or cutoff != self._cutoff_shown:
                self._schema_shown, self._cutoff_shown = schema, cutoff
                self._changed()
            return self._version

    def append(self, rows: TableRows) -> None:
        """Add flushed rows; the cost does not depend on how many there are already."""
        with self._lock:
            base = self._end
            for part in rows.parts:
                if part.rows is not None and part.numbers is None:
                    if not self._tail:
                        self._tail_start = base + part.start
                    self._tail += part.rows
                    if len(self._tail) >= _TAIL_ROWS:
                        self._store_tail()
                else:
                    self._store_tail()
                    self._store(part, base)
            self._end = base + rows.span
            self._changed()

    def batches(self) -> list[pa.RecordBatch]:
        """Give the rows: columns as in ``schema``, no two rows with equal tags and time, none past retention.

        Data that had no duplicates is what was written, not a copy.
        """
        reading = self.reading()
        return reading.batches(range(len(reading.chunks)))

    def reading(self) -> Reading:
        """Give what a query sees that begins now."""
        with self._lock:
            chunks = self._chunks()
            return Reading(self._version, self.schema, chunks)

    def extent(self) -> tuple[int, int | None, int | None]:
        """Count the rows that :meth:`batches` gives and name their first and last time, None if there are none."""
        chunks = self._chunks()
        first, last = min((c.low for c in chunks), default=None), max((c.high for c in chunks), default=None)
        return sum(map(len, chunks)), first, last

    def _chunks(self) -> list[Chunk]:
        with self._lock:
            assert self.version
            schema, cutoff = self._schema_shown, self._cutoff_shown
            if self._visible is None:
                self._store_tail()
                if self._fresh:
                    chunks = settle(self._settled, self._fresh, self.series_key)
                    self._settled = reduce(lambda done, chunk: _push(done, chunk, schema), chunks, ())
                    self._fresh = ()
                if cutoff is not None:
                    self._settled = tuple(c for c in self._settled if c.high >= cutoff)
                self._visible = [_visible(c, cutoff) for c in self._settled]
            return self._visible

    def store(self, write: Callable[[pa.RecordBatch], Chunk]) -> None:
        """Write what lies in memory only into pieces, small pieces that are there already with it.

        Lengths fall as they do in memory, so that there are few pieces and each row is written few times.
        """
        with self._lock:
            self._chunks()
            kept = [c for c in self._settled if c.stored and len(c)]
            loose = [c for c in self._settled if not c.stored]
            rows = sum(map(len, loose))
            while loose and kept and len(kept[-1]) <= rows and len(kept[-1]) <= CHUNK_ROWS // 2:
                rows += len(kept[-1])
                loose.insert(0, kept.pop())
            kept += [write(_joined([_aligned(c.batch, self.schema) for c in group])) for group in _groups(loose)]
            self._settled = tuple(kept)
            self._visible = None

    def adopt(self, pieces: tuple[Chunk, ...], end: int) -> None:
        """Begin with what :meth:`pieces` gave."""
        self._settled, self._end = pieces, end
        self._changed()

    def pieces(self) -> tuple[tuple[Chunk, ...], int]:
        """Give what :meth:`store` has left, and the place of the next row to be written."""
        return self._settled, self._end

    def freeze(self) -> TableState:
        """Give a snapshot, at no cost per row."""
        return TableState(self._settled, self._fresh, self._tail, len(self._tail), self._tail_start, self._end)

    def thaw(self, state: TableState) -> None:
        """Become what a snapshot says; the snapshot stays usable."""
        self._settled, self._fresh, tail, count, self._tail_start, self._end = state
        self._tail = tail[:count]
        self._changed()

    def _changed(self) -> None:
        self._version = next(_versions)
        self._visible = None

    def _store_tail(self) -> None:
        if self._tail:
            part = Part(self._tail)
            part.start = self._tail_start
            self._tail = []
            self._store(part, 0)

    def _store(self, part: Part, base: int) -> None:
        batch = part.batch(self._definition())
        for at in range(0, batch.num_rows, CHUNK_ROWS):
            numbers = None if part.numbers is None else part.numbers[at : at + CHUNK_ROWS] + base
            chunk = Chunk.of(batch.slice(at, CHUNK_ROWS), base + part.start + at, numbers)
            self._fresh = _push(self._fresh, chunk, self.schema)


def _groups(chunks: list[Chunk]) -> list[list[Chunk]]:
    """Put chunks together that make no more than one piece."""
    groups: list[list[Chunk]] = []
    room = 0
    for chunk in chunks:
        if len(chunk) > room:
            groups.append([])
            room = CHUNK_ROWS
        groups[-1].append(chunk)
        room -= len(chunk)
    return groups


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Put batches of one schema together, their tags in one dictionary; no row is shared with a larger batch."""
    return pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()[0]


def _push(chunks: tuple[Chunk, ...], chunk: Chunk, schema: pa.Schema) -> tuple[Chunk, ...]:
    """Add a chunk at the end, merged with those before it while it is as long as they are: lengths fall to a limit."""
    while chunks and _mergeable(chunks[-1], chunk):
        before = chunks[-1]
        batches = [_aligned(c.batch, schema) for c in (before, chunk)]
        chunks, chunk = chunks[:-1], Chunk.of(pa.concat_batches(batches), before.start)
    return (*chunks, chunk)


def _mergeable(before: Chunk, last: Chunk) -> bool:
    return (
        len(before) <= len(last)
        and len(before) + len(last) <= _MERGED_ROWS
        and before.numbers is None
        and last.numbers is None
        and not before.stored
        and not last.stored
    )


def _visible(chunk: Chunk, cutoff: int | None) -> Chunk:
    """Give the rows of a chunk, some of which are not past the retention period, that are not."""
    if cutoff is None or chunk.low >= cutoff:
        return chunk
    if chunk.sorted:
        return Chunk.of(chunk.batch.slice(int(chunk.times.searchsorted(cutoff))))
    return Chunk.of(chunk.batch.filter(pa.array(chunk.times >= cutoff)))


def _aligned(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give a batch the columns of a schema, without a copy; those that it lacks are null."""
    if batch.schema == schema:
        return batch
    names = batch.schema.names
    arrays = [batch.column(f.name) if f.name in names else _nulls(f.type).slice(0, batch.num_rows) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


@lru_cache(maxsize=16)
def _nulls(kind: pa.DataType) -> pa.Array:
    return pa.nulls(CHUNK_ROWS, kind)
