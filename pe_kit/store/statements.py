"""A SQL statement as tokens: enough to find calls, clauses and lists in it, and to leave the rest as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Call", "Clause", "Item", "Statement", "Token", "quoted"]


class Token(NamedTuple):
    """One token. ``kind``: word, name (in double quotes), string, number, parameter or mark."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The word in lower case; empty for other kinds."""
        return self.text.lower() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """What it means as a name: words are lower-cased, names in double quotes are exact; else empty."""
        if self.kind == "name":
            return self.text[1:-1].replace(self.text[0] * 2, self.text[0])
        return self.word


class Call(NamedTuple):
    """A call of a function: the arguments as token ranges, and the index of the token after the parenthesis."""

    name: str
    start: int
    args: list[tuple[int, int]]
    end: int


class Clause(NamedTuple):
    """A clause of a SELECT: where its keyword begins, where its content begins and ends."""

    name: str
    keyword: int
    start: int
    end: int


class Item(NamedTuple):
    """An item of a select list: its expression, and its alias as it is written (empty: none)."""

    start: int
    end: int
    alias: str
    stop: int


_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
      | (?P<comment>/\*)
      | (?P<string>[eE]'(?:[^'\\]|\\.|'')*' | (?:[nNxXbB]|[uU]&)?'(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<name>"(?:[^"]|"")*" | `(?:[^`]|``)*`)
      | (?P<parameter>\$\w+ | \?)
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<word>[^\W\d]\w*)
      | (?P<mark>::|<=|>=|<>|!=|!~\*|!~|~\*|\|\||->>|->|=>|.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")
_CLAUSES = {"select", "from", "where", "having", "window", "qualify", "limit", "offset", "fetch", "for"}
_BEFORE_OPERAND = {
    "all", "and", "any", "between", "case", "distinct", "div", "else", "escape", "from", "ilike", "in", "is", "like",
    "not", "or", "over", "similar", "some", "then", "to", "when", "xor",
}  # fmt: skip
_SET = {"union", "except", "intersect"}
_NO_ALIAS = {
    "asc", "century", "day", "days", "desc", "end", "false", "first", "hour", "hours", "last", "microsecond",
    "microseconds", "millisecond", "milliseconds", "minute", "minutes", "month", "months", "nanosecond",
    "nanoseconds", "null", "nulls", "precision", "second", "seconds", "true", "unknown", "varying", "week", "weeks",
    "year", "years", "zone",
}  # fmt: skip


def quoted(name: str) -> str:
    """Write a name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


class Statement:
    """The tokens of a text, and which bracket closes which. Ranges are ``[i, j)`` of token indices."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = list(_tokens(sql))
        self.closer: dict[int, int] = {}
        stack: list[int] = []
        for i, token in enumerate(self.tokens):
            if token.kind == "mark" and token.text in "([{":
                stack.append(i)
            elif token.kind == "mark" and token.text in ")]}" and stack:
                self.closer[stack.pop()] = i

    def text(self, i: int, j: int) -> str:
        """Give a range as it was written."""
        return self.sql[self.tokens[i].start : self.tokens[j - 1].end] if i < j else ""

    def key(self, i: int, j: int) -> tuple[str, ...]:
        """Give a range in a form in which equal expressions are equal: without blanks, names as they are meant."""
        return tuple(t.name or t.text for t in self.tokens[i:j])

    def is_mark(self, i: int, text: str) -> bool:
        """Say whether a token is this mark."""
        return i < len(self.tokens) and self.tokens[i].kind == "mark" and self.tokens[i].text == text

    def top(self, i: int, j: int) -> Iterator[int]:
        """Walk over a range, stepping over what is in brackets (the brackets themselves are seen)."""
        while i < j:
            yield i
            i = self.closer.get(i, i)
            if self.tokens[i].kind == "mark" and self.tokens[i].text in ")]}":
                yield i
            i += 1

    def split(self, i: int, j: int, at: str = ",") -> list[tuple[int, int]]:
        """Split a range at a mark outside brackets; an empty range has no parts."""
        if i >= j:
            return []
        cuts = [k for k in self.top(i, j) if self.is_mark(k, at)]
        return list(zip([i, *(k + 1 for k in cuts)], [*cuts, j], strict=True))

    def bare(self, i: int, j: int) -> tuple[int, int]:
        """Take away parentheses around all of a range."""
        while i < j and self.is_mark(i, "(") and self.closer.get(i) == j - 1 and not self.is_query(i + 1):
            i, j = i + 1, j - 1
        return i, j

    def is_query(self, i: int) -> bool:
        """Say whether a query begins here, parentheses before it apart."""
        while self.is_mark(i, "("):
            i += 1
        return i < len(self.tokens) and self.tokens[i].word in ("select", "with")

    def call(self, i: int, j: int) -> Call | None:
        """Give the call that begins at ``i``, if one does."""
        token = self.tokens[i]
        if not token.name or not self.is_mark(i + 1, "(") or self.closer.get(i + 1, j) >= j or self.is_mark(i - 1, "."):
            return None
        end = self.closer[i + 1]
        return Call(token.name, i, self.split(i + 2, end), end + 1)

    def set_parts(self, i: int, j: int) -> list[tuple[int, int]]:
        """Split a query at UNION, EXCEPT and INTERSECT; the parts begin at SELECT or a parenthesis."""
        parts, start = [], i
        for k in self.top(i, j):
            if self.tokens[k].word in _SET:
                parts.append((start, k))
                start = k + 1
                while start < j and self.tokens[start].word in ("all", "distinct", "by", "name"):
                    start += 1
        return [*parts, (start, j)]

    def clauses(self, i: int, j: int) -> dict[str, Clause]:
        """Find the clauses of one SELECT."""
        found: list[tuple[str, int, int]] = []
        for k in self.top(i, j):
            word, after = self.tokens[k].word, self.tokens[k + 1].word if k + 1 < j else ""
            if word in ("group", "order") and after == "by":
                found.append((word, k, k + 2))
            elif word in _CLAUSES and not (k > i and word == "from" and self.tokens[k - 1].word == "distinct"):
                found.append((word, k, k + 1))
        ends = [k for _, k, _ in found[1:]] + [j]
        return {name: Clause(name, k, start, end) for (name, k, start), end in zip(found, ends, strict=True)}

    def items(self, i: int, j: int) -> list[Item]:
        """Split a select list; ``i`` is after DISTINCT and the like."""
        return [self._item(a, b) for a, b in self.split(i, j)]

    def _item(self, i: int, j: int) -> Item:
        last = self.tokens[j - 1]
        if j - i >= 2 and last.name:
            before = self.tokens[j - 2]
            if before.word == "as":
                return Item(i, j - 2, last.text, j)
            operand = before.kind in ("name", "string", "number", "parameter") or before.text in (")", "]")
            operand = operand or (before.kind == "word" and before.word not in _BEFORE_OPERAND)
            if operand and last.word not in _NO_ALIAS:
                return Item(i, j - 1, last.text, j)
        return Item(i, j, "", j)


def _tokens(sql: str) -> Iterator[Token]:
    at = 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        assert match is not None  # the last alternative takes any character
        kind, end = match.lastgroup or "", match.end()
        if kind == "tag":
            kind = "string"
        if kind == "comment":
            depth = 1
            while depth:
                mark = _COMMENT.search(sql, end)
                end, depth = (mark.end(), depth + (1 if mark[0] == "/*" else -1)) if mark else (len(sql), 0)
        elif kind != "space":
            yield Token(kind, match[0], at, end)
        at = end
