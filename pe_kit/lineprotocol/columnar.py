"""Many lines at once into Arrow, without a Python object per value.

Lines that share a shape are compared byte by byte with the shape's first line, which the exact grammar has read; their
values become Arrow columns from offsets alone. Whatever is not certain is left to :mod:`pe_kit.lineprotocol.grammar`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pe_kit.lineprotocol import columns
from pe_kit.lineprotocol.grammar import STRING_LIMIT, GrammarError, Item, parse, parse_line, read_item
from pe_kit.lineprotocol.scan import DELIMITERS, LITERAL_LIMIT, Ints, Longs, Mask, Scan, Text
from pe_kit.lineprotocol.timestamps import Precision

__all__ = ["Block", "Parsed", "parse_blocks"]

_SHORT_TEXT = 8_192  # characters; below, the exact grammar is as fast
_FEW_ROWS = 48  # lines of one shape in one batch; below, the exact grammar is as fast
_BATCH = 4_000_000  # characters; bounds the memory for offsets, and keeps them in the processor's cache
_HUGE = 500_000_000  # characters; with more in one batch, offsets might not fit int32
_ROUNDS = 8  # shapes tried on lines that look alike before the exact grammar takes them
_RESERVED = {"time", "__chunk_order"}
_HASH = ord("#")

_NOTHING, _OPEN, _EXACT, _TAKEN = range(4)  # what becomes of a line; _NOTHING: no item, it is blank or part of another


class Shape(NamedTuple):
    """What the lines of a block have in common."""

    measurement: str
    tag_keys: tuple[str, ...]
    field_keys: tuple[str, ...]
    field_kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one shape as Arrow columns.

    ``columns`` holds the tags (dictionary<int32, utf8>), the fields (kinds as in :class:`Line`) and ``time``
    (timestamp[ns]), in the lines' order, none with nulls. ``numbers`` are the item numbers of the rows, ascending.
    """

    measurement: str
    tag_keys: tuple[str, ...]
    field_keys: tuple[str, ...]
    field_kinds: tuple[str, ...]
    columns: dict[str, pa.Array]
    numbers: Longs


@dataclass(frozen=True, slots=True)
class Parsed:
    """The ``count`` items of a text: each is a row of one block, or one of ``items``, read by the exact grammar."""

    blocks: list[Block]
    items: list[Item]
    count: int


_Part = tuple[list[pa.Array], Longs]
_Span = tuple[Ints, Ints]


def parse_blocks(text: str, precision: Precision, missing_ns: int) -> Parsed:
    """Parse a text; ``missing_ns`` is the time of lines that have none.

    Among the items are all lines with errors, and all whose time is out of range for the precision.
    """
    if len(text) < _SHORT_TEXT:
        items = list(parse(text))
        return Parsed([], items, len(items))
    parts: dict[Shape, list[_Part]] = {}
    items = []
    count = 0
    for batch in _batches(text, precision, missing_ns):
        for shape, arrays, numbers in batch.parts:
            parts.setdefault(shape, []).append((arrays, numbers + count))
        items += [Item(item.number + count, *item[1:]) for item in batch.items] if count else batch.items
        count += batch.count
    # popped, so that the arrays of the batches go as they are joined
    blocks = [_block(shape, parts.pop(shape)) for shape in list(parts)]
    return Parsed(sorted(blocks, key=lambda block: int(block.numbers[0])), items, count)


