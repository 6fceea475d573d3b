"""``difference``, ``derivative`` and their non-negative forms (core/query_functions/src/{difference,derivative}.rs).

A row without a value gives NULL and is stepped over as the row before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pe_kit.errors import QueryError
from pe_kit.store.conversion import debug_type
from pe_kit.store.functions.signatures import NUMBERS, no_match

if TYPE_CHECKING:
    from pe_kit.store.functions.rewriter import Rewriter, Scope
    from pe_kit.store.statements import Call

__all__ = ["window_function"]

_SECOND_NS = 1_000_000_000
_TIMES = ("Timestamp(Nanosecond, None)", 'Timestamp(Nanosecond, Some("+TZ"))')


def window_function(rewriter: Rewriter, call: Call, scope: Scope) -> tuple[str, int] | None:
    """Rewrite one call with its OVER; without one it is no function, as DataFusion will say."""
    s = rewriter.statement
    if call.end >= len(s.tokens) or s.tokens[call.end].word != "over":
        return None
    end = s.closer.get(call.end + 1, call.end + 1) + 1
    over = rewriter.expression(call.end, end, scope)
    args = rewriter.arguments(call, scope)
    kind = call.name.removeprefix("non_negative_")
    _check(rewriter, call.name, kind, args, scope)
    new = _difference(args[0], over) if kind == "difference" else _derivative(rewriter, args, over)
    if kind != call.name:
        new = f"(CASE WHEN {new} < 0 THEN NULL ELSE {new} END)"
    rewriter.note(new, call, args, scope, lambda: _window(rewriter, args[0], over, scope))
    return new, end


def _check(rewriter: Rewriter, name: str, kind: str, args: list[str], scope: Scope) -> None:
    signatures = [[number] for number in NUMBERS]
    if kind == "derivative":
        interval = "Interval(MonthDayNano)"
        signatures = [[n, t, *rest] for n in NUMBERS for rest in ([], [interval]) for t in _TIMES]
    found = [rewriter.type_of(arg, scope) for arg in args]
    wrong_count = len(args) not in {len(s) for s in signatures}
    if wrong_count or (found[0] is not None and debug_type(found[0]) not in NUMBERS):
        raise no_match(name, found, signatures)


def _difference(value: str, over: str) -> str:
    return f"(({value}) - lag({value}) IGNORE NULLS {over})"


def _derivative(rewriter: Rewriter, args: list[str], over: str) -> str:
    unit = _SECOND_NS if len(args) < 3 else _unit(rewriter, args[2])
    value = f"CASE WHEN {args[1]} IS NOT NULL THEN {args[0]} END"
    time = f"CASE WHEN {args[0]} IS NOT NULL THEN CAST({args[1]} AS BIGINT) END"
    # the 1 keeps it apart from difference's lag: DataFusion fails when simplifying makes two windows of a query equal
    rise = f"(CAST({value} AS DOUBLE) - CAST(lag({value}, 1) IGNORE NULLS {over} AS DOUBLE))"
    run = f"CAST(({time}) - lag({time}) IGNORE NULLS {over} AS DOUBLE)"
    return f"({rise} / ({run} / CAST({unit} AS DOUBLE)))"


def _unit(rewriter: Rewriter, text: str) -> int:
    interval = rewriter.constant(f"arrow_cast({text}, 'Interval(MonthDayNano)')")
    value = None if interval is None else interval.as_py()
    if value is None:
        problem = "must be a non-null literal interval"
    elif value.months > 0 or value.days > 0:
        problem = "cannot contain months or days"
    elif value.nanoseconds < 1:
        problem = "must be positive"
    else:
        return int(value.nanoseconds)
    raise QueryError(f"Execution error: derivative unit parameter {problem}", stage="streaming", status=500)


def _window(rewriter: Rewriter, value: str, over: str, scope: Scope) -> str:
    """Give how DataFusion shows the window in a column's name."""
    plain = rewriter.name_of(f"coalesce({value})", scope)
    return rewriter.name_of(f"lag({value}) {over}", scope).removeprefix("lag" + plain[len("coalesce") :])
