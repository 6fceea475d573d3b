"""Fills gaps in grouped rows: every series gets a row for every bin (core/iox_query/src/exec/gapfill/algo.rs).

No row is touched on its own. The rows are put in the order of the result, where each of them has a place; then a column
is a sequence of runs, each of which holds or carries on what its first place has. The work goes by batches of whole
series, which share the column of times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pe_kit.errors import QueryError
from pe_kit.store.functions.grouping import aggregate, compacted, numbered

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["MOST_ROWS", "Strategy", "fill_gaps", "too_many_rows"]

MOST_ROWS = 100_000_000
"""The kit makes no more rows than this at once; the server would go on for as long as it has memory."""
_BATCH_ROWS = 131_072
Strategy = Literal["null", "zero", "locf", "interpolate"]


def too_many_rows(rows: int) -> QueryError:
    """Make the error of a result that is too large."""
    return QueryError(
        f"Resources exhausted: gap filling would make {rows} rows",
        stage="streaming",
        status=500,
        mend="Use a longer interval or a shorter time range (fidelity ledger: sql.gapfill.size).",
    )


def fill_gaps(
    table: pa.Table, schema: pa.Schema, bins: Array, strategies: Sequence[Strategy], functions: Sequence[str] = ()
) -> pa.Table:
    """Fill the gaps.

    Args:
        table: the columns that tell the series apart, the bin's time, then one column per aggregate; at most one row
            per series and bin, in any order.
        schema: that of the result; what is a dictionary there may be text in the table.
        bins: the bins that every series gets, ascending.
        strategies: how each aggregate is filled.
        functions: the aggregates that are still to be computed, of any number of rows per series and bin.

    Returns:
        The same columns, sorted by series (nulls first), then time. A row without a time comes first in its series.

    Raises:
        ValueError: a time of the table is not among the bins.
        QueryError: the result would be too large.
    """
    import numpy as np
    import pyarrow as pa

    table = table.combine_chunks()
    columns = [_plain(c.chunk(0)) if c.num_chunks else pa.array([], c.type) for c in table.columns]
    series = len(columns) - len(strategies) - 1
    keys, time, values = columns[:series], columns[series], columns[series + 1 :]
    codes, count = numbered(keys, len(time))
    if count * len(bins) > MOST_ROWS:
        raise too_many_rows(count * len(bins))
    heads = np.zeros(count, np.int64)
    heads[codes] = np.arange(len(codes))  # any row of each series
    width = len(bins) + 1
    cells = np.empty(len(time), np.int64)  # where the rows go: by series, then time, without a time first
    for at in range(0, len(time), _BATCH_ROWS):
        part = slice(at, at + _BATCH_ROWS)
        cells[part] = codes[part] * width + _slots(time[part], bins) + 1
    if functions:
        groups, cells = compacted(cells, count * width)
        values = [aggregate(f, v, groups, len(cells)) for f, v in zip(functions, values, strict=True)]
    else:
        order = np.argsort(cells, kind="stable")
        cells, values = cells[order], [v.take(pa.array(order)) for v in values]
    step = max(1, _BATCH_ROWS // width)  # series in a batch
    edges = [*range(0, count, step), count]
    ends = np.searchsorted(cells, np.array(edges) * width).tolist()
    layout: _Layout | None = None
    batches = []
    for first, last, i, j in zip(edges, edges[1:], ends, ends[1:], strict=False):
        layout = _Layout.of(cells[i:j] - first * width, bins, last - first, layout)
        of_batch = pa.array(heads[first:last])
        arrays = [_repeated(k.take(of_batch), f.type, layout) for k, f in zip(keys, schema, strict=False)]
        arrays.append(layout.times(time.type))
        arrays += [_fill(v.slice(i, j - i), layout, how) for v, how in zip(values, strategies, strict=True)]
        arrays = [array.cast(field.type) for array, field in zip(arrays, schema, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema)


def _plain(column: pa.Array) -> pa.Array:
    """Give a column as Arrow's functions take it: of text that DataFusion keeps as views they take none."""
    import pyarrow as pa

    return column.cast(pa.utf8()) if pa.types.is_string_view(column.type) else column