def _batches(text: str, precision: Precision, missing_ns: int) -> Iterator[_Batch]:
    """Parse a text batch by batch; two at a time, as numpy and Arrow let other threads run."""
    if len(text) <= _BATCH:
        yield _Batch(text, 0, len(text), precision, missing_ns)
        return
    position = planned = 0
    size = _BATCH
    running: deque[Future[_Batch]] = deque()
    with ThreadPoolExecutor(2) as pool:
        while position < len(text):
            planned = max(planned, position)
            while planned < len(text) and len(running) < 2:
                end = text.find("\n", planned + size) + 1 or len(text)
                running.append(pool.submit(_Batch, text, planned, end, precision, missing_ns))
                planned = end
            batch = running.popleft().result()
            if batch.start < position < batch.end:  # a piece of the batch before has gone on into this one
                batch = _Batch(text, position, batch.end, precision, missing_ns)
            if batch.start == position:
                position = batch.next_position
                size = _BATCH if len(batch.parts) < 8 else 3 * _BATCH  # many shapes pay off in larger batches
                yield batch


def _block(shape: Shape, parts: list[_Part]) -> Block:
    numbers = np.concatenate([numbers for _, numbers in parts])
    order = None if (np.diff(numbers) > 0).all() else np.argsort(numbers)
    arrays: dict[str, pa.Array] = {}
    for name in (*shape.tag_keys, *shape.field_keys, "time"):
        array = columns.joined([chunks.pop(0) for chunks, _ in parts])
        arrays[name] = array if order is None else array.take(pa.array(order))
    return Block(*shape, arrays, numbers if order is None else numbers[order])


class _Batch:
    """A stretch of the text, from the start of a piece to the end of some line, parsed.

    ``parts`` are rows by shape, ``items`` what the exact grammar read, both with numbers from 1 on; ``next_position``
    is where the next batch starts.
    """

    def __init__(self, text: str, start: int, end: int, precision: Precision, missing_ns: int) -> None:
        self.text, self.start, self.end = text, start, end
        self.next_position = end
        self.items: list[Item] = []
        self.parts: list[tuple[Shape, list[pa.Array], Longs]] = []
        self.count = 0
        try:
            scan = Scan(text, start, end) if end - start < _HUGE else None
        except UnicodeEncodeError:
            scan = None
        if scan is None:
            self._read_all(end)
        else:
            self._read_lines(scan, precision, missing_ns)

    def _read_all(self, end: int) -> None:
        """Leave everything to the exact grammar."""
        position = self.start
        while position < end:
            item, position = read_item(self.text, position, self.count + 1)
            if item:
                self.items.append(item)
                self.count += 1
        self.next_position = position

    def _read_lines(self, scan: Scan, precision: Precision, missing_ns: int) -> None:
        state = np.full(len(scan.starts), _OPEN, np.uint8)
        state[(scan.text.raw[scan.starts] == _HASH) | (scan.at[scan.first] == scan.starts)] = _EXACT
        state[scan.ends - scan.starts > STRING_LIMIT] = _EXACT
        state[scan.starts == scan.ends] = _NOTHING
        state[scan.unsplit] = _EXACT
        char_starts = scan.char_offsets(scan.starts.astype(np.int64)) + self.start
        read = self._read_unsplit(scan.unsplit, char_starts, state)
        for found in _find_shapes(scan, state):
            for shape, arrays, rows in found.arrays(precision, missing_ns):
                state[rows] = _TAKEN
                self.parts.append((shape, arrays, rows))
        for row in np.flatnonzero((state == _OPEN) | (state == _EXACT)).tolist():
            if row not in read:
                read[row], _ = read_item(self.text, int(char_starts[row]), 0)
            if read[row] is None:
                state[row] = _NOTHING
        numbers = np.cumsum(state != _NOTHING)
        self.count = int(numbers[-1])
        self.items = [Item(int(numbers[row]), *item[1:]) for row, item in sorted(read.items()) if item]
        self.parts = [(shape, arrays, numbers[rows]) for shape, arrays, rows in self.parts]

    def _read_unsplit(self, unsplit: Longs, char_starts: Longs, state: np.ndarray) -> dict[int, Item | None]:
        """Read the lines that may go on after their line feed; lines that they swallow are no items of their own."""
        read: dict[int, Item | None] = {}
        position = 0
        for row in unsplit.tolist():
            start = int(char_starts[row])
            if start >= position:
                read[row], position = read_item(self.text, start, 0)
                state[row + 1 : np.searchsorted(char_starts, position)] = _NOTHING
        self.next_position = max(self.next_position, position)
        return read


