"""``selector_first``, ``selector_last``, ``selector_min``, ``selector_max`` (core/query_functions/src/selectors.rs).

A selector picks one row of the group and gives a struct of it. Of a member that is asked for, only that is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pe_kit.errors import QueryError
from pe_kit.store.functions.signatures import display_type, no_arguments
from pe_kit.store.sqlerrors import plan_error

if TYPE_CHECKING:
    from pe_kit.store.functions.rewriter import Rewriter, Scope
    from pe_kit.store.statements import Call

__all__ = ["SELECTORS", "selector"]

SELECTORS = frozenset({"selector_first", "selector_last", "selector_min", "selector_max"})


def selector(rewriter: Rewriter, call: Call, scope: Scope) -> tuple[str, int]:
    """Rewrite one call, its FILTER and the member that is taken of it."""
    import pyarrow as pa

    s, args = rewriter.statement, rewriter.arguments(call, scope)
    if not args:
        raise no_arguments(call.name, "Any, .., Any")
    if len(args) < 2:
        raise plan_error(f"{call.name} requires at least 2 arguments, got {len(args)}", mend="Pass time as the second.")
    value_type, time_type = (rewriter.type_of(arg, scope) for arg in args[:2])
    if time_type is not None and not (pa.types.is_timestamp(time_type) and time_type.unit == "ns"):
        raise plan_error(
            f"{call.name} second argument must be a timestamp, but got {display_type(time_type)}",
            mend="The value comes first, time second: selector_first(usage, time).",
        )
    end, conditions = call.end, [f"({args[0]}) IS NOT NULL"]
    if end < len(s.tokens) and s.tokens[end].word == "filter" and s.is_mark(end + 1, "("):
        closing = s.closer[end + 1]
        conditions.append(f"({rewriter.expression(end + 3, closing, scope)})")
        end = closing + 1
    if end < len(s.tokens) and s.tokens[end].word == "over":
        raise QueryError(
            f"This feature is not implemented: {call.name} as a window function",
            stage="planning",
            status=405,
            mend="The server can; the kit cannot (fidelity ledger: sql.selectors.window).",
        )
    member = ""
    if s.is_mark(end, "[") and s.closer.get(end) == end + 2 and s.tokens[end + 1].kind == "string":
        member, end = s.tokens[end + 1].text[1:-1], end + 3
    plain = value_type is None or not pa.types.is_dictionary(value_type)
    new = _pick(call.name, args, member, conditions, plain)
    rewriter.note(new, call, args, scope, lambda: f"[{member}]" if member else "")
    return new, end


def _pick(name: str, args: list[str], member: str, conditions: list[str], plain: bool) -> str:
    value, time = args[0], args[1]
    members = dict(zip(["value", "time", *(f"other_{i}" for i in range(1, len(args)))], args, strict=False))
    by_time = name in ("selector_first", "selector_last")
    if by_time:
        conditions = [*conditions, f"({time}) IS NOT NULL"]
    filtered = f"FILTER (WHERE {' AND '.join(conditions)})"
    if by_time and member == "time":
        return f"{'min' if name == 'selector_first' else 'max'}({time}) {filtered}"
    if not by_time and member == "value" and plain:
        return f"{name.removeprefix('selector_')}({value}) {filtered}"
    order = {
        "selector_first": f"{time} ASC",
        "selector_last": f"{time} DESC",  # of two rows with the last time the first counts
        "selector_min": f"{value} ASC, {time} ASC",
        "selector_max": f"{value} DESC, {time} ASC",
    }[name]
    if member in members:
        return f"first_value({members[member]} ORDER BY {order}) {filtered}"
    struct = ", ".join(f"'{key}', {text}" for key, text in members.items())
    access = f"['{member}']" if member else ""
    return f"first_value(named_struct({struct}) ORDER BY {order}) {filtered}{access}"
