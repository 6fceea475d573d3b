"""Which times of which tables a query reads, so that pieces of a table that lie elsewhere are left alone.

DataFusion has done the work: in its optimized plan the conditions on a table stand directly above it, with clocks,
parameters and texts made constants. What is not understood here counts as no condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from datafusion import Expr
    from datafusion.plan import LogicalPlan

__all__ = ["ALWAYS", "Span", "spans_read", "variant"]

Span: TypeAlias = tuple[int, int]
"""The first and the last nanosecond; the first is behind the last where there are none."""

ALWAYS: Span = (-(2**63), 2**63 - 1)
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


def spans_read(plan: LogicalPlan) -> dict[str, Span] | None:
    """Give what an optimized plan reads of each user table, None if that cannot be seen."""
    found: dict[str, Span] = {}

    def walk(node: LogicalPlan, above: Span) -> bool:
        step = variant(node)
        kind = type(step).__name__
        if kind == "TableScan":
            _, schema, table = step.fqn()
            if schema in (None, "iox"):
                found[table] = _hull(found.get(table), above)
        within = _span(step.predicate()) if kind == "Filter" else ALWAYS
        below = node.inputs()
        return all(walk(child, within) for child in below) if below else step is not None

    return found if walk(plan, ALWAYS) else None


def variant(node: LogicalPlan | Expr) -> Any:
    """Give the particular kind of a node or an expression, None where the wheel does not know it."""
    try:
        return node.to_variant()
    except Exception:
        return None


def _span(condition: Expr) -> Span:
    """Give the times for which a condition can be true."""
    found = variant(condition)
    kind = type(found).__name__
    if kind == "InList" and not found.negated() and _is_time(found.expr()):
        moments = [_moment(value) for value in found.list()]
        return ALWAYS if None in moments else (min(moments), max(moments))
    if kind != "BinaryExpr":
        return ALWAYS
    left, operator, right = found.left(), found.op(), found.right()
    if operator == "AND":
        (low, high), (other_low, other_high) = _span(left), _span(right)
        return max(low, other_low), min(high, other_high)
    if operator == "OR":
        return _hull(_span(left), _span(right))
    if _is_time(right):
        left, operator, right = right, _FLIPPED.get(operator, ""), left
    moment = _moment(right) if _is_time(left) and operator in _FLIPPED else None
    if moment is None:
        return ALWAYS
    low = ALWAYS[0] if operator[0] == "<" else moment + (operator == ">")
    return low, ALWAYS[1] if operator[0] == ">" else moment - (operator == "<")


def _hull(one: Span | None, other: Span) -> Span:
    if one is None or one[0] > one[1]:
        return other
    return one if other[0] > other[1] else (min(one[0], other[0]), max(one[1], other[1]))


def _is_time(expression: Expr) -> bool:
    found = variant(expression)
    return type(found).__name__ == "Column" and found.name() == "time"


def _moment(expression: Expr) -> Any:
    """Give a constant's nanoseconds, None if it is no time."""
    value = expression.python_value() if type(variant(expression)).__name__ == "Literal" else None
    return value.value if isinstance(value, pa.TimestampScalar) and value.type == pa.timestamp("ns") else None
