"""Rows that are grouped in numpy give what DataFusion's own grouping gives."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pe_kit.store.functions import gapquery

RANGE = "time >= to_timestamp(0) and time < to_timestamp(40)"
BIN = "date_bin_gapfill(interval '10 nanoseconds', time)"
finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
rows = st.lists(
    st.tuples(
        st.integers(-5, 45),
        st.none() | st.sampled_from(["a", "b", "c"]),
        st.none() | finite,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.integers(0, 2**64 - 1),
        st.none() | st.text(max_size=2),
    ),
    max_size=30,
)


def both(database: Any, sql: str) -> tuple[pa.Table, pa.Table]:
    with pytest.MonkeyPatch.context() as patch:
        ours = database.arrow(sql)
        patch.setattr(gapquery, "_MOST_GROUPED", -1)
        return ours, database.arrow(sql)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_every_aggregate_over_every_type(database: Any, tags: Any, rows: list[Any]) -> None:
    time, host, f, i, u, text = zip(*rows, strict=True) if rows else ((),) * 6
    columns = {"f": pa.array(f, pa.float64()), "i": pa.array(i, pa.int64()), "u": pa.array(u, pa.uint64())}
    database.put("m", {"time": list(time), "host": tags(list(host)), "text": pa.array(text, pa.utf8()), **columns})
    calls = [f"{name}({x})" for name in ("avg", "count", "max", "min", "sum") for x in "fiu"]
    sql = f"select host, {BIN} as t, {', '.join(calls)}, count(text), count(*) from m where {RANGE} group by 1, 2"
    ours, theirs = both(database, sql)
    assert ours.equals(theirs)
    assert ours.schema.equals(theirs.schema)


@pytest.mark.parametrize(
    "call",
    ["max(f)", "min(f)", "avg(distinct i)", "sum(i) filter (where i > 1)", "max(text)", "sum(i + 1)", "count(all i)",
     "first_value(i order by time)", "stddev(f)", "max(case when i > 1 then i end)", "sum(abs(i))", "avg(1)"],
)  # fmt: skip
def test_what_is_not_plain_or_not_a_number(database: Any, call: str) -> None:
    time, nan = [0, 1, 2, 11, 12, 35], float("nan")
    f = [nan, 1.0, None, 2.0, nan, -0.0]
    database.put("m", {"time": time, "f": f, "i": [1, 1, 2, None, 5, 7], "text": list("abcabc")})
    ours, theirs = both(database, f"select {BIN} as t, locf({call}) as x from m where {RANGE} group by 1")
    assert str(ours["x"]) == str(theirs["x"])
    assert ours.schema.equals(theirs.schema)


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        ("m", True),
        ("(select distinct time, i from m order by i limit 9) as x", True),
        ("(select a.time, a.i from m as a join m as b on a.i = b.i)", False),
        ("m, (select 1 as one)", False),
        ("(select time, unnest(make_array(1, 2)) as i from m)", False),
        ("(select time, i from m union all select time, i from m)", False),
        ("generate_series(timestamp '1970-01-01', timestamp '1970-01-02', interval '1 hour') as g(time)", False),
    ],
)
def test_rows_that_may_be_many_are_left_to_datafusion(
    database: Any, monkeypatch: pytest.MonkeyPatch, source: str, ours: bool
) -> None:
    """It need not hold them all at once."""
    database.put("m", {"time": [0, 1, 11], "i": [1, 2, 3]})
    seen: list[Any] = []
    fill = gapquery.fill_gaps
    monkeypatch.setattr(gapquery, "fill_gaps", lambda *args: seen.append(len(args) == 5) or fill(*args))
    rows = database.rows(f"select {BIN} as t, count(*) from {source} where {RANGE} group by 1")
    assert len(rows) == 4
    assert seen == [ours]
