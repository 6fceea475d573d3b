"""The bins of a gap-filling query, from its arguments and time range (core/iox_query/src/exec/gapfill/params.rs)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_kit.errors import QueryError
from pe_kit.store.functions.bounds import Bound, column_of, find_bounds
from pe_kit.store.functions.fill import MOST_ROWS, too_many_rows
from pe_kit.store.functions.rewriter import Rewriter, Scope
from pe_kit.store.functions.scalars import in_zone
from pe_kit.store.functions.wallclock import is_utc, steps, wallclock_bin
from pe_kit.store.sqlerrors import plan_error
from pe_kit.store.statements import Call, Clause

if TYPE_CHECKING:
    import numpy as np

__all__ = ["TimeGrid", "execution_error"]


class TimeGrid:
    """The bins of one gap-filling call.

    Raises:
        QueryError: the arguments or the time range cannot be used. The server finds these while it plans.
    """

    def __init__(self, rewriter: Rewriter, clauses: dict[str, Clause], call: Call, scope: Scope) -> None:
        self._rewriter, self._clauses, self._call, self._scope = rewriter, clauses, call, scope
        self._args = rewriter.arguments(call, scope)
        if rewriter.constant(self._args[0]) is None:
            self._not_scalar("stride argument to DATE_BIN_GAPFILL")
        self._column = column_of(rewriter.statement, *call.args[1], zoned=True)
        if not self._column:
            raise plan_error("DATE_BIN_GAPFILL requires a column as the source argument")
        if len(self._args) == 3 and rewriter.constant(self._args[2]) is None:
            self._not_scalar("origin argument to DATE_BIN_GAPFILL")
        self._zone: str | None = getattr(rewriter.type_of(self._args[1], scope), "tz", None)
        self._ends = self._time_range()

    def _not_scalar(self, what: str) -> None:
        raise plan_error(f"{what} for gap fill query must evaluate to a scalar")

    def _time_range(self) -> tuple[int, int]:
        """Evaluate the time range: the first and last nanosecond that are in."""
        bounds = find_bounds(self._rewriter, self._clauses, self._column)
        if bounds.lower is None or bounds.upper is None:
            missing = "both upper and lower time bounds" if bounds.lower is bounds.upper else ""
            missing = missing or f"{'lower' if bounds.lower is None else 'upper'} time bound"
            raise plan_error(
                f"gap-filling query is missing {missing}",
                mend="Bound it on both sides: WHERE time >= ... AND time < ...",
            )
        lower, upper = (self._moment(b, w) for b, w in ((bounds.lower, "lower"), (bounds.upper, "upper")))
        return lower + (not bounds.lower.included), upper - (not bounds.upper.included)

    def _moment(self, bound: Bound, which: str) -> int:
        planner, with_ = self._rewriter.planner, self._scope.with_
        text = self._rewriter.expression(bound.start, bound.end, Scope(with_))
        value = self._rewriter.constant(f"CAST(arrow_cast({text}, 'Timestamp(Nanosecond, None)') AS BIGINT)")
        if value is None:
            try:
                planner.schema(f"{with_} SELECT {text}")
            except QueryError:
                self._not_scalar(f"{which} time bound")
            planner.table(f"SELECT {text} >= arrow_cast(0, 'Timestamp(Nanosecond, None)')")  # says what is wrong
        moment = None if value is None else value.as_py()
        if moment is None:
            raise execution_error("gap filling argument must be a scalar timestamp")
        return int(moment)

    def bins(self) -> np.ndarray[Any, Any]:
        """Give all bins, ascending, as int64 nanoseconds; errors in here the server finds while it runs."""
        import numpy as np

        interval = self._rewriter.constant(f"arrow_cast({self._args[0]}, 'Interval(MonthDayNano)')")
        if interval is None or interval.as_py() is None:
            raise execution_error("gap filling expects a stride parameter to be a scalar interval")
        months, days, nanoseconds = interval.as_py()
        if months:
            raise execution_error("gap filling does not support month intervals")
        length = days * 86_400_000_000_000 + nanoseconds
        first, last = (self._bin(end) for end in self._ends)
        if length <= 0:  # the server would not come to an end
            raise execution_error("gap filling expects a positive stride")
        count = (last - first) // length + 1
        if count > MOST_ROWS:
            raise too_many_rows(count)
        if self._zone is not None and self._call.name == "date_bin_wallclock_gapfill" and not is_utc(self._zone):
            return steps(first, last, length, self._zone)
        bins: np.ndarray[Any, Any] = first + np.arange(count, dtype=np.int64) * length
        return bins

    def _bin(self, moment: int) -> int:
        time = f"arrow_cast({moment}, 'Timestamp(Nanosecond, None)')"
        args = [self._args[0], time if self._zone is None else in_zone(time, self._zone), *self._args[2:]]
        text = f"date_bin({', '.join(args)})"
        if self._call.name == "date_bin_wallclock_gapfill":
            text = wallclock_bin(self._rewriter, args, Scope())
        return int(self._rewriter.planner.table(f"SELECT CAST({text} AS BIGINT)").column(0)[0].as_py())


def execution_error(text: str) -> QueryError:
    """Make an error that the server meets while it runs the query."""
    return QueryError(f"Execution error: {text}", stage="streaming", status=500)
