"""Field-wise upsert: of rows with equal tags and time, one stays, with the last value of each field that is not null.

A null tag is a value like others (core/iox_query/src/provider/deduplicate). Rows that have no equal are proved to have
none as cheaply as can be, and then neither sorted nor copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from pe_kit.store.rows import Ints, times_of

__all__ = ["CHUNK_ROWS", "Chunk", "settle"]

CHUNK_ROWS = 262_144
"""Bulk data is cut, without a copy, in pieces of so many rows; an upsert copies only the pieces that it touches."""

Hashes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint64]]"

_ODD = np.uint64(0x9E3779B97F4A7C15)
_NULL = 0x5851F42D4C957F2D


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A piece of a table.

    Attributes:
        batch: its rows; columns byte-sorted by name, those that all its rows lack may be missing.
        low, high: the least and the greatest time.
        sorted: the times never fall. rising: each time is greater than the one before.
        start: the place of the first row in the order of writing, where the others follow it.
        numbers: the places of the rows, where they interleave with those of other chunks.
        words: hashes of the words of its tags, filled when they are needed.
    """

    batch: pa.RecordBatch
    low: int
    high: int
    sorted: bool
    rising: bool
    start: int = 0
    numbers: Ints | None = None
    words: dict[str, Hashes] = field(default_factory=dict)

    @classmethod
    def of(cls, batch: pa.RecordBatch, start: int = 0, numbers: Ints | None = None) -> Chunk:
        """Make a chunk of a batch that has rows."""
        times = times_of(batch.column("time"))
        rising = bool((times[1:] > times[:-1]).all())
        in_order = rising or bool((times[1:] >= times[:-1]).all())
        low, high = (times[0], times[-1]) if in_order else (times.min(), times.max())
        return cls(batch, int(low), int(high), in_order, rising, start, numbers)

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    @property
    def stored(self) -> bool:
        """True where the rows lie in a file and are read when they are asked for."""
        return False

    @property
    def times(self) -> Ints:
        """The times in nanoseconds."""
        return times_of(self.batch.column("time"))

    def _without(self, rows: Ints) -> list[Chunk]:
        if not len(rows):
            return [self]
        kept = np.ones(len(self), bool)
        kept[rows] = False
        return [Chunk.of(self.batch.filter(pa.array(kept)))] if kept.any() else []


def settle(old: Sequence[Chunk], new: Sequence[Chunk], series_key: Sequence[str]) -> list[Chunk]:
    """Add new chunks to old ones.

    Args:
        old: chunks that among them have no two rows with equal tags and time.
        new: chunks written after the old ones.
        series_key: the tags.

    Returns:
        Chunks without equal rows; those that had none are the same objects.
    """
    settled: list[Chunk] = []
    for olds, news in _clusters(old, new):
        if not news or (len(news) == 1 and not olds and news[0].rising):
            settled += olds + news
        else:
            settled += _resolve(olds, news, series_key)
    return settled


def _clusters(old: Sequence[Chunk], new: Sequence[Chunk]) -> list[tuple[list[Chunk], list[Chunk]]]:
    """Group the chunks so that the times of two groups do not overlap; keep the order within a group."""
    chunks = [*old, *new]
    lows = np.array([c.low for c in chunks], np.int64)
    highs = np.array([c.high for c in chunks], np.int64)
    order = np.argsort(lows, kind="stable")
    reach = np.maximum.accumulate(highs[order])
    group = np.empty(len(chunks), np.int64)
    group[order] = np.concatenate(([0], np.cumsum(lows[order][1:] > reach[:-1])))
    groups: dict[int, tuple[list[Chunk], list[Chunk]]] = {}
    for at, number in enumerate(group.tolist()):
        groups.setdefault(number, ([], []))[at >= len(old)].append(chunks[at])
    return list(groups.values())


def _resolve(old: list[Chunk], new: list[Chunk], key: Sequence[str]) -> list[Chunk]:
    """Find equal rows by the hashes of their tags and time, and merge them."""
    chunks = [*old, *new]
    lows = np.array([c.low for c in chunks], np.int64)
    highs = np.array([c.high for c in chunks], np.int64)
    picks = []
    for at, chunk in enumerate(chunks):
        if at >= len(old) and not _ascends(chunk, key):
            picks.append(np.arange(len(chunk)))
        else:  # its rows differ among themselves: only those may have equals whose times other chunks have too
            others = (lows <= chunk.high) & (highs >= chunk.low) & (np.arange(len(chunks)) != at)
            others[: len(old)] &= at >= len(old)
            picks.append(_rows_within(chunk, lows[others], highs[others]))
    if old:
        times = np.unique(np.concatenate([c.times[rows] for c, rows in zip(new, picks[len(old) :], strict=True)]))
        picks[: len(old)] = [_rows_near(c, rows, times) for c, rows in zip(old, picks, strict=False)]
    hashes = [_hashes(c, key, rows) for c, rows in zip(chunks, picks, strict=True)]
    together = np.sort(np.concatenate(hashes))
    suspects = np.unique(together[1:][together[1:] == together[:-1]])
    if not len(suspects):
        return chunks
    rest: list[Chunk] = []
    parts: list[pa.Table] = []
    places: list[Ints] = []
    for at, (chunk, rows, hashed) in enumerate(zip(chunks, picks, hashes, strict=True)):
        hit = rows[_those_in(hashed, suspects)]
        if at < len(old):
            places.append(np.full(len(hit), -1))
        else:
            places.append(chunk.start + hit if chunk.numbers is None else chunk.numbers[hit])
        parts.append(pa.Table.from_batches([chunk.batch.take(pa.array(hit))]))
        rest += chunk._without(hit)
    merged = _merge(pa.concat_tables(parts, promote_options="default"), np.concatenate(places), key)
    return [*rest, *(Chunk.of(merged.slice(at, CHUNK_ROWS)) for at in range(0, merged.num_rows, CHUNK_ROWS))]


