"""A gap-filling SELECT at work: the grouped rows, the filled rows, and the SELECT over them.

Source: core/iox_query/src/analyzer/handle_gapfill.rs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pe_kit.errors import QueryError
from pe_kit.store.conversion import debug_type
from pe_kit.store.functions.fill import Strategy, fill_gaps
from pe_kit.store.functions.grouping import AGGREGATES, can_aggregate, is_no_longer
from pe_kit.store.functions.rewriter import Rewriter, Scope
from pe_kit.store.functions.selectors import SELECTORS
from pe_kit.store.functions.signatures import NUMBERS, no_match
from pe_kit.store.functions.timegrid import TimeGrid, execution_error
from pe_kit.store.sqlerrors import plan_error
from pe_kit.store.statements import Call, Clause, Item, quoted

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FILLS", "GapQuery", "unsupported"]

FILLS: dict[str, Strategy] = {"locf": "locf", "interpolate": "interpolate"}
_ZERO = frozenset({"count", "approx_distinct", "regr_count"})


_DENSE, _MOST_GROUPED = 100, 10_000_000
"""Tables of more rows than so many a bin, or in all, are left to DataFusion: it need not hold them all at once."""


@dataclass
class _Aggregate:
    text: str
    default: Strategy
    function: str
    argument: str  # empty where only DataFusion can compute it
    chosen: Strategy | None = None


class GapQuery:
    """A gap-filling SELECT under work."""

    def __init__(
        self, rewriter: Rewriter, clauses: dict[str, Clause], scope: Scope, groups: Sequence[tuple[int, int]], time: int
    ) -> None:
        self._rewriter, self._statement = rewriter, rewriter.statement
        self._clauses, self._scope, self._groups, self._time = clauses, scope, groups, time
        call = self._statement.call(*groups[time])
        assert call is not None
        self._call = call
        self._grid = TimeGrid(rewriter, clauses, call, scope)
        self._names = rewriter.planner.aggregates() | SELECTORS
        self._aggregates: dict[tuple[str, ...], _Aggregate] = {}

    # -- the grouped rows

    def find_aggregates(self) -> None:
        """Collect the aggregates of all clauses, and how each is to be filled."""
        for name in ("select", "having", "order", "qualify"):
            if name in self._clauses:
                k = self._clauses[name].start
                while k < self._clauses[name].end:
                    k = self._collect(k, self._clauses[name].end)

    def _collect(self, k: int, j: int) -> int:
        s = self._statement
        if s.is_mark(k, "(") and k in s.closer and s.is_query(k + 1):
            return s.closer[k] + 1
        call = s.call(k, j)
        if call is not None and call.name in FILLS:
            self._choose(call)
            return call.end
        if call is not None and (end := self._extent(call)):
            self._aggregate(call, end)
            return end
        return k + 1

    def _extent(self, call: Call) -> int:
        """Give the end of an aggregate call with its FILTER; 0 if it is none, or a window function."""
        s, end = self._statement, call.end
        if call.name not in self._names:
            return 0
        while end < len(s.tokens):
            word = s.tokens[end].word
            if word == "filter":
                end = s.closer[end + 1] + 1
            elif word == "within":
                end = s.closer[end + 2] + 1
            elif word in ("ignore", "respect"):
                end += 2
            else:
                return 0 if word == "over" else end
        return end

    def _aggregate(self, call: Call, end: int) -> _Aggregate:
        key = self._statement.key(call.start, end)
        if key not in self._aggregates:
            mark = self._rewriter.expression(call.start, end, self._scope)
            default: Strategy = "zero" if call.name in _ZERO else "null"
            self._aggregates[key] = _Aggregate(mark, default, call.name, self._argument(call, end))
        return self._aggregates[key]

    def _argument(self, call: Call, end: int) -> str:
        """Give what one of the plain aggregates is computed of; empty for others, and where more is asked of it."""
        s = self._statement
        if call.name not in AGGREGATES or len(call.args) != 1 or end != call.end:
            return ""
        i, j = call.args[0]
        if any(s.tokens[k].word in ("distinct", "all", "order") for k in s.top(i, j)):
            return ""
        return "1" if s.is_mark(i, "*") else self._rewriter.expression(i, j, self._scope)

    def _choose(self, call: Call) -> None:
        s = self._statement
        i, j = s.bare(*call.args[0])
        inner = s.call(i, j)
        if inner is None or self._extent(inner) != j:
            raise plan_error(f"{call.name} must be called on an aggregate column in a gap-filling query")
        aggregate = self._aggregate(inner, j)
        if aggregate.chosen is not None:
            raise plan_error("multiple fill strategies for the same column", kind="NotImplemented")
        aggregate.chosen = FILLS[call.name]

    def filled(self) -> pa.Table:
        """Compute the grouped rows and fill their gaps."""
        import pyarrow as pa

        planner, values = self._rewriter.planner, list(self._aggregates.values())
        order = [*(k for k in range(len(self._groups)) if k != self._time), self._time]
        keys = {self._column(k): self._rewriter.expression(*self._groups[k], self._scope) for k in order}
        schema = planner.schema(self._select(keys, [a.text for a in values], grouped=True))
        kinds = schema.types[: len(keys)]
        for aggregate, kind in zip(values, schema.types[len(keys) :], strict=True):
            if aggregate.chosen == "interpolate":
                _check_interpolated(kind)
        bins = self._grid.bins()
        strategies = [a.chosen or a.default for a in values]
        for n, strategy in enumerate(strategies, len(keys)):
            if strategy != "zero":  # a count is never null where its row is there
                schema = schema.set(n, schema.field(n).with_nullable(True))
        try:
            most = min(_MOST_GROUPED, _DENSE * len(bins))
            if all(a.argument for a in values) and 0 < planner.rows <= most and is_no_longer(self._grid.source):
                rows = planner.table(self._select(keys, [a.argument for a in values], grouped=False), in_order=True)
                functions = [a.function for a in values]
                if all(can_aggregate(f, c) for f, c in zip(functions, rows.columns[len(keys) :], strict=True)):
                    return fill_gaps(rows, schema, bins, strategies, functions)
            for name, kind in zip(keys, kinds, strict=True):
                if kind == pa.dictionary(pa.int32(), pa.utf8()):
                    keys[name] = f"CAST({keys[name]} AS VARCHAR)"  # DataFusion groups text far faster
            rows = planner.table(self._select(keys, [a.text for a in values], grouped=True))
            return fill_gaps(rows, schema, bins, strategies)
        except pa.ArrowNotImplementedError as error:
            raise unsupported(f"gap filling of these types: {error}", "sql.gapfill.types") from None
        except ValueError as error:
            raise execution_error(f"{self._call.name.upper()}: {error}") from None

    def _select(self, keys: Mapping[str, str], values: Sequence[str], *, grouped: bool) -> str:
        columns = [f"{text} AS {quoted(name)}" for name, text in keys.items()]
        columns += [f'{text} AS "__a{n}"' for n, text in enumerate(values)]
        source = {name: clause for name, clause in self._clauses.items() if name in ("from", "where")}
        group = f"GROUP BY {', '.join(str(k + 1) for k in range(len(keys)))}" if grouped else ""
        rest = f"{self._rewriter.clause_texts(source, self._scope)} {group}"
        return f"{self._scope.with_} SELECT {', '.join(columns)} {rest}"

    def _column(self, group: int) -> str:
        return f"__g{group}"

    # -- the SELECT over the filled rows

    def over(self, table: str, items: list[Item], modifiers: str, shown: list[str], outer: Scope) -> str:
        """Write the SELECT over the filled rows."""
        scope = Scope(outer.with_, f"FROM {table}")
        with self._rewriter.replacing(self._replace):
            texts = [
                f"{self._rewriter.expression(item.start, item.end, scope)} AS {item.alias or quoted(name)}"
                for item, name in zip(items, shown, strict=True)
            ]
            rest = {n: c for n, c in self._clauses.items() if n not in ("select", "from", "where", "group", "having")}
            tail = self._rewriter.clause_texts(rest, scope)
            where = ""
            if "having" in self._clauses:
                clause = self._clauses["having"]
                where = f"WHERE {self._rewriter.expression(clause.start, clause.end, scope)}"
        return f"SELECT {modifiers} {', '.join(texts)} {scope.from_} {where} {tail}"

    def _replace(self, k: int, j: int) -> tuple[str, int] | None:
        """Give the column that stands for what begins at a token: an aggregate, a fill of one, or a group."""
        s = self._statement
        call = s.call(k, j)
        if call is not None and call.name in FILLS:
            i, end = s.bare(*call.args[0])
            return self._aggregate_column(i, end), call.end
        if call is not None and (end := self._extent(call)):
            return self._aggregate_column(k, end), end
        for number, (start, stop) in enumerate(self._groups):
            end = self._matches(k, j, start, stop)
            if end:
                return quoted(self._column(number)), end
        return None

    def _aggregate_column(self, i: int, j: int) -> str:
        return f'"__a{list(self._aggregates).index(self._statement.key(i, j))}"'

    def _matches(self, k: int, j: int, start: int, stop: int) -> int:
        """Say whether a group's expression is written at ``k``; give the token after it, or 0."""
        s, wanted = self._statement, self._statement.key(start, stop)
        is_column = stop - start == 1 or (stop - start == 3 and s.is_mark(start + 1, "."))
        end = k + len(wanted)
        if is_column:
            end = k + (3 if s.is_mark(k + 1, ".") else 1)
        if end > j or s.is_mark(k - 1, ".") or s.is_mark(end, ".") or (is_column and s.is_mark(end, "(")):
            return 0
        found = s.key(k, end)
        if is_column and 1 in (len(found), len(wanted)):  # with and without the table it is the same
            found, wanted = found[-1:], wanted[-1:]
        return end if found == wanted else 0


def unsupported(what: str, row: str) -> QueryError:
    """Make the error of what the server can and the kit cannot, with its row of the ledger."""
    return QueryError(
        f"This feature is not implemented: {what}",
        stage="planning",
        status=405,
        mend=f"The server can; the kit cannot (fidelity ledger: {row}).",
    )


def _check_interpolated(kind: pa.DataType) -> None:
    import pyarrow as pa

    if debug_type(kind) in NUMBERS:
        return
    if pa.types.is_struct(kind) and kind.num_fields == 2 and debug_type(kind.field(0).type) in NUMBERS:
        return
    forms = []
    for number in ("Float64", "Int64", "UInt64"):
        forms.append([number])
        for zone in ("None", 'Some("UTC")'):
            value = f'Field {{ name: "value", data_type: {number}, nullable: true }}'
            time = f'Field {{ name: "time", data_type: Timestamp(Nanosecond, {zone}), nullable: true }}'
            forms.append([f"Struct([{value}, {time}])"])
    raise no_match("interpolate", [kind], forms)
