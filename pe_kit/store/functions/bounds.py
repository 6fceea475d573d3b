"""Finds the time range of a gap-filling query in its plan.

Source: core/iox_query/src/analyzer/handle_gapfill/range_predicate.rs. Conditions count when time stands on one side of
``<``, ``<=``, ``>``, ``>=`` or BETWEEN; the one that is seen last wins, from the outer query to the inner.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from pe_kit.store.timespans import variant

if TYPE_CHECKING:
    from datafusion.plan import LogicalPlan

__all__ = ["Bound", "Bounds", "find_bounds"]

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Bound(NamedTuple):
    """One end of the range: an expression of the plan, and whether the moment itself is in."""

    value: Any
    included: bool


class Bounds(NamedTuple):
    """Both ends, as far as they were found."""

    lower: Bound | None = None
    upper: Bound | None = None


def find_bounds(plan: LogicalPlan) -> Bounds:
    """Search a plan that selects the time column alone."""
    bounds, column = Bounds(), ""
    while True:
        step = variant(plan)
        match type(step).__name__:
            case "Projection":
                outputs = [_output(expression) for expression in step.projections()]
                column = next((below for name, below in outputs if column in ("", name)), "")
                if not column:
                    return bounds
            case "Filter":
                for condition in _conjuncts(step.predicate()):
                    bounds = bounds._replace(**_read(condition, column))
            case "Distinct" | "Limit" | "Sort" | "SubqueryAlias":
                pass
            case _:
                return bounds
        plan = plan.inputs()[0]


def _output(expression: Any) -> tuple[str, str]:
    """Give the name of a column and what it is called below; that is empty where it is computed."""
    found = variant(expression)
    if type(found).__name__ == "Alias":
        return found.alias(), _output(found.expr())[1]
    name = found.name() if type(found).__name__ == "Column" else ""
    return name, name


def _conjuncts(condition: Any) -> Iterator[Any]:
    found = variant(condition)
    if type(found).__name__ == "BinaryExpr" and found.op() == "AND":
        yield from _conjuncts(found.left())
        yield from _conjuncts(found.right())
    elif found is not None:
        yield found


def _read(condition: Any, column: str) -> dict[str, Bound]:
    """Take the bounds out of one condition."""
    kind = type(condition).__name__
    if kind == "Between" and not condition.negated() and _is_time(condition.expr(), column):
        return {"lower": Bound(condition.low(), True), "upper": Bound(condition.high(), True)}
    if kind != "BinaryExpr" or condition.op() not in _FLIPPED:
        return {}
    left, operator, right = condition.left(), condition.op(), condition.right()
    if not _is_time(left, column):
        left, operator, right = right, _FLIPPED[operator], left
    if not _is_time(left, column):
        return {}
    return {"lower" if operator[0] == ">" else "upper": Bound(right, operator.endswith("="))}


def _is_time(expression: Any, column: str) -> bool:
    """Say whether an expression is the column, under casts to a timestamp."""
    found = variant(expression)
    if type(found).__name__ == "Cast":
        is_timestamp = expression.canonical_name().rpartition(" AS ")[2].startswith("Timestamp(")
        return is_timestamp and _is_time(found.expr(), column)
    return type(found).__name__ == "Column" and found.name() == column