def _find_shapes(scan: Scan, state: np.ndarray) -> Iterator[_Found]:
    """Find lines of one shape: first the first line's, which may be the only one, then measurement by measurement."""
    rows = np.flatnonzero(state == _OPEN)
    if len(rows) < _FEW_ROWS:
        return
    found = _Found(scan, scan.text)
    rows, _ = found.take(rows, np.zeros(len(rows), np.int32), state)
    yield found
    if len(rows) < _FEW_ROWS:
        return
    order, bounds = _alike(scan.likeness_of_names(rows))
    rows = rows[order]
    text, moved = scan.reordered(rows)
    found = _Found(scan, text)
    for begin, end in pairwise(bounds):
        if end - begin >= _FEW_ROWS:
            rest, rest_moved = found.take(rows[begin:end], moved[begin:end], state)
            if len(rest) >= _FEW_ROWS:
                order, parts = _alike(scan.likeness_of_keys(rest))
                for part in np.split(order, parts[1:-1]):
                    found.take_all(rest[part], rest_moved[part], state)
    yield found


def _alike(likeness: np.ndarray) -> tuple[Longs, list[int]]:
    """Give an order in which equal numbers are together, and where each group of them starts and the last one ends."""
    codes = pa.array(likeness).dictionary_encode()
    indices = codes.indices.to_numpy()
    if len(codes.dictionary) <= 1 << 16:
        indices = indices.astype(np.uint16)  # numpy sorts 16 bits in linear time
    return np.argsort(indices, kind="stable"), [0, *np.cumsum(np.bincount(indices)).tolist()]


def _template(scan: Scan, row: int) -> tuple[Shape, bool] | None:
    """Give the shape of a line, and whether it has a time; None if it cannot be a model for others."""
    try:
        line = parse_line(scan.text.raw[scan.starts[row] : scan.ends[row]].tobytes().decode())
    except GrammarError:
        return None
    tag_keys = tuple([key for key, _ in line.tags])
    field_keys = tuple([key for key, _, _ in line.fields])
    if any(char in name for name in (line.measurement, *tag_keys, *field_keys) for char in DELIMITERS):
        return None
    shape = Shape(line.measurement, tag_keys, field_keys, tuple([kind for _, kind, _ in line.fields]))
    return shape, line.timestamp is not None


def _is_simple(shape: Shape) -> bool:
    keys = {*shape.tag_keys, *shape.field_keys}
    return len(keys) == len(shape.tag_keys) + len(shape.field_keys) and not keys & _RESERVED


