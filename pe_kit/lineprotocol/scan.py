"""Where the bytes of a text may delimit, found for all of its lines at once.

Offsets are bytes of the UTF-8 form. A line here ends at every line feed; the rows in ``unsplit`` are those of which it
is not certain that the grammar ends them there too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["DELIMITERS", "LITERAL_LIMIT", "PADDING", "QUOTE", "Bytes", "Ints", "Longs", "Mask", "Scan", "Text"]

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Ints = np.ndarray[Any, np.dtype[np.int32]]
Longs = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Words = np.ndarray[Any, np.dtype[np.uint64]]

DELIMITERS = '\0\t\n ",='  # NUL and tab are among them so that a line which has one fits no shape
LITERAL_LIMIT = 1_000
"""Most bytes that can be compared at once."""

_LF, _SPACE, QUOTE, _COMMA, _EQUALS, _BACKSLASH = b'\n ",=\\'
_WINDOW = 1 << 17  # bytes looked at at once: they stay in the processor's cache
PADDING = LITERAL_LIMIT + 8
"""Bytes after a text, so that a comparison can start at its last byte."""
_DELIMITS = np.zeros(256, np.bool_)
_DELIMITS[list(DELIMITERS.encode())] = True


class Text:
    """UTF-8 bytes that can be looked at in many places at once; at least ``PADDING`` bytes follow the text proper.

    Attributes:
        raw: the bytes. words: the eight bytes from each offset on, as a little-endian number. buffer: the bytes as
            Arrow has them.
    """

    def __init__(self, buffer: pa.Buffer) -> None:
        self.buffer = buffer
        self.raw = np.frombuffer(buffer, np.uint8)
        self.words = np.ndarray((len(self.raw) - 7,), "<u8", buffer, 0, (1,))

    def matches(self, begin: Ints, literal: bytes) -> Mask:
        """Say at which of the offsets these bytes stand."""
        same = np.ones(len(begin), np.bool_)
        for offset in range(0, len(literal), 8):
            if len(literal) - offset < 8 <= len(literal):
                offset = len(literal) - 8
            part = literal[offset : offset + 8]
            word = self.words[begin + offset]
            if len(part) < 8:
                word &= np.uint64((1 << 8 * len(part)) - 1)
            same &= word == np.uint64(int.from_bytes(part, "little"))
        return same


class Scan:
    """The delimiters of ``text[start:end]``, which ends at a line feed or with the text.

    Attributes:
        text: the bytes. at, kinds: offset and byte of each delimiter outside quotes.
        starts, ends: where each line starts, and its line feed. first, widths: its first delimiter, and how many.
        quotes: how many quotes each line has; None when no line has any.
        unsplit: the rows that may not end at their line feed.

    Raises:
        UnicodeEncodeError: the text has no UTF-8 form (lone surrogates).
    """

    def __init__(self, text: str, start: int, end: int) -> None:
        body = text[start : end + PADDING]
        if end + PADDING > len(text):
            body += "\n" + "\0" * PADDING
        data = body.encode()
        self.ascii = len(data) == len(body)
        length = end - start + (text[end - 1] != "\n")
        size = length if self.ascii else len(body[:length].encode())
        self.text = Text(pa.py_buffer(data))
        self._find_delimiters(size)
        self._find_lines()
        self.quotes: Ints | None = None
        unsplit = np.zeros(len(self.starts), np.bool_)
        if self.odd and (quotes := np.flatnonzero(self.kinds == QUOTE)).size:
            self._leave_out_quoted(quotes, unsplit)
        if data.find(b"\\", 0, size) >= 0:
            unsplit[np.searchsorted(self.ends, np.flatnonzero(self.text.raw[:size] == _BACKSLASH))] = True
        self.unsplit = np.flatnonzero(unsplit)

    def _find_delimiters(self, size: int) -> None:
        """Find all bytes up to the comma, and equals signs, in two comparisons; then drop the harmless ones."""
        at, kinds = [], []
        for offset in range(0, size, _WINDOW):
            window = self.text.raw[offset : min(offset + _WINDOW, size)]
            mask = window <= _COMMA
            mask |= window == _EQUALS
            found = np.flatnonzero(mask)
            kinds.append(window[found])
            found += offset
            at.append(found.astype(np.int32))
        self.at, self.kinds = np.concatenate(at), np.concatenate(kinds)
        usual = self.kinds == _COMMA
        for kind in (_EQUALS, _SPACE, _LF):
            usual |= self.kinds == kind
        self.odd = not usual.all()
        if self.odd:
            delimits = _DELIMITS[self.kinds]
            self.at, self.kinds = self.at[delimits], self.kinds[delimits]

    def _find_lines(self) -> None:
        last = np.flatnonzero(self.kinds == _LF)
        self.ends = self.at[last]
        self.starts = np.concatenate([np.zeros(1, np.int32), self.ends[:-1] + 1])
        self.first = np.concatenate([np.zeros(1, np.int64), last[:-1] + 1])
        self.widths = last - self.first + 1

    def _leave_out_quoted(self, quotes: Longs, unsplit: Mask) -> None:
        """Drop quotes and the delimiters within them; mark the lines in which a quote may mean something else.

        The server counts equals signs and commas from the first space on; a quote opens while the former are more.
        """
        lines, counts = np.unique(np.searchsorted(self.first, quotes, side="right") - 1, return_counts=True)
        self.quotes = np.zeros(len(self.starts), np.int32)
        self.quotes[lines] = counts
        index, starts = self._delimiters_of(lines)
        kinds = self.kinds[index]
        quote = kinds == QUOTE
        seen = np.cumsum(quote) - quote
        inside = ((seen - np.repeat(seen[starts], self.widths[lines])) & 1).astype(np.bool_)
        balance = np.cumsum(np.where(inside, 0, (kinds == _EQUALS).astype(np.int64) - (kinds == _COMMA)))
        opening = np.flatnonzero(quote & ~inside)
        line = np.searchsorted(starts, opening, side="right") - 1
        spaces = np.append(np.flatnonzero(kinds == _SPACE), len(kinds))
        space = spaces[np.searchsorted(spaces, starts[line])]
        opens = space < opening
        opens[opens] = balance[opening[opens]] > balance[space[opens]]
        unsplit[lines[line[~opens]]] = True
        unsplit[lines[counts % 2 == 1]] = True
        kept = np.ones(len(self.kinds), np.bool_)
        kept[index] = ~(inside | quote) | (kinds == _LF)
        self.at, self.kinds = self.at[kept], self.kinds[kept]
        self._find_lines()

    def likeness_of_names(self, rows: Longs) -> Words:
        """Give a number for each line that is the same for lines of one measurement, and seldom for others."""
        begin, end = self.starts[rows], self.at[self.first[rows]]
        hashes = self._name_hash(begin, end)
        hashes ^= np.where(end - begin >= 8, self.text.words[begin], 0) * np.uint64(0x9E3779B97F4A7C15)
        return hashes

    def likeness_of_keys(self, rows: Longs) -> Words:
        """The same for lines of one measurement: lines with equal keys have equal numbers."""
        index, starts = self._delimiters_of(rows)
        keys = self.kinds[index] == _EQUALS
        ends = index[keys]
        hashes = np.zeros(len(index), np.uint64)
        hashes[keys] = self._name_hash(self.at[ends - 1] + 1, self.at[ends])
        sums: Words = np.add.reduceat(hashes, starts) * np.uint64(0x9E3779B97F4A7C15)
        sums += self.widths[rows].astype(np.uint64)
        return sums

    def _delimiters_of(self, rows: Longs) -> tuple[Longs, Longs]:
        """Give the indices of all delimiters of some lines, and where in this list each line starts."""
        widths = self.widths[rows]
        starts = np.cumsum(widths) - widths
        return np.repeat(self.first[rows] - starts, widths) + np.arange(widths.sum()), starts

    def reordered(self, rows: Longs) -> tuple[Text, Ints]:
        """Give the text of some lines in the order of the rows, and how far each line has moved."""
        size = self.ends[-1] + 1
        bounds = np.concatenate([self.starts, [size, size + PADDING]]).astype(np.int32)
        lines = pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), self.text.buffer)
        moved = lines.take(pa.array(np.append(rows, len(self.starts))))  # the last one is the padding
        starts = np.frombuffer(moved.buffers()[1], np.int32, len(rows))
        return Text(moved.buffers()[2]), starts - self.starts[rows]

    def char_offsets(self, offsets: Longs) -> Longs:
        """Turn ascending byte offsets into offsets of characters."""
        if self.ascii:
            return offsets
        return offsets - np.searchsorted(np.flatnonzero((self.text.raw & 0xC0) == 0x80), offsets)

    def _name_hash(self, begin: Ints, end: Ints) -> Words:
        """Mix the length and the last eight bytes of each stretch."""
        outside = 8 * (8 - np.minimum(end - begin, 8)) & 63  # bits of the eight bytes that are not of the stretch
        hashes: Words = self.text.words[np.maximum(begin, end - 8)] << outside.astype(np.uint64)
        hashes *= np.uint64(0xD6E8FEB86659FD93)
        hashes ^= hashes >> np.uint64(32)
        hashes += (end - begin).astype(np.uint64)
        hashes *= np.uint64(0xA24BAED4963EE407)
        hashes ^= hashes >> np.uint64(29)  # else the sums of two names' numbers would be alike when their letters' are
        return hashes
