"""Bulk and exact way of reading a write: one truth, and nothing half stored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.errors import LineProtocolError, ServerError
from pe_kit.lineprotocol import columnar
from pe_kit.store.store import Store, Written

NOW = 1_761_048_000_123_456_789

SHAPES = [
    "cpu,host=h{i},region=eu usage={i}.5,n={i}i {i}",
    "cpu,host=h{i} usage={i},up=t",
    'cpu usage=1.5,late={i}u,note="n {i}" {i}',
    "mem,host=h{i} free={i}i 17{i:011d}",
    "disk,dev=d{i},host=a used={i}.25 {i}",
]
ODD = [
    "", "# comment", "cpu", "cpu usage=1i 5", "cpu,usage=x n=1i 5", 'cpu note="a, \\"b\\"" 7', "cpu usage=1,usage=2 3",
    "cpu time=1", "new\\ one,t=a\\,b f=1 9", "mem free=1 4", 'cpu note="two\nlines" 8', "disk,dev=d,dev=e used=2 6",
    "cpu n=1i 99999999999999999999", "cpu n=9223372036854775807i 9223372036854775807", "\tmem free=2i", "x,y=z w=1 1\r",
    "cpu __chunk_order=1", "cpu fresh=1", "cpu fresh=\"text\"",
]  # fmt: skip


def text_of(runs: list[tuple[int, int]], odd: list[tuple[int, str]]) -> str:
    lines = [SHAPES[shape].format(i=i % 97) for shape, count in runs for i in range(count)]
    for place, line in odd:
        lines.insert(place % (len(lines) + 1), line)
    return "\n".join(lines)


TEXTS = st.builds(
    text_of,
    st.lists(st.tuples(st.integers(0, len(SHAPES) - 1), st.integers(1, 120)), min_size=2, max_size=8),
    st.lists(st.tuples(st.integers(0, 1000), st.sampled_from(ODD)), max_size=8),
)


def outcome(text: str, precision: str, accept_partial: bool) -> Any:
    store = Store(lambda: NOW, max_columns=10, max_tables=4)
    store.write("cpu usage=1 1", "db")
    store.flush()
    result: Any
    try:
        written = store.write(text, "db", precision, accept_partial)
        result = (written.rows, [(e.as_json(), e.line, e.text_line, e.column, e.status) for e in written.errors])
    except LineProtocolError as error:
        result = (error.as_json(), error.line, error.text_line, error.column, error.status)
    schema = {
        name: (list(table.columns.items()), table.series_key)
        for name, table in store.catalog.databases["db"].tables.items()
    }
    batches = [b.table_batches() for b in store.flush()]
    keys = [[[*row] for row in table["rows"]] for batch in batches for table in batch]
    found = {
        name: sorted(map(repr, store.query_arrow(f'SELECT * FROM "{name}"', "db").to_pylist()))
        for name, (columns, _) in schema.items()
        if ("time", "T") in columns
    }
    return result, schema, batches, keys, found


@pytest.mark.slow
@given(TEXTS, st.sampled_from(["auto", "ns", "s"]), st.booleans())
def test_the_bulk_way_and_the_exact_way_do_the_same(text: str, precision: str, accept_partial: bool) -> None:
    bulk = outcome(text, precision, accept_partial)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar, "_SHORT_TEXT", 10**9)
        exact = outcome(text, precision, accept_partial)
    assert bulk == exact


@pytest.mark.parametrize("accept_partial", [False, True])
def test_a_bad_line_in_bulk_is_named_as_it_is_alone(accept_partial: bool) -> None:
    lines = [f"m,host=h{i % 9} f={i}.5 {i}" for i in range(2000)]
    lines[1500] = "m,host=h f=1i 1"
    store = Store(lambda: NOW)
    if accept_partial:
        written = store.write("\n".join(lines), "db", "ns", accept_partial=True)
        assert written == Written(1999, written.errors)
        (error,) = written.errors
    else:
        with pytest.raises(LineProtocolError) as caught:
            store.write("\n".join(lines), "db", "ns")
        error = caught.value
        assert not store.pending
        assert not store.has_database("db")
    assert (error.line_number, error.text_line, error.original_line) == (1501, 1501, "m,host=h f=1i 1")


@pytest.mark.slow
def test_a_thousand_refused_lines_are_told_apart_quickly() -> None:
    store = Store(lambda: NOW)
    text = "m f=1\n" + "\n".join("m f=1i" if i % 2 else "m f" for i in range(20_000))
    written = store.write(text, "db", accept_partial=True)
    assert (written.rows, len(written.errors)) == (1, 20_000)
    assert written.errors[-1].text_line == 20_001


@given(st.one_of(st.binary(max_size=60), st.text('m,=\\ "\n#f1itTeE.+-\0\r\t\ud800é', max_size=60)))
def test_no_input_crashes_or_is_half_stored(data: str | bytes) -> None:
    store = Store(lambda: NOW)
    refused: ServerError | None = None
    try:
        written = store.write(data, "db")
    except ServerError as error:
        refused = error
    if refused is not None:
        assert refused.status == 400
        assert not store.pending
        assert "db" not in store.database_names() or refused.message == "incoming write was empty"
    else:
        (batch,) = store.flush()
        assert sum(map(len, batch.tables)) == written.rows > 0
        for name in store.table_names("db"):
            store.table("db", name).batches()
