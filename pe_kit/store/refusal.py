"""A refused line as an error: the server's text, number and line, the real place in the text, and how to mend it."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from pe_kit.errors import LineProtocolError, ServerError
from pe_kit.lineprotocol.grammar import render
from pe_kit.store.tabledef import SchemaError

if TYPE_CHECKING:
    from pe_kit.lineprotocol.grammar import GrammarError, Item, Line

__all__ = ["EMPTY", "Source", "schema_refusal", "write_buffer_text"]

EMPTY = "incoming write was empty"

_SHAPE = "A line is: measurement,tag=value field=1.5 timestamp"


class Source:
    """The text of one write, able to say where in it something is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts: list[int] = []

    def refuse_grammar(self, item: Item) -> LineProtocolError:
        """Give the error for a piece that is no line.

        ``original_line`` is what the server names: the n-th line of the text, which is another one after blank lines,
        comments or quoted line feeds. ``text_line``, ``line`` and ``column`` say where the error really is.
        """
        error = item.error
        assert error is not None
        number, line, column = self._place(item.offset + min(error.offset, len(item.piece)))
        return LineProtocolError(
            error.message,
            line_number=item.number,
            original_line=self._line(item.number - 1).removesuffix("\n").removesuffix("\r"),
            line=line,
            text_line=number,
            column=column,
            mend=_grammar_mend(item.piece, error),
        )

    def refuse_schema(self, item: Item, error: SchemaError) -> LineProtocolError:
        """Give the error for a line that the catalog refuses."""
        assert item.line is not None
        at = _find_column(item.piece, error.column)
        number, line, column = self._place(item.offset + max(at, 0))
        return schema_refusal(error, item.number, item.line, number, line, column if at >= 0 else None)

    def _place(self, position: int) -> tuple[int, str, int]:
        """Give the 1-based number of the text line that holds a position, that line, and the 1-based column."""
        self._index()
        number = bisect_right(self._starts, position) - 1
        return number + 1, self._line(number).removesuffix("\n"), position - self._starts[number] + 1

    def _line(self, number: int) -> str:
        self._index()
        return self.text[self._starts[number] : self._starts[number + 1] if number + 1 < len(self._starts) else None]

    def _index(self) -> None:
        if not self._starts:
            self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]


def schema_refusal(
    error: SchemaError,
    number: int,
    line: Line,
    text_line: int | None = None,
    text: str | None = None,
    column: int | None = None,
) -> LineProtocolError:
    """Give the error for a line that the catalog refuses; ``original_line`` is the line rendered again, as there.

    Args:
        error: why.
        number: which line it is, as the server counts.
        line: the parsed line.
        text_line: its place in the text that it came from, if it came from text; so ``text`` and ``column``.
    """
    return LineProtocolError(
        error.message,
        line_number=number,
        original_line=render(line),
        line=text,
        text_line=text_line,
        column=column,
        mend=error.mend,
    )


def write_buffer_text(error: ServerError) -> str:
    """What the write buffer says of a refused write, where the HTTP answer has the catalog's own words alone."""
    limit = error.status == 422  # of databases: the others are errors of a line
    return f"catalog update error: {error.message}" if limit else error.message


def _find_column(piece: str, column: str | None) -> int:
    """Find where a piece names a column; of a name that comes twice the last, which is the one to blame."""
    if column is None:
        return -1
    for char in ",= ":
        column = column.replace(char, "\\" + char)
    return max((at + 1 for at in (piece.rfind(f"{before}{column}=") for before in ", ") if at >= 0), default=-1)


def _grammar_mend(piece: str, error: GrammarError) -> str:
    message, rest = error.message, piece[error.offset :]
    if piece.endswith("\r"):
        return "The text has CRLF line ends; lines end with LF alone."
    if message.startswith("No fields"):
        value = rest.partition("=")[2]
        if value.startswith('"'):
            return "The text of the first field has no closing double quote."
        return f'{_SHAPE}; a field value is 1.5, 1i, 1u, true or "text", and NaN, inf, +1 and .5 are none.'
    if message.startswith("Expected at least one space"):
        return f"{_SHAPE}; the separator is one space, not a tab." if "\t" in rest else f"{_SHAPE}."
    if message.startswith(("Tag set malformed", "Expected tag")):
        return "A tag is key=value, both not empty; leave out a tag without value. Escape comma, = and space with \\."
    if message.startswith("Could not parse entire line"):
        if not rest.strip():
            return "A line without timestamp may not end with a space."
        return f'{_SHAPE}; field values are 1.5, 1i, 1u, true or "text" and stand without spaces between them.'
    if message.startswith("Unable to parse"):
        return "The number does not fit: integers and timestamps are signed 64 bit, unsigned integers 64 bit."
    if message.startswith("Measurements, tag keys"):
        return "End the name or tag value with another character; a backslash there would escape what follows."
    if message.startswith("String is greater"):
        return "Names, tag values and string values hold at most 1 MiB."
    return f"{_SHAPE}."