def _ascends(chunk: Chunk, key: Sequence[str]) -> bool:
    """Say whether each row follows the one before by time, then by the codes of its tags: then no two are equal."""
    if chunk.rising or not chunk.sorted:
        return chunk.rising
    codes, size = np.zeros(len(chunk), np.int64), 1
    for tag in key:
        if tag in chunk.batch.schema.names:
            column = chunk.batch.column(tag)
            size *= len(column.dictionary) + 1
            if size >= 2**63:
                return False
            codes = codes * (len(column.dictionary) + 1) + column.indices.fill_null(-1).to_numpy() + 1
    return bool(((chunk.times[1:] > chunk.times[:-1]) | (codes[1:] > codes[:-1])).all())


def _rows_within(chunk: Chunk, lows: Ints, highs: Ints) -> Ints:
    """Give the rows of a chunk whose times lie within one of some spans."""
    if ((lows <= chunk.low) & (highs >= chunk.high)).any():
        return np.arange(len(chunk))
    if not len(lows):
        return np.empty(0, np.int64)
    if chunk.sorted:
        starts, ends = chunk.times.searchsorted(lows), chunk.times.searchsorted(highs, "right")
        return np.unique(np.concatenate([np.arange(i, j) for i, j in zip(starts, ends, strict=True)]))
    inside = np.zeros(len(chunk), bool)
    for low, high in zip(lows, highs, strict=True):
        inside |= (chunk.times >= low) & (chunk.times <= high)
    return np.flatnonzero(inside)


def _rows_near(chunk: Chunk, rows: Ints, times: Ints) -> Ints:
    """Give those of some rows, ascending, that may have one of some times (sorted, unique)."""
    times = times[times.searchsorted(chunk.low) : times.searchsorted(chunk.high, "right")]
    if len(times) > len(rows) // 8:
        return rows
    own = chunk.times if len(rows) == len(chunk) else chunk.times[rows]
    if chunk.sorted and len(times):
        first, end = own.searchsorted(times), own.searchsorted(times, "right")
        counts = end - first
        return rows[np.repeat(end - np.cumsum(counts), counts) + np.arange(counts.sum())]
    return rows[np.isin(own, times)]


def _hashes(chunk: Chunk, key: Sequence[str], rows: Ints) -> Hashes:
    """Hash tags and time of some rows; equal rows have equal hashes, whatever chunk they are in."""
    whole = len(rows) == len(chunk)
    hashed = (chunk.times if whole else chunk.times[rows]).view(np.uint64) * _ODD
    names = chunk.batch.schema.names
    for tag in key:
        hashed ^= hashed >> np.uint64(32)
        if tag not in names:
            hashed += np.uint64(_NULL)
        else:
            column = chunk.batch.column(tag)
            codes = column.indices.fill_null(-1).to_numpy()
            codes = codes if whole else codes[rows]
            if tag not in chunk.words and len(column.dictionary) > 2 * len(codes):
                used, codes = np.unique(codes, return_inverse=True)
                words = _word_hashes(column.dictionary.take(pa.array(used, mask=used < 0)))
            else:
                if tag not in chunk.words:
                    chunk.words[tag] = _word_hashes(column.dictionary)
                words = chunk.words[tag]
            hashed += words[codes]
        hashed *= _ODD
    return hashed


def _those_in(hashes: Hashes, suspects: Hashes) -> Ints:
    """Find the hashes that are among some (sorted); most are not, which a look at their highest bits tells."""
    bits = min((16 * len(suspects)).bit_length(), 24)
    shift = np.uint64(64 - bits)
    marked = np.zeros(1 << bits, bool)
    marked[suspects >> shift] = True
    maybe: Ints = np.flatnonzero(marked[hashes >> shift])
    found = np.minimum(suspects.searchsorted(hashes[maybe]), len(suspects) - 1)
    hit: Ints = maybe[suspects[found] == hashes[maybe]]
    return hit


def _word_hashes(words: pa.Array) -> Hashes:
    """Hash some words; the last hash, which a code of -1 picks, is that of null."""
    hashes = [_NULL if word is None else hash(word) for word in (*words.to_pylist(), None)]
    return np.array(hashes, np.int64).view(np.uint64)


def _merge(rows: pa.Table, places: Ints, key: Sequence[str]) -> pa.RecordBatch:
    """Merge rows with equal tags and time, the later over the earlier; keep the order of first appearance."""
    rows = rows.unify_dictionaries().combine_chunks()
    batch = rows.to_batches()[0]
    names = batch.schema.names
    keys = [times_of(batch.column("time"))]
    keys += [batch.column(tag).indices.fill_null(-1).to_numpy() for tag in key if tag in names]
    order = np.lexsort((places, *keys))
    same = np.ones(len(order) - 1, bool)
    for values in keys:
        ordered = values[order]
        same &= ordered[1:] == ordered[:-1]
    starts = np.flatnonzero(np.concatenate(([True], ~same)))
    last = np.append(starts[1:], len(order)) - 1
    shown = np.argsort(places[order[starts]], kind="stable")
    columns = []
    for name, column in zip(names, batch.columns, strict=True):
        if name == "time" or name in key or not column.null_count:
            picked = pa.array(order[last][shown])
        else:
            valid = column.is_valid().to_numpy(zero_copy_only=False)[order]
            at = np.maximum.reduceat(np.where(valid, np.arange(len(order)), -1), starts)[shown]
            picked = pa.array(order[at], mask=at < 0)
        columns.append(column.take(picked))
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
