"""The exact line protocol grammar, one line at a time (core/influxdb_line_protocol/src/lib.rs).

This module is the truth: :mod:`pe_kit.lineprotocol.columnar` gives way to it wherever it is not certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from pe_kit.lineprotocol.pieces import piece_end, piece_start
from pe_kit.lineprotocol.timestamps import INT64_MAX, INT64_MIN
from pe_kit.types import Value

__all__ = [
    "STRING_LIMIT",
    "GrammarError",
    "Item",
    "Line",
    "parse",
    "parse_line",
    "read_item",
    "render",
]

STRING_LIMIT = 1_048_576
"""Most UTF-8 bytes that a name, tag value or string value may have, unescaped."""

_UINT64_MAX = 2**64 - 1


class Line(NamedTuple):
    """One parsed line.

    ``tags`` are (key, value), ``fields`` (key, kind, value) in the line's order; kind is ``i`` (int64), ``u`` (uint64),
    ``f`` (float64), ``s`` (text) or ``b`` (bool). ``timestamp`` is the number on the line, its unit unknown.
    """

    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str, Value], ...]
    timestamp: int | None


class GrammarError(Exception):
    """A line that the server cannot parse.

    Attributes:
        message: the server's text. offset: characters from the start of the piece to where parsing stopped.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Item(NamedTuple):
    """One piece of a text with what came of it: exactly one of ``line`` and ``error`` is set.

    ``number`` counts from 1 and passes over blank and comment lines, as the server's line numbers do. ``offset`` is
    where ``piece`` starts in the text, after the blanks and comments before it.
    """

    number: int
    offset: int
    piece: str
    line: Line | None
    error: GrammarError | None


# A line that needs no second look: escapes only of what must be escaped, quotes only around string values, nothing that
# an alternative of the grammar could read otherwise. Every repeat ends at a character that it cannot hold, so a match
# takes linear time.
_NAME = r'[^ \t\n,=\\"]+(?:\\[,= ][^ \t\n,=\\"]*)*'
_VALUE = (
    r"-?[0-9]+(?:i|(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)|[0-9]+u|[tTfF]|[tT]rue|TRUE|[fF]alse|FALSE"
    r'|"[^"\\]*(?:\\"[^"\\]*)*"'
)
_PLAIN = re.compile(
    r'([^ \t\n\0,=\\"#][^ \t\n\0,=\\"]*(?:\\[, ][^ \t\n\0,=\\"]*)*)'
    rf"((?:,{_NAME}={_NAME})*) ({_NAME}=(?:{_VALUE})(?:,{_NAME}=(?:{_VALUE}))*)"
    r"(?: (-?[0-9]{1,19}))?(?:\n|\Z)"
)
_PLAIN_TAGS = re.compile(rf",({_NAME})=({_NAME})")
_PLAIN_FIELDS = re.compile(rf",?({_NAME})=({_VALUE})(?=,|\Z)")

