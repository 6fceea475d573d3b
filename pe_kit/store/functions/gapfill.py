"""``date_bin_gapfill``, ``date_bin_wallclock_gapfill``, ``locf`` and ``interpolate``.

Source: core/iox_query/src/analyzer/handle_gapfill.rs. This says where the functions may stand; DataFusion
computes the grouped rows, their gaps are filled in Arrow, and the rest of the SELECT runs over the filled rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from pe_kit.store.functions.gapquery import FILLS, GapQuery, unsupported
from pe_kit.store.functions.rewriter import Rewriter, Scope
from pe_kit.store.functions.signatures import no_match
from pe_kit.store.functions.wallclock import wallclock_bin
from pe_kit.store.sqlerrors import plan_error
from pe_kit.store.statements import Call, Clause, Item, Statement

__all__ = ["FILLS", "GAPFILLS", "fill_function", "gapfill_bin", "gapfill_select"]

GAPFILLS = frozenset({"date_bin_gapfill", "date_bin_wallclock_gapfill"})
_FILL_NAMES = frozenset(FILLS)
_TOP_LEVEL = (
    "DATE_BIN_GAPFILL must be a top-level expression in the GROUP BY clause when gap filling. It cannot be part of"
    " another expression or cast"
)


def gapfill_bin(rewriter: Rewriter, call: Call, scope: Scope) -> tuple[str, int]:
    """Rewrite the gap-filling call to the bin that it computes for a row."""
    args = rewriter.arguments(call, scope)
    if len(args) not in (2, 3):
        raise plan_error(f"DATE_BIN_GAPFILL expects 2 or 3 arguments, got {len(args)}")
    new = f"date_bin({', '.join(args)})"
    if call.name == "date_bin_wallclock_gapfill":
        new = wallclock_bin(rewriter, args, scope, call.name)
    rewriter.note(new, call, args, scope)
    return new, call.end


def fill_function(rewriter: Rewriter, call: Call, scope: Scope) -> tuple[str, int]:
    """Rewrite ``locf`` and ``interpolate`` to something that plans as they do; the two differ in name only."""
    args = rewriter.arguments(call, scope)
    if len(args) != 1:
        raise no_match(call.name, [rewriter.type_of(arg, scope) for arg in args], [["Any"]])
    new = f"coalesce({args[0]})" if call.name == "locf" else f"coalesce(coalesce({args[0]}))"
    rewriter.note(new, call, args, scope)
    return new, call.end


def gapfill_select(rewriter: Rewriter, i: int, j: int, outer: Scope) -> str | None:
    """Rewrite a SELECT that fills gaps; None if it names none of the functions.

    Raises:
        QueryError: a function stands where the server does not allow it, the time range is not bounded, and so on.
    """
    s = rewriter.statement
    names = GAPFILLS | _FILL_NAMES
    if not any(token.name in names for token in s.tokens[i:j]) or not any(_calls(s, i, j, names)):
        return None
    clauses = s.clauses(i, j)
    items, modifiers = rewriter.select_list(clauses["select"])
    groups = _groups(rewriter, clauses, items, outer)
    time = _time_group(s, clauses, groups, i, j)
    plain = rewriter.select(i, j, outer)
    shown = rewriter.planner.schema(f"{outer.with_} {plain}").names  # what DataFusion has to say comes first
    if len(shown) != len(items):
        raise unsupported("a wildcard in a gap-filling select list", "sql.gapfill.wildcard")
    scope = rewriter.scope(clauses, outer)
    work = GapQuery(rewriter, clauses, scope, groups, time)
    work.find_aggregates()
    table = work.filled()
    return work.over(rewriter.planner.keep(table), items, modifiers, shown, outer)


def _calls(s: Statement, i: int, j: int, names: frozenset[str]) -> Iterator[Call]:
    """Find calls in a range, but not in the queries within it."""
    k = i
    while k < j:
        if s.is_mark(k, "(") and k in s.closer and s.is_query(k + 1):
            k = s.closer[k]
        elif s.tokens[k].name in names and (call := s.call(k, j)):
            yield call
        k += 1


def _groups(rewriter: Rewriter, clauses: dict[str, Clause], items: list[Item], outer: Scope) -> list[tuple[int, int]]:
    """Resolve the GROUP BY clause: positions and aliases mean items of the select list; columns come before aliases."""
    s = rewriter.statement
    if "group" not in clauses:
        return []
    aliases = {Statement(item.alias).tokens[0].name: item for item in items if item.alias}
    columns: set[str] | None = None
    groups = []
    for start, end in s.split(clauses["group"].start, clauses["group"].end):
        i, j = s.bare(start, end)
        token, item = s.tokens[i], None
        if token.word in ("grouping", "rollup", "cube", "all"):
            raise unsupported(f"gap filling with GROUP BY {token.text.upper()}", "sql.gapfill.grouping")
        if j - i == 1 and token.kind == "number" and token.text.isdigit() and 0 < int(token.text) <= len(items):
            item = items[int(token.text) - 1]
        elif j - i == 1 and token.name in aliases:
            if columns is None:
                from_ = rewriter.scope(clauses, outer).from_
                columns = set(rewriter.planner.schema(f"{outer.with_} SELECT * {from_}").names)
            item = None if token.name in columns else aliases[token.name]
        groups.append((i, j) if item is None else s.bare(item.start, item.end))
    return groups


def _time_group(s: Statement, clauses: dict[str, Clause], groups: list[tuple[int, int]], i: int, j: int) -> int:
    """Find the gap-filling group; refuse the functions where they may not stand."""
    for name in ("from", "where"):
        if name in clauses:
            _refuse(next(_calls(s, clauses[name].start, clauses[name].end, GAPFILLS | _FILL_NAMES), None))
    found = [(g, call) for g, group in enumerate(groups) for call in _calls(s, *group, GAPFILLS)]
    if not found:
        _refuse(next(_calls(s, i, j, GAPFILLS), None))
        _refuse(next(_calls(s, i, j, _FILL_NAMES), None))
    if len(found) > 1:
        raise plan_error("DATE_BIN_GAPFILL specified more than once")
    time, call = found[0]
    if (call.start, call.end) != groups[time]:
        raise plan_error(_TOP_LEVEL)
    for group in groups:
        _refuse(next(_calls(s, *group, _FILL_NAMES), None))
    # between the grouped rows and the select list nothing may stand when a fill function is used
    if "having" in clauses or any(t.word == "over" for t in s.tokens[i:j]):
        _refuse(next(_calls(s, i, j, _FILL_NAMES), None))
    return time


def _refuse(call: Call | None) -> None:
    if call is not None and call.name in GAPFILLS:
        raise plan_error(
            f"{call.name} may only be used as a GROUP BY expression", mend="Name its position or alias in GROUP BY."
        )
    if call is not None:
        raise plan_error(
            f"{call.name} may only be used in the SELECT list of a gap-filling query",
            mend="Group by date_bin_gapfill(...) and do without HAVING and window functions in the same SELECT.",
        )
