"""Small pieces of HTML: escaped data, tables that stop when their room is used up, sections, the page and its style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib import resources
from typing import Any, NamedTuple

from pe_kit.notebook.visible import count, show, visible

__all__ = ["Cell", "Room", "cell", "data", "mark", "page", "pre", "section", "table"]


class Room:
    """The bytes that a part of a display may still take: what does not fit is left out and counted."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, html: str) -> bool:
        """Use room for ``html``; False, and nothing used, when it does not fit."""
        size = len(html.encode())
        if size > self.left:
            return False
        self.left -= size
        return True


class Cell(NamedTuple):
    """A table cell: HTML and how it stands (``pe-number``, ``pe-short``)."""

    html: str
    kind: str = ""


def data(value: Any, limit: int = 120, *, lines: bool = False) -> str:
    """Escape a value that comes from data; right-to-left text in it leaves its surroundings alone."""
    text = visible(value, limit, lines=lines) if isinstance(value, str) else show(value, limit)
    return f"<bdi>{escape(text)}</bdi>"


def mark(symbol: str, word: str) -> str:
    """Make a badge: a symbol and a word, so that colour is never the only sign."""
    return f'<span class="pe-mark"><span aria-hidden="true">{symbol}</span> {escape(word)}</span>'


def cell(value: Any, limit: int = 120, *, lines: bool = False, short: bool = False) -> Cell:
    """Make a table cell of a value; numbers stand at the right, ``short`` text is not wrapped."""
    kind = "pe-number" if isinstance(value, int | float) and not isinstance(value, bool) else "pe-short" * short
    return Cell(data(value, limit, lines=lines), kind)


def table(
    columns: Sequence[str],
    rows: Iterable[tuple[str, Sequence[Cell]]],
    total: int,
    room: Room,
    where: str,
    caption: str = "",
) -> str:
    """Make a table of as many rows as there is room for.

    Args:
        columns: headings; text from data is fine.
        rows: (class of the row, cells), at most as many as shall be shown.
        total: how many rows there are.
        room: what the table may take.
        where: where the reader finds the rest, e.g. ``outcome.logs``.
        caption: HTML.
    """
    head = "".join(f'<th scope="col">{data(name, 60)}</th>' for name in columns)
    room.left -= len(head.encode())
    body: list[str] = []
    for kind, cells in rows:
        html = f'<tr class="pe-level {kind}">' if kind else "<tr>"
        html += "".join(f'<td class="{c.kind}">{c.html}</td>' if c.kind else f"<td>{c.html}</td>" for c in cells)
        html += "</tr>"
        if not room.take(html):
            break
        body.append(html)
    title = f"<caption>{caption}</caption>" if caption else ""
    inner = f"{title}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    rest = total - len(body)
    more = f'<div class="pe-dim">… {count(rest, "more row")} not shown: {escape(where)}</div>' if rest > 0 else ""
    frame = '<div class="pe-scroll" tabindex="0" role="group" aria-label="table">'
    return f'{frame}<table class="pe-table">{inner}</table></div>{more}'


def section(title: str, body: str, *, shut: bool = False) -> str:
    """Make a part that can be folded; ``title`` and ``body`` are HTML."""
    if not body:
        return ""
    return f'<details class="pe-part"{"" if shut else " open"}><summary>{title}</summary>{body}</details>'


def pre(text: str, limit: int = 4000, marked: Iterable[int] = ()) -> str:
    """Make a block of code or text; lines whose index is in ``marked`` stand out."""
    numbers = set(marked)
    lines = visible(text, limit, lines=True).split("\n")
    shown = "\n".join(f"<mark>{escape(line)}</mark>" if i in numbers else escape(line) for i, line in enumerate(lines))
    return f'<pre class="pe-code" tabindex="0">{shown}</pre>'


@cache
def _style() -> str:
    css = resources.files("pe_kit.notebook").joinpath("display.css").read_text("utf-8")
    return " ".join(css.split())


def page(body: str) -> str:
    """Wrap a display: it carries its style, so that it stands on its own in saved and exported notebooks."""
    return f'<div class="pe-kit"><style>{_style()}</style>{body}</div>'