_SPACES = re.compile(r" *")
_STOP = {
    "measurement": re.compile(r"[ \t\n\0,\\]"),
    "key": re.compile(r"[ \t\n=\\]"),
    "value": re.compile(r"[ \t\n,\\]"),
}
_STRING_STOP = re.compile(r'["\\]')
_DIGITS = re.compile(r"-?[0-9]+")
_FLOAT_REST = re.compile(r"(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_BOOL = re.compile(r"true|True|TRUE|t|T|false|False|FALSE|f|F")


def parse(text: str) -> Iterator[Item]:
    """Parse a whole text; a bad line does not stop the lines after it."""
    number = 1
    position = 0
    while position <= len(text):
        item, position = read_item(text, position, number)
        if item:
            number += 1
            yield item


def read_item(text: str, position: int, number: int) -> tuple[Item | None, int]:
    """Read the piece at ``position``; give its item, or None for blanks and comments, and where the next one starts."""
    match = _PLAIN.match(text, position)
    if match:
        line = _plain(match)
        if line:
            end = match.end() - (text[match.end() - 1] == "\n")
            return Item(number, position, text[position:end], line, None), end + 1
    end = piece_end(text, position)
    start = piece_start(text, position, end)
    if start == end:
        return None, end + 1
    piece = text[start:end]
    try:
        return Item(number, start, piece, _parse_any(piece), None), end + 1
    except GrammarError as error:
        return Item(number, start, piece, None, error), end + 1


def parse_line(piece: str) -> Line:
    """Parse one piece that has no blanks or comments before it.

    Raises:
        GrammarError: the piece is no line.
    """
    match = _PLAIN.match(piece)
    if match and match.end() == len(piece) and piece[-1] != "\n":
        line = _plain(match)
        if line:
            return line
    return _parse_any(piece)


def render(line: Line) -> str:
    """Write a parsed line as the server prints it: canonical escapes, string values without their quotes."""
    text = _escaped(line.measurement, ", ")
    for key, value in line.tags:
        text += f",{_escaped(key, ',= ')}={_escaped(value, ',= ')}"
    text += " " + ",".join(f"{_escaped(key, ',= ')}={_value_text(kind, value)}" for key, kind, value in line.fields)
    return text if line.timestamp is None else f"{text} {line.timestamp}"


def _escaped(text: str, chars: str) -> str:
    for char in chars:
        text = text.replace(char, "\\" + char)
    return text


def _value_text(kind: str, value: Value) -> str:
    if kind == "b":
        return "true" if value else "false"
    if kind == "s":
        return str(value).replace('"', r"\"")
    if kind == "f":
        text = repr(value)
        if "e" in text:  # the server writes floats out in full
            text = format(Decimal(text), "f")
        return text.removesuffix(".0")
    return f"{value}{kind}"


def _plain(match: re.Match[str]) -> Line | None:
    """Turn a match of ``_PLAIN`` into a line, or None when a limit needs the exact rules."""
    measurement, tags_text, fields_text, time_text = match.groups()
    if len(fields_text) + len(tags_text) + len(measurement) > STRING_LIMIT // 4:
        return None
    if "\\" in tags_text or "\\" in measurement:
        measurement = _unescaped(measurement)
        tags = tuple([(_unescaped(key), _unescaped(value)) for key, value in _PLAIN_TAGS.findall(tags_text)])
    else:
        tags = tuple([tuple(tag.split("=")) for tag in tags_text.split(",")[1:]])
    fields: list[tuple[str, str, Value]] = []
    if "\\" in fields_text or '"' in fields_text:
        parts = [(_unescaped(key), value) for key, value in _PLAIN_FIELDS.findall(fields_text)]
    else:
        parts = [field.split("=") for field in fields_text.split(",")]  # type: ignore[misc]
    for key, text in parts:
        last = text[-1]
        if last == "i":
            if len(text) > 19:
                return None
            fields.append((key, "i", int(text[:-1])))
        elif last == '"':
            fields.append((key, "s", text[1:-1].replace(r"\"", '"')))
        elif last in "0123456789":
            fields.append((key, "f", float(text)))
        elif last == "u":
            if len(text) > 20:
                return None
            fields.append((key, "u", int(text[:-1])))
        else:
            fields.append((key, "b", text[0] in "tT"))
    if time_text is None:
        return Line(measurement, tags, tuple(fields), None)
    timestamp = int(time_text)
    if not INT64_MIN <= timestamp <= INT64_MAX:
        return None
    return Line(measurement, tags, tuple(fields), timestamp)


def _unescaped(text: str, chars: str = ",= ") -> str:
    """Take the backslash off other backslashes and the given characters."""
    if "\\" not in text:
        return text
    if "\\\\" in text:  # between them there are single backslashes only
        return "\\".join([_unescaped(part, chars) for part in text.split("\\\\")])
    for char in chars:
        text = text.replace("\\" + char, char)
    return text


def _parse_any(piece: str) -> Line:
    """Parse one piece by the exact rules."""
    measurement, position = _name(piece, 0, "measurement")
    if not position:
        raise GrammarError("Invalid measurement was provided", 0)
    tags, position = _tags(piece, position)
    start = _spaces(piece, position)
    if start == position:
        raise GrammarError(f"Expected at least one space character, got {_or_end(piece[position:])}", position)
    fields, position, furthest = _fields(piece, start)
    timestamp = None
    start = _spaces(piece, position)
    number = _DIGITS.match(piece, start) if start > position else None
    if number:
        timestamp = _integer(number[0], INT64_MIN, INT64_MAX)
        if timestamp is None:
            raise GrammarError(f"Unable to parse timestamp value `{number[0]}`", start)
        position = start = _spaces(piece, number.end())
    if position < len(piece):
        message = f"Could not parse entire line. Found trailing content: `{_cut(piece[position:])}`"
        raise GrammarError(message, max(furthest, start if start < len(piece) else position))
    return Line(measurement, tags, fields, timestamp)


def _tags(piece: str, position: int) -> tuple[tuple[tuple[str, str], ...], int]:
    tags: list[tuple[str, str]] = []
    first = position + 1
    while piece.startswith(",", position):
        start = position + 1
        key, position = _name(piece, start, "key")
        if position == start:
            raise GrammarError(f"Expected tag key, got {_or_end(_cut(piece[start:]))}", start)
        if not piece.startswith("=", position):
            message = f"Tag set malformed: could not find equals sign in `{_cut(piece[first:])}`"
            raise GrammarError(message, position)
        start = position + 1
        value, position = _name(piece, start, "value")
        if position == start:
            raise GrammarError(f"Expected tag value, got {_or_end(_cut(piece[start:]))}", start)
        tags.append((key, value))
    return tuple(tags), position


def _fields(piece: str, start: int) -> tuple[tuple[tuple[str, str, Value], ...], int, int]:
    """Read fields; give them, where the next part of the line starts and the furthest offset that was looked at."""
    field, position = _field(piece, start)
    if field is None:
        raise GrammarError("No fields were provided", position)
    fields = [field]
    furthest = position
    while piece.startswith(",", position):
        field, furthest = _field(piece, position + 1)
        if field is None:
            # the server's list parser has taken the comma before the second field, but gives back later ones
            return tuple(fields), position + (len(fields) == 1), furthest
        fields.append(field)
        position = furthest
    return tuple(fields), position, furthest


def _field(piece: str, start: int) -> tuple[tuple[str, str, Value] | None, int]:
    """Read one field; give it and its end, or None and where reading failed."""
    key, position = _name(piece, start, "key")
    if position == start or not piece.startswith("=", position):
        return None, position
    position += 1
    number = _DIGITS.match(piece, position)
    if number:
        digits, end = number[0], number.end()
        suffix = piece[end : end + 1]
        if suffix == "i":
            value = _integer(digits, INT64_MIN, INT64_MAX)
            if value is None:
                raise GrammarError(f"Unable to parse integer value `{digits}`", position)
            return (key, "i", value), end + 1
        if suffix == "u" and digits[0] != "-":
            value = _integer(digits, 0, _UINT64_MAX)
            if value is None:
                raise GrammarError(f"Unable to parse unsigned integer value `{digits}`", position)
            return (key, "u", value), end + 1
        rest = _FLOAT_REST.match(piece, end)
        end = rest.end() if rest else end
        return (key, "f", float(piece[position:end])), end
    if piece.startswith('"', position):
        text, end = _string(piece, position + 1)
        return (None, end) if text is None else ((key, "s", text), end)
    boolean = _BOOL.match(piece, position)
    if boolean:
        return (key, "b", boolean[0][0] in "tT"), boolean.end()
    return None, position


def _name(piece: str, start: int, kind: str) -> tuple[str, int]:
    """Read a name or tag value from ``start``; give it unescaped, and its end, which is ``start`` if there is none."""
    stop = _STOP[kind]
    position = start
    while match := stop.search(piece, position):
        if match[0] != "\\":
            break
        position = match.end() + 1
    end = match.start() if match else len(piece)
    text = piece[start:end]
    if position > start:
        text = _unescaped(text, ", " if kind == "measurement" else ",= ")
        if text.endswith("\\"):
            message = "Measurements, tag keys and values, and field keys may not end with a backslash"
            raise GrammarError(message, end)
    _check_size(text, start)
    return text, end


def _string(piece: str, start: int) -> tuple[str | None, int]:
    """Read a string value after its opening quote; None when it is not closed."""
    position = start
    while match := _STRING_STOP.search(piece, position):
        if match[0] == '"':
            text = piece[start : match.start()]
            if position > start:
                text = _unescaped(text, '"')
            _check_size(text, start)
            return text, match.end()
        position = match.end() + (piece[match.end() : match.end() + 1] in ('"', "\\"))
    return None, len(piece)


def _integer(digits: str, lowest: int, highest: int) -> int | None:
    """Read an integer, or None if it is out of range; Python itself refuses to read thousands of digits."""
    if len(digits) > 20:
        digits = ("-" if digits[0] == "-" else "") + (digits.lstrip("-").lstrip("0") or "0")
        if len(digits) > 20:
            return None
    value = int(digits)
    return value if lowest <= value <= highest else None


def _check_size(text: str, offset: int) -> None:
    if len(text) > STRING_LIMIT // 4 and len(text.encode("utf-8", "surrogatepass")) > STRING_LIMIT:
        raise GrammarError("String is greater than 1MB", offset)


def _spaces(piece: str, position: int) -> int:
    match = _SPACES.match(piece, position)
    return match.end() if match else position


def _cut(text: str) -> str:
    """Shorten text as the server does in its messages: more than 10 bytes become 10 characters and dots."""
    head = text[:11]
    return head[:10] + "..." if len(head.encode("utf-8", "surrogatepass")) > 10 else text


def _or_end(text: str) -> str:
    return f"`{text}`" if text else "end of input"
