"""Finds the time range of a gap-filling query in its conditions.

Source: core/iox_query/src/analyzer/handle_gapfill/range_predicate.rs. Conditions count when time stands on one side of
``<``, ``<=``, ``>``, ``>=`` or BETWEEN; the one that is seen last wins, from the outer query to the inner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pe_kit.store.statements import Clause, Statement

if TYPE_CHECKING:
    from pe_kit.store.functions.rewriter import Rewriter

__all__ = ["Bound", "Bounds", "column_of", "find_bounds"]

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of the range: a token range, and whether the moment itself is in."""

    start: int
    end: int
    included: bool


@dataclass(slots=True)
class Bounds:
    """Both ends, as far as they were found."""

    lower: Bound | None = None
    upper: Bound | None = None


def column_of(s: Statement, i: int, j: int, *, zoned: bool = False) -> str:
    """Give the column that a range names, under casts to a timestamp (and ``tz``); empty if it is anything else."""
    i, j = s.bare(i, j)
    if j - i == 1:
        return s.tokens[i].name
    if j - i == 3 and s.is_mark(i + 1, "."):
        return s.tokens[i + 2].name
    casts = s.split(i, j, "::")
    if len(casts) > 1 and all(s.tokens[a].word.startswith("timestamp") for a, _ in casts[1:]):
        return column_of(s, *casts[0], zoned=zoned)
    call = s.call(i, j)
    if call is None or call.end != j or len(call.args) == 0:
        return ""
    if zoned and call.name == "tz":
        return column_of(s, *call.args[0], zoned=zoned)
    if call.name == "cast":
        a, b = call.args[0]
        at = next((k for k in s.top(a, b) if s.tokens[k].word == "as"), b)
        if at < b - 1 and s.tokens[at + 1].word.startswith("timestamp"):
            return column_of(s, a, at, zoned=zoned)
    return ""


def find_bounds(rewriter: Rewriter, clauses: dict[str, Clause], column: str) -> Bounds:
    """Search a SELECT and the queries that it reads from.

    Args:
        rewriter: the statement.
        clauses: the SELECT's.
        column: the name of its time column.
    """
    s, bounds, seen = rewriter.statement, Bounds(), set[str]()
    while True:
        if "where" in clauses:
            where = clauses["where"]
            for i, j in _conjuncts(s, where.start, where.end):
                _read(s, i, j, column, bounds)
        inner = _inner(s, clauses, rewriter.ctes, seen)
        if inner is None:
            return bounds
        i, j = inner
        clauses = s.clauses(i, j)
        if "group" in clauses or "select" not in clauses or len(s.set_parts(i, j)) > 1:
            return bounds
        column = _below(rewriter, clauses["select"], column)
        if not column:
            return bounds


def _inner(
    s: Statement, clauses: dict[str, Clause], ctes: dict[str, tuple[int, int]], seen: set[str]
) -> tuple[int, int] | None:
    """Give the query in the FROM clause, when that is all there is."""
    if "from" not in clauses:
        return None
    i, j = clauses["from"].start, clauses["from"].end
    while j - i > 1 and s.tokens[j - 1].name and (s.tokens[j - 2].word == "as" or s.is_mark(j - 2, ")") or j - i == 2):
        j -= 2 if s.tokens[j - 2].word == "as" else 1  # an alias
    if s.is_mark(i, "(") and s.closer.get(i) == j - 1 and s.is_query(i + 1):
        return i + 1, j - 1
    name = s.tokens[i].name if j - i == 1 else ""
    if name in ctes and name not in seen:
        seen.add(name)
        return ctes[name]
    return None


def _below(rewriter: Rewriter, select: Clause, column: str) -> str:
    """Give the name that a column has below a select list, when it is passed through as it is."""
    s = rewriter.statement
    items, _ = rewriter.select_list(select)
    for item in items:
        plain = column_of(s, item.start, item.end) if item.end - item.start in (1, 3) else ""
        name = Statement(item.alias).tokens[0].name if item.alias else plain
        if name == column:
            return plain
    stars = any(s.is_mark(item.end - 1, "*") for item in items)
    return column if stars else ""


def _conjuncts(s: Statement, i: int, j: int) -> Iterator[tuple[int, int]]:
    """Split at AND, parentheses included; a range with OR is none."""
    i, j = s.bare(i, j)
    depth, between, start, cuts = 0, False, i, []
    for k in s.top(i, j):
        word = s.tokens[k].word
        depth += (word == "case") - (word == "end")
        if depth:
            continue
        if word == "or":
            return
        if word == "between":
            between = True
        elif word == "and" and between:
            between = False
        elif word == "and":
            cuts.append((start, k))
            start = k + 1
    if not cuts:
        yield i, j
        return
    for a, b in [*cuts, (start, j)]:
        yield from _conjuncts(s, a, b)


def _read(s: Statement, i: int, j: int, column: str, bounds: Bounds) -> None:
    """Take the bounds out of one condition."""
    if i >= j:
        return
    marks = [k for k in s.top(i, j) if s.tokens[k].kind == "mark" and s.tokens[k].text in ("<", "<=", ">", ">=", "=")]
    words = {s.tokens[k].word: k for k in s.top(i, j)}
    if "between" in words and "and" in words and "not" not in words and not marks:
        between, conjunction = words["between"], words["and"]
        if column_of(s, i, between) == column:
            bounds.lower = Bound(between + 1, conjunction, True)
            bounds.upper = Bound(conjunction + 1, j, True)
        return
    if len(marks) != 1 or "not" in words:
        return
    at = marks[0]
    operator = s.tokens[at].text
    if column_of(s, i, at) == column:
        start, end = at + 1, j
    elif column_of(s, at + 1, j) == column:
        start, end, operator = i, at, _FLIPPED.get(operator, operator)
    else:
        return
    if operator[0] == ">":
        bounds.lower = Bound(start, end, operator == ">=")
    elif operator[0] == "<":
        bounds.upper = Bound(start, end, operator == "<=")
