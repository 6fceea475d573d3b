"""Admitted rows cut into flush windows by time, without touching a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from pe_kit.store.rows import Ints, Part, TableRows
from pe_kit.types import Row

__all__ = ["Window", "cut", "windows"]

Window: TypeAlias = tuple[int, list[tuple[str, Part]]]
"""The end of a window, where it is flushed, and its (table, rows)."""

_SHORT = 64  # rows


class _Whole(Part):
    """The rows of a piece; their dicts are made once, together, when a plugin first asks for some."""

    __slots__ = ("_dicts",)

    def dicts(self) -> list[Row]:
        if not hasattr(self, "_dicts"):
            self._dicts = self.rows if self.rows is not None else self.fresh_dicts()
        return self._dicts


def _window(whole: _Whole, begin: int, stop: int) -> Part:
    """A stretch of a piece: as dicts while it is short, since the table gathers those before it makes Arrow of them."""
    if whole.columns is None or stop - begin < _SHORT:
        return Part(whole.dicts()[begin:stop])
    return Part(columns={name: array.slice(begin, stop - begin) for name, array in whole.columns.items()})


def windows(tables: Iterable[TableRows], every_ns: int, floor_ns: int) -> Iterator[Window]:
    """Cut rows of some tables, in any order of time, into windows; see :func:`cut`."""
    found: dict[int, list[tuple[str, Part]]] = {}
    for rows in tables:
        for part in rows.parts:
            order, stretches = cut(part.times(), every_ns, floor_ns)
            if order is not None:
                part = _taken(part, order)
            whole = _Whole(part.rows, part.columns)
            for end_ns, begin, stop in stretches:
                found.setdefault(end_ns, []).append((rows.name, _window(whole, begin, stop)))
    for end_ns in sorted(found):
        yield end_ns, found[end_ns]


def cut(times: Ints, every_ns: int, floor_ns: int) -> tuple[Ints | None, list[tuple[int, int, int]]]:
    """Put rows into windows.

    Args:
        times: of the rows.
        every_ns: the length of a window; windows are aligned to the epoch.
        floor_ns: rows of earlier windows arrive late, in the window that ends here or later first.

    Returns:
        The order in which the rows must be taken, None if they lie in it; for each window that has rows, ascending, its
        end and the stretch of rows.
    """
    ends = np.maximum((times // every_ns + 1) * every_ns, floor_ns)
    order = None
    if len(ends) > 1 and (ends[1:] < ends[:-1]).any():
        order = np.argsort(ends, kind="stable")
        ends = ends[order]
    bounds = [0, *(np.flatnonzero(ends[1:] != ends[:-1]) + 1).tolist(), len(ends)]
    return order, list(zip(ends[bounds[:-1]].tolist(), bounds[:-1], bounds[1:], strict=True)) if len(ends) else []


def _taken(part: Part, order: Ints) -> Part:
    if part.rows is not None:
        return Part([part.rows[at] for at in order.tolist()])
    assert part.columns is not None
    places = pa.array(order)
    return Part(columns={name: array.take(places) for name, array in part.columns.items()})
