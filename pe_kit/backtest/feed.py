"""Data on its way into an engine: piece by piece, admitted by the database, cut into flush windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from pe_kit.backtest.source import Source
from pe_kit.backtest.windows import Window, cut, windows
from pe_kit.clock import as_text
from pe_kit.errors import ClockError, LineProtocolError, UsageError, near_match
from pe_kit.store.rows import Ints, TableRows, times_of

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["Feed"]


@dataclass(slots=True)
class Feed:
    """The windows of some data, in their order.

    Attributes:
        arrival: the column that says when a row comes, which is not stored; None: at its own time.
        resume: the data may begin before the engine's time.
        refused: the lines that the database has not taken so far.
    """

    engine: Engine
    source: Source
    db: str
    table: str | None
    tags: Sequence[str]
    every_ns: int
    arrival: str | None
    resume: bool
    refused: list[LineProtocolError] = field(default_factory=list)

    def windows(self) -> Iterator[Window]:
        """Give each window before time comes to it. Once data flows, rows of windows that are over arrive late."""
        begin_ns = self.engine.now_ns
        for piece in self.source.pieces:
            now_ns = self.engine.now_ns
            flows = now_ns > begin_ns
            floor_ns = (now_ns // self.every_ns + 1) * self.every_ns if flows else -(2**62)
            if self.arrival is None or isinstance(piece, str):
                found = self._admitted(piece)
                times = [part.times() for rows in found for part in rows.parts]
                due = windows(found, self.every_ns, floor_ns)
            else:
                times = [_moments(piece, self.arrival)]
                due = self._arriving(piece.drop_columns([self.arrival]), times[0], floor_ns)
            if not flows and not self.resume:
                _check_begin(now_ns, min((int(some.min()) for some in times if len(some)), default=now_ns))
            yield from due

    def _admitted(self, piece: str | pa.Table) -> list[TableRows]:
        if not isinstance(piece, str):
            _check_column(piece, "time")
        staged = self.engine.store.stage(piece, self.db, table=self.table, tags=self.tags)
        self.refused.extend(staged.errors)
        return staged.tables

    def _arriving(self, piece: pa.Table, arrivals: Ints, floor_ns: int) -> Iterator[Window]:
        order, stretches = cut(arrivals, self.every_ns, floor_ns)
        rows = piece if order is None else piece.take(pa.array(order))
        for end_ns, begin, stop in stretches:
            found = self._admitted(rows.slice(begin, stop - begin))
            yield end_ns, [(some.name, part) for some in found for part in some.parts]


def _check_column(piece: pa.Table, name: str) -> None:
    if name not in piece.column_names:
        known = ", ".join(map(repr, piece.column_names))
        raise UsageError(
            f"the data has no column {name!r}", mend=near_match(name, piece.column_names) or f"Its columns: {known}."
        )


def _moments(piece: pa.Table, name: str) -> Ints:
    _check_column(piece, name)
    column = piece[name].combine_chunks()
    try:
        if pa.types.is_timestamp(column.type):  # in UTC, whatever the zone that it is shown in
            column = column.cast(pa.timestamp("ns", column.type.tz)).view(pa.timestamp("ns"))
        times = column.cast(pa.timestamp("ns"))
    except pa.ArrowException as error:
        raise UsageError(f"column {name!r} is {column.type}: {error}", mend="Make it timestamps.") from None
    if times.null_count:
        raise UsageError(f"column {name!r} lacks {times.null_count} times", mend="Each row needs one.")
    return times_of(times)


def _check_begin(now_ns: int, first_ns: int) -> None:
    if first_ns < now_ns:
        raise ClockError(
            f"the data begins at {as_text(first_ns)}, the engine's time is {as_text(now_ns)}",
            mend="Make the engine with start= at or before the data, or pass resume=True to skip what has passed.",
        )
