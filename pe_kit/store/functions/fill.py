"""Fills gaps in grouped rows: every series gets a row for every bin (core/iox_query/src/exec/gapfill/algo.rs).

No row is touched on its own. Where each row goes is computed for all at once; then a column is a sequence of runs, each
of which holds or carries on what its first position has. The work goes by batches of whole series, which share the
column of times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pe_kit.errors import QueryError

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


def fill_gaps(table: pa.Table, kinds: Sequence[pa.DataType], bins: Array, strategies: Sequence[Strategy]) -> pa.Table:
    """Fill the gaps.

    Args:
        table: the columns that tell the series apart, the bin's time, then one column per aggregate; at most one row
            per series and bin, in any order.
        kinds: the types that the columns that tell the series apart are to have; text may become a dictionary.
        bins: the bins that every series gets, ascending.
        strategies: how each aggregate is filled.

    Returns:
        The same columns, sorted by series (nulls first), then time. A row without a time comes first in its series.

    Raises:
        ValueError: a time of the table is not among the bins.
        QueryError: the result would be too large.
    """
    import numpy as np
    import pyarrow as pa

    table = table.combine_chunks()
    columns = [c.chunk(0) if c.num_chunks else pa.array([], c.type) for c in table.columns]
    series = len(kinds)
    keys, time = columns[:series], columns[series]
    codes, count = _number(keys, len(time))
    slots = _slots(time, bins)
    if count * len(bins) > MOST_ROWS:
        raise too_many_rows(count * len(bins))
    heads = np.zeros(count, np.int64)
    heads[codes] = np.arange(len(codes))  # any row of each series
    values = [_Column(column, how) for column, how in zip(columns[series + 1 :], strategies, strict=True)]
    step = max(1, _BATCH_ROWS // max(1, len(bins)))  # series in a batch
    batch_of = codes // step if step > 1 else codes
    total = -(-count // step)
    order = np.argsort(batch_of.astype(np.uint16) if total < 2**16 else batch_of, kind="stable")  # 16 bits sort fast
    ends = np.cumsum(np.bincount(batch_of, minlength=total))
    fields = list(table.schema)
    schema = pa.schema([*(f.with_type(k) for f, k in zip(fields, kinds, strict=False)), *fields[series:]])
    shared: dict[int, _Layout] = {}
    batches = []
    for number, rows in enumerate(np.split(order, ends[:-1]) if count else []):
        of_batch = heads[number * step : (number + 1) * step]
        layout = _Layout.of(codes[rows] - number * step, slots[rows], rows, bins, len(of_batch), shared)
        arrays = [_repeated(key.take(pa.array(of_batch)), k, layout) for key, k in zip(keys, kinds, strict=True)]
        arrays += [layout.times(time.type), *(_fill(column, layout, column.how) for column in values)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema)


def _number(keys: Sequence[pa.Array], rows: int) -> tuple[Array, int]:
    """Number the series in the order of their keys, null first; give each row's number and how many there are."""
    import numpy as np

    codes, count = np.zeros(rows, np.int64), min(rows, 1)
    for key in keys:
        own, distinct = _ranks(key)
        codes = codes * distinct + own
        if count * distinct <= 4 * rows + 1_000_000:
            present = np.zeros(count * distinct, bool)
            present[codes] = True
            codes = (np.cumsum(present) - 1)[codes]
        else:
            codes = np.unique(codes, return_inverse=True)[1]
        count = int(codes.max(initial=-1)) + 1
    return codes, count


def _ranks(column: pa.Array) -> tuple[Array, int]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    rank = np.zeros(len(encoded.dictionary) + 1, np.int64)  # the last one stands for null
    rank[:-1] = pc.rank(encoded.dictionary, "ascending", tiebreaker="dense").to_numpy()
    return rank[encoded.indices.fill_null(-1).to_numpy()], int(rank.max()) + 1


