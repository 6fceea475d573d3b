"""One write, from text or a frame to rows that the catalog admits: in bulk where all is plain, else line by line."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from pe_kit.errors import LineProtocolError
from pe_kit.lineprotocol.columnar import Block, Parsed, parse_blocks
from pe_kit.lineprotocol.grammar import Item, parse
from pe_kit.lineprotocol.timestamps import Precision, missing_ns
from pe_kit.store.catalog import Transaction
from pe_kit.store.frames import Frame
from pe_kit.store.refusal import Source, schema_refusal
from pe_kit.store.rows import Part
from pe_kit.store.tabledef import SchemaError
from pe_kit.store.validate import admit, as_row
from pe_kit.store.wal import WalBuffer
from pe_kit.types import Row

__all__ = ["Admitted", "admit_frame", "admit_text"]


@dataclass(slots=True)
class Admitted:
    """What a write brings once its transaction is committed: single rows, or parts of tables."""

    transaction: Transaction
    rows: list[tuple[str, Row]] = field(default_factory=list)
    parts: dict[str, list[Part]] = field(default_factory=dict)
    errors: list[LineProtocolError] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many rows it brings."""
        return len(self.rows) + sum(len(part) for parts in self.parts.values() for part in parts)

    def put(self, buffer: WalBuffer, database: str) -> None:
        """Commit the schema and put the rows into a buffer."""
        self.transaction.commit()
        for table, row in self.rows:
            buffer.add_row(database, table, row)
        for table, parts in self.parts.items():
            buffer.add(database, table, parts)


class _Writing:
    """A write under way: how its lines are read, and what becomes of a refused one."""

    def __init__(
        self, begin: Callable[[], Transaction], precision: Precision, now_ns: int, accept_partial: bool
    ) -> None:
        self.begin = begin
        self.precision = precision
        self.missing_ns = missing_ns(now_ns, precision)
        self.accept_partial = accept_partial
        self.admitted = Admitted(begin())

    def refuse(self, error: LineProtocolError) -> None:
        if not self.accept_partial:
            raise error
        self.admitted.errors.append(error)

    def row_of(self, item: Item, source: Source) -> Row | None:
        if item.line is None:
            self.refuse(source.refuse_grammar(item))
            return None
        try:
            return as_row(item.line, self.admitted.transaction, self.precision, self.missing_ns)
        except SchemaError as error:
            self.refuse(source.refuse_schema(item, error))
            return None

    def exact(self, items: Iterable[Item], source: Source) -> Admitted:
        rows = self.admitted.rows
        for item in items:
            row = self.row_of(item, source)
            if row is not None:
                assert item.line is not None
                rows.append((item.line.measurement, row))
        return self.admitted

    def bulk(self, parsed: Parsed, source: Source) -> Admitted:
        """Go through blocks and single lines in the order of their first lines: the order in which schema comes up."""
        found: dict[str, list[Part]] = {}
        singles: dict[str, tuple[list[Row], list[int]]] = {}
        firsts: list[tuple[int, Block | Item]] = [(int(block.numbers[0]), block) for block in parsed.blocks]
        firsts += [(item.number, item) for item in parsed.items]
        firsts.sort(key=lambda pair: pair[0])
        for number, piece in firsts:
            if isinstance(piece, Block):
                fields = list(zip(piece.field_keys, piece.field_kinds, strict=True))
                if not admit(self.admitted.transaction, piece.measurement, piece.tag_keys, fields):
                    self.admitted = Admitted(self.begin())
                    return self.exact(parse(source.text), source)
                part = Part(columns=piece.columns, numbers=piece.numbers - 1)
                found.setdefault(piece.measurement, []).append(part)
            elif (row := self.row_of(piece, source)) is not None:
                assert piece.line is not None
                rows, numbers = singles.setdefault(piece.line.measurement, ([], []))
                rows.append(row)
                numbers.append(number - 1)
        for table, (rows, numbers) in singles.items():
            found.setdefault(table, []).append(Part(rows, numbers=np.array(numbers)))
        self.admitted.parts = {table: _in_order(parts) for table, parts in sorted(found.items(), key=_first_line)}
        return self.admitted


def _first_line(parts: tuple[str, list[Part]]) -> int:
    return min(int(part.places()[0]) for part in parts[1])


def _in_order(parts: list[Part]) -> list[Part]:
    """Sort the parts of one table by their first lines; they need no numbers unless they interleave."""
    parts.sort(key=lambda part: int(part.places()[0]))
    if all(before.places()[-1] < after.places()[0] for before, after in itertools.pairwise(parts)):
        for part in parts:
            part.numbers = None
    return parts


def admit_text(
    text: str, begin: Callable[[], Transaction], precision: Precision, now_ns: int, accept_partial: bool
) -> Admitted:
    """Read line protocol and check it against the catalog.

    Args:
        text: the whole body.
        begin: begins a transaction on the database.
        precision: the unit of the timestamps.
        now_ns: the time of lines that have none, before it is cut to the precision.
        accept_partial: keep going after a bad line.

    Raises:
        LineProtocolError: a bad line, unless ``accept_partial``.
    """
    writing = _Writing(begin, precision, now_ns, accept_partial)
    source = Source(text)
    parsed = parse_blocks(text, precision, writing.missing_ns)
    return writing.bulk(parsed, source) if parsed.blocks else writing.exact(parsed.items, source)


def admit_frame(frame: Frame, begin: Callable[[], Transaction], now_ns: int, accept_partial: bool) -> Admitted:
    """Check a frame against the catalog; errors name its rows. Arguments and errors as :func:`admit_text`."""
    writing = _Writing(begin, frame.precision, now_ns, accept_partial)
    admitted = writing.admitted
    parts = frame.parts(writing.missing_ns)
    if parts == []:
        return admitted
    if parts and admit(admitted.transaction, frame.measurement, frame.tags, frame.fields):
        admitted.parts[frame.measurement] = parts
        return admitted
    admitted = writing.admitted = Admitted(begin())
    for number, line in enumerate(frame.lines(), 1):
        try:
            row = as_row(line, admitted.transaction, frame.precision, writing.missing_ns)
        except SchemaError as error:
            writing.refuse(schema_refusal(error, number, line))
        else:
            admitted.rows.append((frame.measurement, row))
    return admitted
