"""The bins of a gap-filling query, from its arguments and time range (core/iox_query/src/exec/gapfill/params.rs)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_kit.errors import QueryError
from pe_kit.store.functions.bounds import Bound, Bounds, column_of, find_bounds
from pe_kit.store.functions.fill import MOST_ROWS, too_many_rows
from pe_kit.store.functions.rewriter import Rewriter, Scope
from pe_kit.store.functions.scalars import in_zone
from pe_kit.store.functions.wallclock import is_utc, steps, wallclock_bin
from pe_kit.store.sqlerrors import plan_error
from pe_kit.store.statements import Call, Clause

if TYPE_CHECKING:
    import numpy as np

__all__ = ["TimeGrid", "execution_error"]

_NS = "Timestamp(Nanosecond, None)"


class TimeGrid:
    """The bins of one gap-filling call.

    Raises:
        QueryError: the arguments or the time range cannot be used. The server finds these while it plans.
    """

    def __init__(self, rewriter: Rewriter, clauses: dict[str, Clause], call: Call, scope: Scope) -> None:
        self._rewriter, self._clauses, self._call, self._scope = rewriter, clauses, call, scope
        self._args = rewriter.arguments(call, scope)
        self._column = column_of(rewriter.statement, *call.args[1], zoned=True)
        bounds = find_bounds(rewriter, clauses, self._column)
        found = self._evaluate(bounds)
        if found is None:
            self._refuse(bounds)
            raise execution_error("gap filling argument must be a scalar timestamp")
        self._stride, lower, upper = found
        assert bounds.lower is not None
        assert bounds.upper is not None
        self._first, self._last = lower + (not bounds.lower.included), upper - (not bounds.upper.included)
        self._zone: str | None = getattr(rewriter.type_of(self._args[1], scope), "tz", None)

    def _text(self, bound: Bound) -> str:
        return self._rewriter.expression(bound.start, bound.end, Scope(self._scope.with_))

    def _evaluate(self, bounds: Bounds) -> tuple[Any, int, int] | None:
        """Give stride, lower and upper bound; None if any of them or the origin has no value of its own."""
        if not self._column or bounds.lower is None or bounds.upper is None:
            return None
        ends = (f"CAST(arrow_cast({self._text(b)}, '{_NS}') AS BIGINT)" for b in (bounds.lower, bounds.upper))
        texts = [f"arrow_cast({self._args[0]}, 'Interval(MonthDayNano)')", *ends, *self._args[2:]]
        try:
            row = self._rewriter.planner.table("SELECT " + ", ".join(f"{x} AS c{n}" for n, x in enumerate(texts)))
        except QueryError:
            return None
        stride, lower, upper = (row.column(n)[0].as_py() for n in range(3))
        return None if lower is None or upper is None else (stride, lower, upper)

    def _refuse(self, bounds: Bounds) -> None:
        """Say what is wrong, in the order in which the server looks."""
        constant = self._rewriter.constant
        if constant(self._args[0]) is None:
            self._not_scalar("stride argument to DATE_BIN_GAPFILL")
        if not self._column:
            raise plan_error("DATE_BIN_GAPFILL requires a column as the source argument")
        if bounds.lower is None or bounds.upper is None:
            missing = "both upper and lower time bounds" if bounds.lower is bounds.upper else ""
            missing = missing or f"{'lower' if bounds.lower is None else 'upper'} time bound"
            raise plan_error(
                f"gap-filling query is missing {missing}",
                mend="Bound it on both sides: WHERE time >= ... AND time < ...",
            )
        for bound, which in ((bounds.lower, "lower"), (bounds.upper, "upper")):
            text = self._text(bound)
            if constant(f"CAST(arrow_cast({text}, '{_NS}') AS BIGINT)") is None:
                try:
                    self._rewriter.planner.schema(f"{self._scope.with_} SELECT {text}")
                except QueryError:
                    self._not_scalar(f"{which} time bound")
                self._rewriter.planner.table(f"SELECT {text} >= arrow_cast(0, '{_NS}')")  # says what is wrong
        if len(self._args) == 3 and constant(self._args[2]) is None:
            self._not_scalar("origin argument to DATE_BIN_GAPFILL")

    def _not_scalar(self, what: str) -> None:
        raise plan_error(f"{what} for gap fill query must evaluate to a scalar")

    def bins(self) -> np.ndarray[Any, Any]:
        """Give all bins, ascending, as int64 nanoseconds; errors in here the server finds while it runs."""
        import numpy as np

        if self._stride is None:
            raise execution_error("gap filling expects a stride parameter to be a scalar interval")
        months, days, nanoseconds = self._stride
        if months:
            raise execution_error("gap filling does not support month intervals")
        length = days * 86_400_000_000_000 + nanoseconds
        first, last = self._bins_of(self._first, self._last)
        if length <= 0:  # the server would not come to an end
            raise execution_error("gap filling expects a positive stride")
        count = (last - first) // length + 1
        if count > MOST_ROWS:
            raise too_many_rows(count)
        if self._zone is not None and self._call.name == "date_bin_wallclock_gapfill" and not is_utc(self._zone):
            return steps(first, last, length, self._zone)
        bins: np.ndarray[Any, Any] = first + np.arange(count, dtype=np.int64) * length
        return bins

    def _bins_of(self, *moments: int) -> tuple[int, ...]:
        """Give the bins of the moments."""
        texts = []
        for moment in moments:
            time = f"arrow_cast({moment}, '{_NS}')"
            args = [self._args[0], time if self._zone is None else in_zone(time, self._zone), *self._args[2:]]
            text = f"date_bin({', '.join(args)})"
            if self._call.name == "date_bin_wallclock_gapfill":
                text = wallclock_bin(self._rewriter, args, Scope())
            texts.append(f"CAST({text} AS BIGINT)")
        row = self._rewriter.planner.table("SELECT " + ", ".join(f"{x} AS c{n}" for n, x in enumerate(texts)))
        return tuple(column[0].as_py() for column in row.columns)


def execution_error(text: str) -> QueryError:
    """Make an error that the server meets while it runs the query."""
    return QueryError(f"Execution error: {text}", stage="streaming", status=500)