def _slots(time: pa.Array, bins: Array) -> Array:
    """Give the number of each row's bin; -1 without a time."""
    import numpy as np
    import pyarrow as pa

    moments = time.cast(pa.int64()).fill_null(0).to_numpy()
    missing = time.is_null().to_numpy(zero_copy_only=False) if time.null_count else np.zeros(len(moments), bool)
    stride = int(bins[1] - bins[0]) if len(bins) > 1 else 1
    if len(bins) and int(bins[-1] - bins[0]) == stride * (len(bins) - 1):
        slots: Array = (moments - bins[0]) // stride
    else:
        slots = np.searchsorted(bins, moments)
    found = (slots >= 0) & (slots < len(bins))
    found[found] = bins[slots[found]] == moments[found]
    if not (found | missing).all():
        raise ValueError("unexpected time bin value")
    slots[missing] = -1
    return slots


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the rows of a batch go.

    Attributes:
        source: for each row of the result the row it comes from, or -1. scratch: room of the same size.
        moments: its bin as int64 nanoseconds. which: its series within the batch.
        begins: for each series the position of its first bin.
        untimed: the positions of the rows that have no time.
    """

    source: Array
    scratch: Array
    moments: Array
    which: Array
    begins: Array
    untimed: Array

    @staticmethod
    def of(codes: Array, slots: Array, rows: Array, bins: Array, count: int, shared: dict[int, _Layout]) -> _Layout:
        """Lay out the rows of ``count`` series; ``shared`` keeps what is the same for all such batches."""
        import numpy as np

        missing = slots < 0
        extra = np.bincount(codes[missing], minlength=count)
        known = shared.get(count)
        if extra.any() or known is None:
            sizes = extra + len(bins)
            begins = np.cumsum(sizes) - len(bins)
            which = np.repeat(np.arange(count, dtype=np.int32), sizes)
            moments = np.zeros(len(which), np.int64)
            timed = np.ones(len(which), bool)
            timed[begins[extra > 0] - 1] = False
            moments[timed] = np.tile(bins, count)
            source, scratch = np.empty((2, len(which)), np.int32)
            known = _Layout(source, scratch, moments, which, begins, np.flatnonzero(~timed))
            if not extra.any():
                shared[count] = known
        known.source.fill(-1)  # the batch before is done with it
        known.source[known.begins[codes] + slots] = rows  # a row without a time: slot -1, just before the first bin
        return known

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

    if heads.type == kind:
        return heads.take(pa.array(layout.which))
    missing = heads.is_null().to_numpy(zero_copy_only=False)[layout.which] if heads.null_count else None
    which = pa.array(layout.which, kind.index_type, mask=missing)
    return pa.DictionaryArray.from_arrays(which, heads.fill_null(""), safe=False)


class _Column:
    """An aggregate's column, how it is to be filled, and which of its rows have a value."""

    def __init__(self, column: pa.Array, how: Strategy) -> None:
        import numpy as np

        self.arrow, self.how, self.type = column, how, column.type
        self._valid = None
        if column.null_count:
            self._valid = np.append(column.is_valid().to_numpy(zero_copy_only=False), False)

    def known(self, rows: Array) -> Array:
        """Say which of the rows (-1: none) have a value."""
        return rows >= 0 if self._valid is None else self._valid[rows]

    def take(self, rows: Array) -> pa.Array:
        """Take rows; -1 gives null."""
        import pyarrow as pa

        missing = rows < 0
        return self.arrow.take(pa.array(rows, mask=missing if missing.any() else None))


def _fill(column: _Column, layout: _Layout, how: Strategy) -> pa.Array:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if how == "interpolate" and pa.types.is_struct(column.type):
        fields = [
            _fill(_Column(column.arrow.field(i), how), layout, "interpolate" if field.name == "value" else "null")
            for i, field in enumerate(column.type)
        ]
        return pa.StructArray.from_arrays(fields, fields=list(column.type))
    if how == "interpolate":
        return _interpolated(column, layout)
    if how == "locf":
        begins, _, rows = _runs(column, layout)
        np.cumsum(begins, out=layout.scratch)
        np.subtract(layout.scratch, 1, out=layout.scratch)
        return column.take(rows).take(pa.array(layout.scratch))
    filled = column.take(layout.source)
    return filled if how == "null" else pc.if_else(pa.array(layout.source < 0), pa.scalar(0, column.type), filled)


def _runs(column: _Column, layout: _Layout) -> tuple[Array, Array, Array]:
    """Cut the batch into runs: each begins at a value, at a series' first bin, or at a row without a time.

    Returns:
        Which rows begin a run; where each run begins; the row that it takes its value from, or -1.
    """
    import numpy as np

    begins = column.known(layout.source)
    known = begins[layout.begins], begins[layout.untimed]
    begins[layout.begins] = begins[layout.untimed] = True
    starts = np.flatnonzero(begins)
    rows = layout.source[starts]
    for places, valid in zip((layout.begins, layout.untimed), known, strict=True):
        rows[np.searchsorted(starts, places[~valid])] = -1
    return begins, starts, rows


def _interpolated(column: _Column, layout: _Layout) -> pa.Array:
    """Draw straight lines between values on the bins' times; integers are cut towards zero."""
    import numpy as np
    import pyarrow as pa

    _, starts, rows = _runs(column, layout)
    zero = column.type.to_pandas_dtype()(0)
    values, size = np.append(column.arrow.fill_null(0).to_numpy(), zero)[rows], len(layout.source)
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
