"""The bins of a gap-filling query, from its arguments and time range (core/iox_query/src/exec/gapfill/params.rs)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_kit.errors import QueryError
from pe_kit.store.functions.bounds import Bound, find_bounds
from pe_kit.store.functions.fill import MOST_ROWS, too_many_rows
from pe_kit.store.functions.rewriter import Rewriter, Scope
from pe_kit.store.functions.wallclock import from_local, is_utc, offsets, steps
from pe_kit.store.sqlerrors import plan_error
from pe_kit.store.statements import Call, Clause, Statement

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["TimeGrid", "execution_error"]

_LEAST = -(2**63)


class TimeGrid:
    """The bins of one gap-filling call.

    Attributes:
        source: the plan of the rows that are binned.

    Raises:
        QueryError: the arguments or the time range cannot be used. The server finds these while it plans.
    """

    def __init__(self, rewriter: Rewriter, clauses: dict[str, Clause], call: Call, scope: Scope) -> None:
        self._planner, args = rewriter.planner, rewriter.arguments(call, scope)
        self._stride = rewriter.constant(f"arrow_cast({args[0]}, 'Interval(MonthDayNano)')")
        if self._stride is None and rewriter.constant(args[0]) is None:
            raise _not_scalar("stride argument to DATE_BIN_GAPFILL")
        column = _column(rewriter.statement, *call.args[1])
        if not column:
            raise plan_error("DATE_BIN_GAPFILL requires a column as the source argument")
        source = rewriter.clause_texts({n: c for n, c in clauses.items() if n in ("from", "where")}, scope)
        self.source = rewriter.planner.plan(f"{scope.with_} SELECT {column} {source}")
        bounds = find_bounds(self.source)
        if bounds.lower is None or bounds.upper is None:
            missing = "both upper and lower time bounds" if bounds.lower is bounds.upper else ""
            missing = missing or f"{'lower' if bounds.lower is None else 'upper'} time bound"
            raise plan_error(
                f"gap-filling query is missing {missing}",
                mend="Bound it on both sides: WHERE time >= ... AND time < ...",
            )
        first = self._moment(bounds.lower, "lower") + (not bounds.lower.included)
        last = self._moment(bounds.upper, "upper") - (not bounds.upper.included)
        self._range = min(first, -1 - _LEAST), max(last, _LEAST)
        self._origin = 0
        if len(args) == 3:
            origin = rewriter.constant(f"arrow_cast({args[2]}, 'Timestamp(Nanosecond, None)')")
            if origin is None or not origin.is_valid:
                raise _not_scalar("origin argument to DATE_BIN_GAPFILL")
            self._origin = int(origin.value)
        zone = getattr(rewriter.type_of(args[1], scope), "tz", None)
        on_the_wall = call.name == "date_bin_wallclock_gapfill" and not is_utc(zone)
        self._zone: str | None = zone if on_the_wall else None

    def _moment(self, bound: Bound, which: str) -> int:
        import pyarrow as pa
        from datafusion import Expr

        value = self._planner.constant(Expr(bound.value).cast(pa.timestamp("ns")))
        if value is None:
            raise _not_scalar(f"{which} time bound")
        if not value.is_valid:
            raise execution_error("gap filling argument must be a scalar timestamp")
        return int(value.value)

    def bins(self) -> Array:
        """Give all bins, ascending, as int64 nanoseconds; errors in here the server finds while it runs."""
        import numpy as np

        if self._stride is None or not self._stride.is_valid:
            raise execution_error("gap filling expects a stride parameter to be a scalar interval")
        months, days, nanoseconds = self._stride.as_py()
        if months:
            raise execution_error("gap filling does not support month intervals")
        length = days * 86_400_000_000_000 + nanoseconds
        if length <= 0:  # the server would not come to an end
            raise execution_error("gap filling expects a positive stride")
        first, last = (self._binned(moment, length, None if days else nanoseconds) for moment in self._range)
        if first < _LEAST:
            raise execution_error("gap filling argument is too large")
        count = (last - first) // length + 1
        if count > MOST_ROWS:
            raise too_many_rows(count)
        if self._zone is not None:
            return steps(first, last, length, self._zone)
        return first + np.arange(count, dtype=np.int64) * length  # type: ignore[no-any-return]

    def _binned(self, moment: int, length: int, interval_ns: int | None) -> int:
        import numpy as np

        if self._zone is None:
            return self._origin + (moment - self._origin) // length * length
        shift = offsets(np.array([moment]), self._zone)
        local = self._origin + (moment + shift - self._origin) // length * length
        return int(from_local(local, self._zone, interval_ns, shift)[0])


def _column(s: Statement, i: int, j: int) -> str:
    """Give the column that a range names, under ``tz`` and casts to a timestamp; empty if it is anything else."""
    i, j = s.bare(i, j)
    if (j - i == 1 and s.tokens[i].name) or (j - i == 3 and s.is_mark(i + 1, ".")):
        return s.text(i, j)
    casts = s.split(i, j, "::")
    if len(casts) > 1 and all(s.tokens[a].word.startswith("timestamp") for a, _ in casts[1:]):
        return _column(s, *casts[0])
    call = s.call(i, j)
    if call is None or call.end != j or not call.args or call.name not in ("tz", "cast"):
        return ""
    a, b = call.args[0]
    if call.name == "tz":
        return _column(s, a, b)
    at = next((k for k in s.top(a, b) if s.tokens[k].word == "as"), b - 1)
    return _column(s, a, at) if s.tokens[min(at + 1, b - 1)].word.startswith("timestamp") else ""


def _not_scalar(what: str) -> QueryError:
    return plan_error(f"{what} for gap fill query must evaluate to a scalar")


def execution_error(text: str) -> QueryError:
    """Make an error that the server meets while it runs the query."""
    return QueryError(f"Execution error: {text}", stage="streaming", status=500)
