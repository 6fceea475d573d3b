"""A short answer of a magic: a headline and a few rows, as HTML and as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pe_kit.notebook.html import Room, cell, data, mark, page, table
from pe_kit.notebook.visible import visible

__all__ = ["Card"]


class Card(NamedTuple):
    """What a magic has to say when there is no Outcome.

    Attributes:
        tone: ``good``, ``warn`` or ``info``.
        word: the word of the mark, e.g. ``saved``.
        title: a sentence.
        rows: pairs or longer rows of text.
        columns: headings of the rows.
    """

    tone: str
    word: str
    title: str
    rows: Sequence[Sequence[str]] = ()
    columns: Sequence[str] = ()

    @property
    def _symbol(self) -> str:
        return {"good": "✔", "warn": "⚠"}.get(self.tone, "ℹ")

    def _repr_html_(self) -> str:
        head = f'<div class="pe-head pe-{self.tone}">{mark(self._symbol, self.word)} {data(self.title, 400)}</div>'
        rows = [("", [cell(text, 400) for text in row]) for row in self.rows]
        return page(head + (table(self.columns, rows, len(rows), Room(100_000), "") if rows else ""))

    def __repr__(self) -> str:
        lines = [f"{self._symbol} {self.word}: {visible(self.title, 400)}"]
        widest = max((len(row[0]) for row in self.rows), default=0)
        for row in self.rows:
            first, *rest = (visible(text, 400) for text in row)
            between = "\n      " if widest > 40 else " " * (widest - len(first) + 2)
            lines.append(f"  {first}{between}{'  '.join(rest)}".rstrip())
        return "\n".join(lines)
