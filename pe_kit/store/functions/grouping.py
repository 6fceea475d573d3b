"""Numbers series, and groups rows by number where there are nearly as many groups as rows.

DataFusion's hash table takes 100 ns a row there. The aggregates here add up in the order of the rows, as its own do on
one core, so that the results are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pe_kit.store.timespans import variant

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from datafusion.plan import LogicalPlan

    Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["AGGREGATES", "aggregate", "can_aggregate", "compacted", "is_no_longer", "numbered"]

_NO_LONGER = frozenset({"Aggregate", "Distinct", "Filter", "Limit", "Projection", "Sort", "SubqueryAlias", "TableScan"})
AGGREGATES = frozenset({"avg", "count", "max", "min", "sum"})


def numbered(keys: Sequence[pa.Array], rows: int) -> tuple[Array, int]:
    """Number the series in the order of their keys, null first; give each row's number and how many there are."""
    import numpy as np

    codes, count = np.zeros(rows, np.int64), min(rows, 1)
    for key in keys:
        ranks, distinct = _ranks(key)
        codes, present = compacted(codes * distinct + ranks if count > 1 else ranks, max(count, 1) * distinct)
        count = len(present)
    return codes, count


def compacted(codes: Array, size: int) -> tuple[Array, Array]:
    """Renumber codes below ``size`` without holes; give the new ones, and the old one of each."""
    import numpy as np

    if (codes[1:] > codes[:-1]).all():
        return np.arange(len(codes)), codes
    if size > 32 * len(codes) + 1_000_000:
        present, renumbered = np.unique(codes, return_inverse=True)
        return renumbered, present
    found = np.zeros(size, bool)
    found[codes] = True
    present = np.flatnonzero(found)
    if len(present) == size:
        return codes, present
    numbers = np.empty(size, np.int64)
    numbers[present] = np.arange(len(present))
    return numbers[codes], present


def _ranks(column: pa.Array) -> tuple[Array, int]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int64), 1
    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    rank = np.zeros(len(encoded.dictionary) + 1, np.int64)  # the last one stands for null
    rank[:-1] = pc.rank(encoded.dictionary, "ascending", tiebreaker="dense").to_numpy()
    return rank[encoded.indices.fill_null(-1).to_numpy()], int(rank.max()) + 1


def is_no_longer(plan: LogicalPlan) -> bool:
    """Say whether a plan gives no more rows than the one table that it reads."""
    if type(variant(plan)).__name__ not in _NO_LONGER:
        return False
    return all(is_no_longer(below) for below in plan.inputs())


def can_aggregate(function: str, column: pa.Array) -> bool:
    """Say whether :func:`aggregate` gives what DataFusion gives; to it the order of NaN and numbers is by chance."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if function == "count":
        return True
    if function in ("max", "min") and column.type == pa.float64():
        return not pc.any(pc.is_nan(column)).as_py()
    return column.type in (pa.float64(), pa.int64(), pa.uint64())


def aggregate(function: str, column: pa.Array, groups: Array, count: int) -> pa.Array:
    """Compute one of the :data:`AGGREGATES` over the rows of each group; null where all of them are null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(groups) == count:  # each row is a group of its own
        if not (groups[1:] > groups[:-1]).all():
            row_of = np.empty(count, np.int64)
            row_of[groups] = np.arange(count)
            column = column.take(pa.array(row_of))
        if function == "count":
            return column.is_valid().cast(pa.int64())
        column = column.cast(pa.float64(), safe=False) if function == "avg" else column
        return column if function in ("max", "min") else pc.add(column, pa.scalar(0, column.type))  # as 0.0 + -0.0 is
    if column.null_count:
        groups, column = groups[column.is_valid().to_numpy(zero_copy_only=False)], column.drop_null()
    sizes = np.bincount(groups, minlength=count)
    if function == "count":
        return pa.array(sizes, pa.int64())
    values = column.to_numpy()
    if function == "avg":
        values = values.astype(np.float64, copy=False)
    if function in ("avg", "sum"):
        result = np.zeros(count, values.dtype)
        np.add.at(result, groups, values)
    else:
        result = np.empty(count, values.dtype)
        result[groups[::-1]] = values[::-1]  # the first of each group
        (np.minimum if function == "min" else np.maximum).at(result, groups, values)
    missing = sizes == 0
    if function == "avg":
        result /= np.where(missing, 1, sizes)
    return pa.array(result, mask=missing if missing.any() else None)
