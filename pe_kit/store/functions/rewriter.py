"""Walks a statement and writes it anew for plain DataFusion; what needs no change is copied as it was written.

Types and column names are asked of DataFusion itself: planning a piece of the statement costs some microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pe_kit.errors import QueryError
from pe_kit.store.statements import Call, Clause, Item, Statement, quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from pe_kit.store.sql import Planner

__all__ = ["Handler", "Rewriter", "Scope"]


class Scope(NamedTuple):
    """What the expressions of one SELECT can see: WITH clause and FROM clause, rewritten, each with its keyword."""

    with_: str = ""
    from_: str = ""


class _Change(NamedTuple):
    text: str
    shown: Callable[[], str]  # what the user wrote, as DataFusion would name it; asked for only where it is needed


Handler = Callable[["Rewriter", Call, Scope], "tuple[str, int] | None"]
"""Rewrites one call: gives the new text and the index of the first token after it, or None to leave it."""
Replacing = Callable[[int, int], "tuple[str, int] | None"]
"""The same for whatever begins at a token; the second argument is the end of the range."""


class Rewriter:
    """One statement on its way."""

    def __init__(self, sql: str, planner: Planner, handlers: dict[str, Handler]) -> None:
        self.statement = Statement(sql)
        self.planner = planner
        self._handlers = handlers
        self._changes: list[_Change] = []
        self._replacing: Replacing | None = None

    @contextmanager
    def replacing(self, replace: Replacing) -> Iterator[None]:
        """Ask ``replace`` first what stands at each token, but not within inner queries."""
        before, self._replacing = self._replacing, replace
        try:
            yield
        finally:
            self._replacing = before

    def rewrite(self) -> str:
        """Give the statement in plain DataFusion SQL."""
        s = self.statement
        end = len(s.tokens)
        while end and s.is_mark(end - 1, ";"):
            end -= 1
        start = next((i for i in range(end) if s.is_query(i)), end)
        return s.text(0, start) + " " * bool(start) + self.query(start, end, Scope())

    def query(self, i: int, j: int, scope: Scope) -> str:
        """Rewrite a query: WITH, set operations, ORDER BY and LIMIT included."""
        s = self.statement
        if i >= j:
            return ""
        if s.tokens[i].word == "with":
            return self._with(i, j, scope)
        parts = s.set_parts(i, j)
        if len(parts) == 1:
            return self._single(i, j, scope)
        tail = min(
            (c.keyword for n, c in s.clauses(*parts[-1]).items() if n in ("order", "limit", "offset")), default=j
        )
        out, at = [], i
        for start, end in parts:
            end = min(end, tail)
            out += [s.text(at, start), self._single(start, end, scope)]
            at = end
        return " ".join([*out, self.expression(tail, j, Scope(scope.with_))])

    def _with(self, i: int, j: int, scope: Scope) -> str:
        s, own = self.statement, list[str]()
        k = i + (2 if s.tokens[i + 1].word == "recursive" else 1)
        keyword = s.text(i, k)

        def seen() -> Scope:
            before = [scope.with_] if scope.with_ else []
            return Scope(", ".join([*before, *own]) if before or not own else f"{keyword} {', '.join(own)}")

        while True:
            opening = next((x for x in s.top(k, j) if s.is_mark(x, "(") and s.is_query(x + 1)), None)
            if opening is None or opening not in s.closer:
                return s.text(i, j)
            closing = s.closer[opening]
            own.append(f"{s.text(k, opening)} ({self.query(opening + 1, closing, seen())})")
            if not s.is_mark(closing + 1, ","):
                return f"{keyword} {', '.join(own)} {self.query(closing + 1, j, seen())}"
            k = closing + 2

    def _single(self, i: int, j: int, scope: Scope) -> str:
        s = self.statement
        if i < j and s.is_mark(i, "(") and s.closer.get(i) == j - 1:
            return f"({self.query(i + 1, j - 1, scope)})"
        if i < j and s.tokens[i].word == "select":
            from pe_kit.store.functions.gapfill import gapfill_select

            return gapfill_select(self, i, j, scope) or self.select(i, j, scope)
        return self.expression(i, j, scope)

    def select(self, i: int, j: int, outer: Scope) -> str:
        """Rewrite one SELECT; columns keep the names that the server gives them."""
        s = self.statement
        clauses = s.clauses(i, j)
        scope = self.scope(clauses, outer)
        items, modifiers = self.select_list(clauses["select"])
        shown = [self._item(item, scope) for item in items]
        rest = self.clause_texts(clauses, scope)
        texts = [text for text, _ in shown]
        if any(changes for _, changes in shown):
            plain = f"{scope.with_} SELECT {modifiers} {', '.join(texts)} {rest}"
            names = self.names(plain, items, [changes for _, changes in shown], scope)
            texts = [f"{t} AS {quoted(n)}" if n else t for t, n in zip(texts, names, strict=True)]
        return f"SELECT {modifiers} {', '.join(texts)} {rest}"

    def select_list(self, clause: Clause) -> tuple[list[Item], str]:
        """Give the items of a select list, and the DISTINCT before them."""
        s, start = self.statement, clause.start
        if start < clause.end and s.tokens[start].word in ("distinct", "all"):
            start += 1
            if start < clause.end and s.tokens[start].word == "on":
                start = s.closer.get(start + 1, start) + 1
        return s.items(start, clause.end), s.text(clause.start, start)

    def scope(self, clauses: dict[str, Clause], outer: Scope) -> Scope:
        """Rewrite the FROM clause; give the scope of the other clauses."""
        if "from" not in clauses:
            return Scope(outer.with_)
        clause = clauses["from"]
        return Scope(outer.with_, f"FROM {self.expression(clause.start, clause.end, Scope(outer.with_))}")

    def clause_texts(self, clauses: dict[str, Clause], scope: Scope) -> str:
        """Rewrite all clauses after the select list."""
        s, out = self.statement, []
        for name, clause in clauses.items():
            if name == "from":
                out.append(scope.from_)
            elif name != "select":
                mark = len(self._changes)
                out += [s.text(clause.keyword, clause.start), self.expression(clause.start, clause.end, scope)]
                del self._changes[mark:]
        return " ".join(out)

    def _item(self, item: Item, scope: Scope) -> tuple[str, list[_Change]]:
        mark = len(self._changes)
        text = self.expression(item.start, item.end, scope)
        changes = self._changes[mark:]
        del self._changes[mark:]
        return (f"{text} AS {item.alias}", []) if item.alias else (text, changes)

    def names(self, plain: str, items: list[Item], changes: list[list[_Change]], scope: Scope) -> list[str]:
        """Find the names that the server gives to the items that were changed; empty for the others.

        Args:
            plain: the statement as it is without the names.
            items: its items. changes: what was changed in each. scope: their scope.
        """
        try:
            found = self.planner.schema(plain).names
            stars = sum(self.statement.is_mark(item.stop - 1, "*") for item in items)
            if len(found) != len(items) and stars != 1:
                return [""] * len(items)
            out, before = [], True
            for k, (item, changed) in enumerate(zip(items, changes, strict=True)):
                before = before and not self.statement.is_mark(item.stop - 1, "*")
                name = found[k if before else k - len(items)]
                out.append(self._shown(name, changed, scope) if changed else "")
        except QueryError:  # the statement itself will say what is wrong
            return [""] * len(items)
        return out

    def _shown(self, name: str, changes: list[_Change], scope: Scope) -> str:
        """Put in the place of every rewritten call the call that the user wrote."""
        for change in reversed(changes):  # the outer call before those in its arguments
            name = name.replace(self.name_of(change.text, scope), change.shown())
        return name

    def name_of(self, text: str, scope: Scope) -> str:
        """Give the name that DataFusion gives to an expression."""
        return str(self.planner.schema(f"{scope.with_} SELECT {text} {scope.from_}").names[0])

    def expression(self, i: int, j: int, scope: Scope) -> str:
        """Rewrite a range that holds expressions or relations."""
        s, out = self.statement, []
        if i >= j:
            return ""
        at, k = s.tokens[i].start, i
        while k < j:
            new: str | None = None
            after = k + 1
            if s.is_mark(k, "(") and k in s.closer and s.is_query(k + 1):
                mark, outer = len(self._changes), self._replacing
                self._replacing = None
                new, after = f"({self.query(k + 1, s.closer[k], scope)})", s.closer[k] + 1
                self._replacing = outer
                del self._changes[mark:]
            elif self._replacing is not None and (replaced := self._replacing(k, j)):
                new, after = replaced
            elif (call := s.call(k, j)) and call.name in self._handlers:
                changed = self._handlers[call.name](self, call, scope)
                if changed is not None:
                    new, after = changed
            if new is not None:
                out += [s.sql[at : s.tokens[k].start], new]
                at = s.tokens[after - 1].end
            k = after
        out.append(s.sql[at : s.tokens[j - 1].end])
        return "".join(out)

    def arguments(self, call: Call, scope: Scope) -> list[str]:
        """Rewrite the arguments of a call."""
        return [self.expression(i, j, scope) for i, j in call.args]

    def note(self, new: str, call: Call, args: list[str], scope: Scope, suffix: Callable[[], str] = lambda: "") -> None:
        """Keep how a rewritten call is shown in the name of its column; ``suffix`` is what follows the parenthesis."""
        inner = list(self._changes)

        def shown() -> str:
            names = (self.name_of(f"coalesce({arg})", scope)[len("coalesce(") : -1] for arg in args)
            return f"{call.name}({','.join(self._shown(name, inner, scope) for name in names)}){suffix()}"

        self._changes.append(_Change(new, shown))

    def type_of(self, text: str, scope: Scope) -> pa.DataType | None:
        """Give the Arrow type of an expression; None where it cannot be told."""
        try:
            return self.planner.schema(f"{scope.with_} SELECT {text} AS x {scope.from_}").field(0).type
        except QueryError:
            return None

    def constant(self, text: str) -> pa.Scalar | None:
        """Give the value of an expression that names no column; None if it does name one or cannot be computed."""
        try:
            return self.planner.table(f"SELECT {text} AS x").column(0)[0]
        except QueryError:
            return None