class _Found:
    """Rows found by shape in one text, and the offsets of their values; Arrow reads those of one kind all at once."""

    def __init__(self, scan: Scan, text: Text) -> None:
        self.scan, self.text = scan, text
        self.taken: list[tuple[Shape, Longs, list[_Span]]] = []

    def take(self, rows: Longs, moved: Ints, state: np.ndarray) -> tuple[Longs, Ints]:
        """Take the rows that have the shape of the first one; give the others that may still be taken.

        ``moved`` says how far the rows lie in this text from where they were scanned.
        """
        state[rows[0]] = _EXACT  # a line that was tried is not tried again
        template = _template(self.scan, int(rows[0]))
        if template:
            fitting, values = self._fitting(rows, moved, *template)
            state[fitting] = _EXACT
            if len(fitting) and _is_simple(template[0]):
                self.taken.append((template[0], fitting, values))
        rest = state[rows] == _OPEN
        return rows[rest], moved[rest]

    def take_all(self, rows: Longs, moved: Ints, state: np.ndarray) -> None:
        """Take the rows shape by shape; after some, what is left is not worth the while."""
        for _ in range(_ROUNDS):
            if len(rows) < _FEW_ROWS:
                break
            rows, moved = self.take(rows, moved, state)

    def _fitting(self, rows: Longs, moved: Ints, shape: Shape, timed: bool) -> tuple[Longs, list[_Span]]:
        """Give the rows that have all that is literal in a shape, and where their values are, a column at a time.

        Between two values is a literal of which only the first and the last byte delimit. Where it stands, the
        delimiters need no look of their own; and the values, found between the others, hold none.
        """
        scan = self.scan
        literals = [f",{key}=" for key in (*shape.tag_keys, *shape.field_keys)] + [" "] * timed
        literals[len(shape.tag_keys)] = f" {shape.field_keys[0]}="
        literals[0] = shape.measurement + literals[0]
        kinds = [None] * len(shape.tag_keys) + list(shape.field_kinds) + [None] * timed
        width = 2 * len(literals) + (not timed)
        fits = scan.widths[rows] == width
        rows, moved = rows[fits], moved[fits]
        first, at = scan.first[rows], scan.starts[rows] + moved
        values: list[_Span] = []
        for index, (literal, kind) in enumerate(zip(literals, kinds, strict=True)):
            text = literal.encode()
            if len(text) > LITERAL_LIMIT:
                return rows[:0], []
            delimiter = min(2 * index + 2, width - 1)
            if len(rows) * width == len(scan.at):  # all lines of the scan, none moved
                end = np.ascontiguousarray(scan.at[delimiter::width])
            else:
                end = scan.at[first + delimiter] + moved
            begin = at + len(text)
            fits = self.text.matches(at, text)
            fits &= end > begin
            if kind:
                fits &= columns.ends(kind, self.text.raw[end - 1])
            values.append((begin, end))
            if not fits.all():
                rows, moved, first, end = rows[fits], moved[fits], first[fits], end[fits]
                values = [(begins[fits], ends[fits]) for begins, ends in values]
            at = end
        return rows, values

    def arrays(self, precision: Precision, missing_ns: int) -> Iterator[tuple[Shape, list[pa.Array], Longs]]:
        """Give the arrays of each shape, for the rows of which it is certain what they hold."""
        ready = {kind: self._convert(kind, precision) for kind in "fiusbt"}
        for shape, rows, values in self.taken:
            tags = values[: len(shape.tag_keys)]
            kinds = [*shape.field_kinds, "t"][: len(values) - len(tags)]
            converted = [next(ready[kind]) for kind in kinds]
            arrays = [array for array, _ in converted]
            if "t" not in kinds:
                arrays.append(columns.timestamps(np.full(len(rows), missing_ns, np.int64)))
            sure = np.logical_and.reduce([certain for _, certain in converted])
            if self.scan.quotes is not None:  # a string value has two; then no other quote is in the line
                sure &= self.scan.quotes[rows] == 2 * kinds.count("s")
            if not sure.all():
                rows = rows[sure]
                arrays = [array.filter(pa.array(sure)) for array in arrays]
                tags = [(begin[sure], end[sure]) for begin, end in tags]
            if len(rows):
                yield shape, [columns.texts(self.text, *span).dictionary_encode() for span in tags] + arrays, rows

    def _convert(self, kind: str, precision: Precision) -> Iterator[tuple[pa.Array, Mask]]:
        spans = [
            span
            for shape, _, values in self.taken
            for span_kind, span in zip((*shape.field_kinds, "t"), values[len(shape.tag_keys) :], strict=False)
            if span_kind == kind
        ]
        if not spans:
            return
        begin, end = (np.concatenate(side) for side in zip(*spans, strict=True))
        if kind == "t":
            array, certain = columns.times(precision, self.text, begin, end)
        else:
            array, certain = columns.field(kind, self.text, begin, end)
        offset = 0
        for begins, _ in spans:
            yield array.slice(offset, len(begins)), certain[offset : offset + len(begins)]
            offset += len(begins)