def _slots(time: pa.Array, bins: Array) -> Array:
    """Give the number of each row's bin; -1 without a time."""
    import numpy as np
    import pyarrow as pa

    if not len(time):
        return np.array([], np.int64)
    first, last = int(bins[0]), int(bins[-1])
    moments = time.cast(pa.int64()).fill_null(first).to_numpy()
    stride = int(bins[1]) - first if len(bins) > 1 else 1
    even = last - first == stride * (len(bins) - 1)
    slots: Array = (moments - first) // stride if even else np.searchsorted(bins, moments)
    if not first <= moments.min() <= moments.max() <= last or (bins[slots] != moments).any():
        raise ValueError("unexpected time bin value")
    if time.null_count:
        slots[time.is_null().to_numpy(zero_copy_only=False)] = -1
    return slots


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the rows of a batch go.

    Attributes:
        places: for each row its place in the result, ascending.
        begins: for each series the place of its first bin. untimed: the places of the rows that have no time.
        moments: for each row of the result its bin as int64 nanoseconds. which: its series within the batch.
    """

    places: Array
    begins: Array
    untimed: Array
    moments: Array
    which: Array

    @staticmethod
    def of(cells: Array, bins: Array, count: int, like: _Layout | None) -> _Layout:
        """Lay out the rows of ``count`` series; takes what it can from a layout of the same bins."""
        import numpy as np

        codes, slots = np.divmod(cells, len(bins) + 1)
        untimed = codes[slots == 0]
        if len(untimed) or like is None or len(like.untimed) or len(like.begins) != count:
            sizes = np.bincount(untimed, minlength=count) + len(bins)
            begins = np.cumsum(sizes) - len(bins)
            which = np.repeat(np.arange(count, dtype=np.int32), sizes)
            timed = np.ones(len(which), bool)
            timed[begins[untimed] - 1] = False
            moments = np.zeros(len(which), np.int64)
            moments[timed] = np.tile(bins, count)
            like = _Layout(begins, begins, begins[untimed] - 1, moments, which)
        return replace(like, places=like.begins[codes] + slots - 1)

    def times(self, kind: pa.DataType) -> pa.Array:
        """Give the column of times."""
        import numpy as np
        import pyarrow as pa

        if not len(self.untimed):
            return pa.array(self.moments, kind)
        mask = np.zeros(len(self.moments), bool)
        mask[self.untimed] = True
        return pa.array(self.moments, kind, mask=mask)


def _repeated(heads: pa.Array, kind: pa.DataType, layout: _Layout) -> pa.Array:
    import pyarrow as pa

    if not pa.types.is_dictionary(kind) or not pa.types.is_string(kind.value_type):
        return heads.take(pa.array(layout.which))
    heads = heads.cast(kind.value_type)
    missing = heads.is_null().to_numpy(zero_copy_only=False)[layout.which] if heads.null_count else None
    which = pa.array(layout.which, kind.index_type, mask=missing)
    return pa.DictionaryArray.from_arrays(which, heads.fill_null(""), safe=False)


def _fill(column: pa.Array, layout: _Layout, how: Strategy) -> pa.Array:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if how == "interpolate" and pa.types.is_struct(column.type):
        fields = [
            _fill(column.field(i), layout, "interpolate" if field.name == "value" else "null")
            for i, field in enumerate(column.type)
        ]
        return pa.StructArray.from_arrays(fields, fields=list(column.type))
    if how == "interpolate":
        return _interpolated(column, layout)
    if how == "locf":
        starts, rows = _runs(column, layout)
        lengths = np.diff(starts, append=len(layout.which))
        return _take(column, rows).take(pa.array(np.repeat(np.arange(len(rows), dtype=np.int32), lengths)))
    source = np.full(len(layout.which), -1, np.int32)
    source[layout.places] = np.arange(len(column), dtype=np.int32)
    filled = _take(column, source)
    return filled if how == "null" else pc.if_else(pa.array(source < 0), pa.scalar(0, column.type), filled)


def _take(column: pa.Array, rows: Array) -> pa.Array:
    """Take rows; -1 gives null."""
    import pyarrow as pa

    missing = rows < 0
    return column.take(pa.array(rows, mask=missing if missing.any() else None))


def _runs(column: pa.Array, layout: _Layout) -> tuple[Array, Array]:
    """Cut the batch into runs: each begins at a value, at a series' first bin, or at a row without a time.

    Returns:
        Where each run begins, and the row that it takes its value from, or -1.
    """
    import numpy as np

    rows = np.arange(len(column))
    if column.null_count:
        rows = rows[column.is_valid().to_numpy(zero_copy_only=False)]
    starts = layout.places[rows]
    found = np.zeros(len(layout.which), bool)
    found[starts] = True
    forced = np.sort(np.concatenate((layout.begins, layout.untimed)))
    forced = forced[~found[forced]]
    at = np.searchsorted(starts, forced)
    return np.insert(starts, at, forced), np.insert(rows, at, -1)


def _interpolated(column: pa.Array, layout: _Layout) -> pa.Array:
    """Draw straight lines between values on the bins' times; integers are cut towards zero."""
    import numpy as np
    import pyarrow as pa

    starts, rows = _runs(column, layout)
    zero = column.type.to_pandas_dtype()(0)
    values, size = np.append(column.fill_null(0).to_numpy(), zero)[rows], len(layout.which)
    lengths = np.diff(starts, append=size)
    # a line goes from one run to the next where both have a value, and the next is no series' first row
    ends = np.append(starts[1:], size)
    head, untimed = np.zeros(size + 1, bool), np.zeros(size, bool)
    head[layout.begins] = head[layout.untimed] = head[size] = True
    untimed[layout.untimed] = True
    lined = (rows >= 0) & (np.append(rows[1:], -1) >= 0) & ~head[ends] & ~untimed[starts]
    following = np.append(values[1:], values[:1])
    moments = layout.moments
    with np.errstate(all="ignore"):
        rise = (following - values).astype(np.float64)
        if pa.types.is_unsigned_integer(column.type):
            rise = np.where(following >= values, rise, -(values - following).astype(np.float64))
        run = (np.append(moments, 0)[ends] - moments[starts]).astype(np.float64)
        slope = np.repeat(np.where(lined, rise / run, 0.0), lengths)
        elapsed = (moments - np.repeat(moments[starts], lengths)).astype(np.float64)
        line = slope * elapsed + np.repeat(values.astype(np.float64), lengths)
    result = line if pa.types.is_floating(column.type) else _cut(line, values.dtype)
    result[starts] = values
    present = np.repeat(lined, lengths)
    present[starts] = rows >= 0
    return pa.array(result, column.type, mask=~present)


def _cut(line: Array, kind: np.dtype[Any]) -> Array:
    """Turn floats into integers as Rust's ``as`` does: towards zero, and to the nearest end when out of range."""
    import numpy as np

    least, most = float(np.iinfo(kind).min), float(np.iinfo(kind).max)
    whole = np.trunc(np.nan_to_num(line, nan=0.0))
    inside = np.where((whole > least) & (whole < most), whole, 0.0).astype(kind)
    return np.where(whole >= most, np.iinfo(kind).max, np.where(whole <= least, np.iinfo(kind).min, inside)).astype(
        kind
    )
