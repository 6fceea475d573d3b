"""Where the pieces of a text begin and end, each a line of line protocol (core/influxdb_line_protocol/src/lib.rs)."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["piece_end", "piece_start", "split_lines"]

_SPACE_OR_LF = re.compile(r"\\.|[ \n]", re.DOTALL)
_AFTER_SPACE = re.compile(r'\\.|[=,"\n]', re.DOTALL)
_BLANK = re.compile(r"[ \t\n]*")


def split_lines(text: str) -> Iterator[str]:
    """Split a text where the server ends lines: not at a line feed after a backslash or within a quoted value."""
    position = 0
    while position <= len(text):
        end = piece_end(text, position)
        yield text[position:end]
        position = end + 1


def piece_end(text: str, start: int) -> int:
    """Give the offset of the line feed that ends the piece starting at ``start``, or the length of the text."""
    end = text.find("\n", start)
    if end < 0:
        end = len(text)
    if text.find("\\", start, end) < 0 and text.find('"', start, end) < 0:
        return end
    space = next((m for m in _SPACE_OR_LF.finditer(text, start) if m[0] in " \n"), None)
    if space is None:
        return len(text)
    if space[0] == "\n":
        return space.start()
    equals = commas = 0
    quoted = False
    for match in _AFTER_SPACE.finditer(text, space.end()):
        char = match[0]
        if char == '"':
            if equals > commas:
                quoted = not quoted
        elif quoted:
            continue
        elif char == "=":
            equals += 1
        elif char == ",":
            commas += 1
        elif char == "\n":
            return match.start()
    return len(text)


def piece_start(text: str, start: int, end: int) -> int:
    """Give where the first thing of a piece that is neither blank nor comment starts, or ``end``."""
    while True:
        match = _BLANK.match(text, start, end)
        start = match.end() if match else start
        if not text.startswith("#", start, end):
            return start
        start = text.find("\n", start, end)
        if start < 0:
            return end
