"""The bins of a gap-filling query, from its arguments and time range (core/iox_query/src/exec/gapfill/params.rs)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_kit.errors import QueryError
from pe_kit.store.functions.bounds import Bound, find_bounds
from pe_kit.store.functions.fill import MOST_ROWS, too_many_rows
from pe_kit.store.functions.rewriter import Rewriter, Scope
from pe_kit.store.functions.scalars import in_zone
from pe_kit.store.functions.wallclock import is_utc, steps, wallclock_bin
from pe_kit.store.sqlerrors import plan_error
from pe_kit.store.statements import Call, Clause, Statement

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
        self._rewriter, self._call = rewriter, call
        self._args = rewriter.arguments(call, scope)
        self._stride = rewriter.constant(f"arrow_cast({self._args[0]}, 'Interval(MonthDayNano)')")
        if self._stride is None and rewriter.constant(self._args[0]) is None:
            raise _not_scalar("stride argument to DATE_BIN_GAPFILL")
        column = _column(rewriter.statement, *call.args[1])
        if not column:
            raise plan_error("DATE_BIN_GAPFILL requires a column as the source argument")
        source = rewriter.clause_texts({n: c for n, c in clauses.items() if n in ("from", "where")}, scope)
        bounds = find_bounds(rewriter.planner.plan(f"{scope.with_} SELECT {column} {source}"))
        if bounds.lower is None or bounds.upper is None:
            missing = "both upper and lower time bounds" if bounds.lower is bounds.upper else ""
            missing = missing or f"{'lower' if bounds.lower is None else 'upper'} time bound"
            raise plan_error(
                f"gap-filling query is missing {missing}",
                mend="Bound it on both sides: WHERE time >= ... AND time < ...",
            )
        self._first = self._moment(bounds.lower, "lower") + (not bounds.lower.included)
        self._last = self._moment(bounds.upper, "upper") - (not bounds.upper.included)
        if len(self._args) == 3 and rewriter.constant(self._args[2]) is None:
            raise _not_scalar("origin argument to DATE_BIN_GAPFILL")
        self._zone: str | None = getattr(rewriter.type_of(self._args[1], scope), "tz", None)

    def _moment(self, bound: Bound, which: str) -> int:
        import pyarrow as pa
        from datafusion import Expr

        value = self._rewriter.planner.constant(Expr(bound.value).cast(pa.timestamp("ns")))
        if value is None:
            raise _not_scalar(f"{which} time bound")
        if not value.is_valid:
            raise execution_error("gap filling argument must be a scalar timestamp")
        return int(value.value)

    def bins(self) -> np.ndarray[Any, Any]:
        """Give all bins, ascending, as int64 nanoseconds; errors in here the server finds while it runs."""
        import numpy as np

        if self._stride is None or not self._stride.is_valid:
            raise execution_error("gap filling expects a stride parameter to be a scalar interval")
        months, days, nanoseconds = self._stride.as_py()
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
