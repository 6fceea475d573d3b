"""The vectorised filling gives what a loop over rows gives (core/iox_query/src/exec/gapfill/algo.rs)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.store.functions import fill
from pe_kit.store.functions.fill import fill_gaps

NS = pa.timestamp("ns")


def by_hand(rows: list[tuple[Any, ...]], bins: list[int], how: str) -> list[tuple[Any, ...]]:
    """Walk over every series and bin, as the server does."""
    out: list[tuple[Any, ...]] = []
    keys = sorted({r[:2] for r in rows}, key=lambda k: tuple((x is not None, x) for x in k))
    for key in keys:
        mine = {t: x for a, b, t, x in rows if (a, b) == key}
        if None in mine:
            out.append((*key, None, mine[None]))
        known = [(t, mine[t]) for t in bins if mine.get(t) is not None]
        for t in bins:
            x = mine.get(t)
            if how == "zero" and t not in mine:
                x = 0
            if how == "locf" and x is None:
                x = next((v for u, v in reversed(known) if u < t), None)
            if how == "interpolate" and x is None:
                before, after = [p for p in known if p[0] < t], [p for p in known if p[0] > t]
                if before and after:
                    (t0, a), (t1, b) = before[-1], after[0]
                    x = int((b - a) / (t1 - t0) * (t - t0) + a)
            out.append((*key, t, x))
    return out


series = st.tuples(st.none() | st.sampled_from(["a", "b"]), st.none() | st.integers(0, 2))
slots = st.none() | st.integers(0, 9)


@pytest.mark.slow
@given(
    st.dictionaries(st.tuples(series, slots), st.none() | st.integers(-50, 50), max_size=25),
    st.sampled_from(["null", "zero", "locf", "interpolate"]),
    st.sampled_from([1, 12, 1000]),
    st.booleans(),
)
def test_filling_is_as_by_hand(cells: dict[Any, Any], how: Any, batch: int, uneven: bool) -> None:
    bins = [100 + 10 * i + (3 if uneven and i > 4 else 0) for i in range(10)]
    rows = [(a, b, None if slot is None else bins[slot], x) for ((a, b), slot), x in cells.items()]
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    table = pa.table(
        {
            "a": pa.array(columns[0], pa.utf8()),
            "b": pa.array(columns[1], pa.int64()),
            "t": pa.array(columns[2], pa.int64()).cast(NS),
            "x": pa.array(columns[3], pa.int64()),
        }
    )
    kinds = [pa.dictionary(pa.int32(), pa.utf8()), pa.int64()]
    before, fill._BATCH_ROWS = fill._BATCH_ROWS, batch
    try:
        schema = pa.schema(list(zip(table.column_names, [*kinds, NS, pa.int64()], strict=True)))
        filled = fill_gaps(table, schema, np.array(bins), [how])
    finally:
        fill._BATCH_ROWS = before
    times = filled["t"].cast(pa.int64()).to_pylist()
    found = list(zip(filled["a"].to_pylist(), filled["b"].to_pylist(), times, filled["x"].to_pylist(), strict=True))
    assert found == by_hand(rows, bins, how)
    assert filled.schema.types == [*kinds, NS, pa.int64()]


def one(values: pa.Array, how: Any, times: list[int], bins: range) -> list[Any]:
    table = pa.table({"t": pa.array(times, NS), "x": values})
    return fill_gaps(table, table.schema, np.array(bins), [how])["x"].to_pylist()  # type: ignore[no-any-return]


def test_any_type_can_be_carried_on() -> None:
    for values in (
        pa.array(["x", None]),
        pa.array([True, None]),
        pa.array([{"value": 1.0, "time": 5}, None], pa.struct([("value", pa.float64()), ("time", NS)])),
        pa.array([[1], None]),
    ):
        first = values[0].as_py()
        assert one(values, "locf", [1, 3], range(5)) == [None, first, first, first, first]


def test_integers_at_the_ends_of_their_range() -> None:
    top = 2**64 - 1
    assert one(pa.array([0, top], pa.uint64()), "interpolate", [0, 2], range(3)) == [0, 2**63, top]
    assert one(pa.array([top, 0], pa.uint64()), "interpolate", [0, 2], range(3)) == [top, 2**63, 0]


def test_infinities_are_values() -> None:
    inf = float("inf")
    found = one(pa.array([inf, 1.0]), "interpolate", [0, 2], range(4))
    assert found[0] == inf
    assert found[3] is None


def test_a_time_outside_the_bins_is_an_error() -> None:
    with pytest.raises(ValueError, match="unexpected time bin value"):
        one(pa.array([1]), "null", [7], range(0, 10, 2))
