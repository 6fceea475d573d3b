"""One write, from text or a frame to rows that the catalog admits: in bulk where all is plain, else line by line."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pe_kit.errors import LineProtocolError, ServerError
from pe_kit.lineprotocol.columnar import Block, Parsed, parse_blocks
from pe_kit.lineprotocol.grammar import Item, parse
from pe_kit.lineprotocol.timestamps import Precision, as_precision, missing_ns
from pe_kit.store.catalog import Catalog, Transaction
from pe_kit.store.frames import Frame, as_payload
from pe_kit.store.names import check_database_name, check_http_database_name
from pe_kit.store.refusal import EMPTY, Source, schema_refusal
from pe_kit.store.rows import Part
from pe_kit.store.tabledef import SchemaError
from pe_kit.store.validate import admit, as_row
from pe_kit.store.wal import WalBuffer
from pe_kit.types import Row

__all__ = ["Written", "take_in"]

_OVER_LIMIT = ("Update to schema would exceed number of", "Adding a new database would exceed limit of")


class Written(NamedTuple):
    """What a write did: how many rows it brought, and what became of the other lines."""

    rows: int
    errors: tuple[LineProtocolError, ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status: 204, 400 with refused lines, 422 if one of them met a limit."""
        if any(error.error_message.startswith(_OVER_LIMIT) for error in self.errors):
            return 422
        return 400 if self.errors else 204


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

    def frame(self, frame: Frame) -> Admitted:
        """Check a frame against the catalog as a whole; if that fails, its rows one by one, and errors name them."""
        parts = frame.parts(self.missing_ns)
        if parts == []:
            return self.admitted
        if parts and admit(self.admitted.transaction, frame.measurement, frame.tags, frame.fields):
            self.admitted.parts[frame.measurement] = parts
            return self.admitted
        self.admitted = Admitted(self.begin())
        for number, line in enumerate(frame.lines(), 1):
            try:
                row = as_row(line, self.admitted.transaction, frame.precision, self.missing_ns)
            except SchemaError as error:
                self.refuse(schema_refusal(error, number, line))
            else:
                self.admitted.rows.append((frame.measurement, row))
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


def take_in(
    catalog: Catalog,
    buffer: WalBuffer,
    now_ns: int,
    data: Any,
    db: str,
    precision: str = "auto",
    accept_partial: bool = False,
    table: str | None = None,
    tags: Sequence[str] = (),
    http_name: bool = True,
) -> Written:
    """Read data, check it against the catalog, put its rows into a buffer: all that :meth:`Store.write` says.

    Args:
        catalog: grows by what the data brings.
        buffer: takes the rows.
        now_ns: the time of rows that have none, before it is cut to the precision.
        data, db, precision, accept_partial, table, tags, http_name: as in :meth:`Store.write`.
    """
    (check_http_database_name if http_name else check_database_name)(db)
    try:
        unit = as_precision(precision)
    except ValueError as error:
        raise ServerError(str(error), status=400, mend="Precisions are auto, s, ms, us and ns.") from None
    payload = as_payload(data, table)
    begin = partial(catalog.begin, db)
    if isinstance(payload, str):
        writing = _Writing(begin, unit, now_ns, accept_partial)
        source, parsed = Source(payload), parse_blocks(payload, unit, writing.missing_ns)
        admitted = writing.bulk(parsed, source) if parsed.blocks else writing.exact(parsed.items, source)
    else:
        frame = Frame(payload, table or "", tags, unit)
        admitted = _Writing(begin, frame.precision, now_ns, accept_partial).frame(frame)
    admitted.put(buffer, db)
    if not admitted.count and not admitted.errors:
        raise ServerError(EMPTY, status=400, mend="Blank lines and comments are no data.")
    return Written(admitted.count, tuple(admitted.errors))
