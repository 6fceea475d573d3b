"""Series: the same points as Arrow, frame and line protocol."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pe_kit import synth
from pe_kit.errors import UsageError
from pe_kit.lineprotocol.grammar import parse


def test_a_series_has_one_point_for_each_tag_set_and_tick():
    made = synth.series(
        "home", {"t": 1.5}, {"room": ["a", "b"], "floor": "1"}, every="10s", points=2, start="2026-01-01"
    )
    assert made.lp().splitlines() == [
        "home,room=a,floor=1 t=1.5 1767225600000000000",
        "home,room=b,floor=1 t=1.5 1767225600000000000",
        "home,room=a,floor=1 t=1.5 1767225610000000000",
        "home,room=b,floor=1 t=1.5 1767225610000000000",
    ]


def test_span_says_for_how_long_instead_of_how_many():
    assert len(synth.series("m", {"v": 1}, every="10s", span="1h")) == 360


def test_values_become_fields_of_the_kind_that_the_signal_names():
    fields = {
        "f": synth.constant(2),
        "i": synth.constant(2.6).int64(),
        "u": synth.constant(-1).uint64(),
        "b": synth.constant(0.7).boolean(),
        "s": synth.constant(4).string(["x", 'y "q" \\']),
        "plain": True,
        "n": 7,
        "text": "hi",
    }
    made = synth.series("m", fields, points=1)
    assert made.lp().startswith('m f=2,i=3i,u=0u,b=true,s="x",plain=true,n=7i,text="hi" ')
    assert [str(t) for t in made.arrow().schema.types] == [
        *("double", "int64", "uint64", "bool", "string", "bool", "int64", "string"),
        "timestamp[ns]",
    ]


def test_arrow_has_tags_as_dictionaries_then_fields_then_time_and_on_request_the_arrival():
    made = synth.series("m", {"v": 1.0}, [{"room": "a"}, {"floor": "2"}], points=1)
    table = made.arrow(arrival="arrived")
    assert table.column_names == ["room", "floor", "v", "time", "arrived"]
    assert table.schema.field("room").type == pa.dictionary(pa.int32(), pa.string())
    assert table["room"].to_pylist() == ["a", None]
    assert table["floor"].to_pylist() == [None, "2"]
    frame = made.frame()
    assert str(frame["time"].dtype) == "datetime64[ns]"
    assert frame["v"].tolist() == [1.0, 1.0]


def test_late_points_have_arrivals_apart_from_their_times():
    worn = synth.series("m", {"v": 1.0}, points=50) | synth.late(0.5, by="1m")
    table = worn.arrow(arrival="arrived")
    assert table["time"].cast(pa.int64()).to_pylist() == worn.times.tolist()
    assert table["arrived"].cast(pa.int64()).to_pylist() == worn.arrivals.tolist()
    assert (worn.arrivals > worn.times).any()


def test_values_that_are_not_finite_are_nulls_and_points_without_values_vanish():
    made = synth.series("m", {"v": synth.constant(1) | np.log | np.log, "n": 1}, points=2)
    assert made.lp().splitlines()[0].startswith("m n=1i ")
    assert made.arrow()["v"].null_count == 2
    assert len(synth.series("m", {"v": synth.constant(1) | np.log | np.log}, points=2)) == 0


def test_adding_a_field_or_an_imperfection_leaves_the_other_random_values_as_they_were():
    one = synth.series("m", {"a": synth.noise()}, seed=9)
    two = synth.series("m", {"b": synth.noise(), "a": synth.noise()}, seed=9)
    assert one.fields["a"].values.tolist() == two.fields["a"].values.tolist()
    assert two.fields["a"].values.tolist() != two.fields["b"].values.tolist()


def test_moved_to_shifts_events_and_arrivals_together():
    worn = (synth.series("m", {"v": 1}, points=20) | synth.late(0.5)).moved_to("2030-05-01")
    assert min(worn.times.min(), worn.arrivals.min()) == 1_903_824_000_000_000_000


def test_between_takes_what_arrives_after_the_first_and_not_after_the_second_moment():
    made = synth.series("m", {"v": 1}, points=5, every="1s", start=0)
    assert made.between(0, 2 * 10**9).times.tolist() == [10**9, 2 * 10**9]


def test_a_notebook_shows_a_series_as_dots_even_when_it_is_long():
    made = synth.series("m", {"v": synth.sine()}, points=50_000) | synth.late(0.1) | synth.duplicates(0.1)
    svg = made._repr_html_()
    assert svg.startswith("<svg")
    assert len(svg) < 200_000


@pytest.mark.parametrize(
    "arguments",
    [
        {"fields": {}},
        {"fields": {"v": 1}, "tags": {"room": []}},
        {"fields": {"v": 1}, "every": "0s"},
        {"fields": {"v": 1}, "points": 3, "span": "1h"},
        {"fields": {"v": 1}, "seed": -1},
        {"fields": {"v": 1}, "points": -1},
        {"fields": {"v": 1}, "points": 2.5},
        {"fields": {"v": None}},
        {"fields": {"v": [1, 2]}},
        {"fields": {"time": 1}},
        {"fields": {"room": 1}, "tags": {"room": "a"}},
        {"fields": {"v": 1}, "tags": {"room": 5}},
        {"fields": {"v": 1}, "tags": {"room": [1, 2]}},
        {"fields": {"v": 1}, "tags": [{"room": None}]},
    ],
)
def test_series_that_make_no_sense_are_refused(arguments):
    with pytest.raises(UsageError):
        synth.series("m", **{"fields": {}, **arguments})


@pytest.mark.parametrize("value", ["", "a\nb", "a\tb", "end\\"])
def test_a_tag_value_that_line_protocol_cannot_carry_is_refused_by_lp(value):
    with pytest.raises(UsageError, match="cannot carry"):
        synth.series("m", {"v": 1}, {"t": value}).lp()


def test_a_table_that_would_be_a_comment_is_refused_by_lp():
    with pytest.raises(UsageError, match="cannot carry"):
        synth.series("#m", {"v": 1}).lp()


_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\n\t\0\\"), min_size=1, max_size=8)


@given(
    table=_NAMES.filter(lambda t: not t.startswith("#")),
    tags=st.dictionaries(_NAMES, st.lists(_NAMES, min_size=1, max_size=2, unique=True), max_size=2),
    text=st.text(max_size=8).filter(lambda t: t.isprintable()),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_the_exact_grammar_reads_from_lp_what_arrow_holds(table, tags, text, seed):
    """Escapes of core/influxdb_line_protocol/src/lib.rs."""
    fields = {
        "f": synth.noise(1e9),
        "i": synth.noise(50).int64(),
        "s": synth.states([text, "x"]),
        "b": synth.noise().boolean(),
    }
    tags = {k: v for k, v in tags.items() if k not in fields}
    made = synth.series(table, fields, tags, points=3, seed=seed) | synth.nulls(0.3) | synth.late(0.3)
    rows = made.arrow().to_pylist()
    items = list(parse(made.lp()))
    assert [item.error for item in items] == [None] * len(rows)
    for item, row, time in zip(items, rows, made.times, strict=True):
        assert item.line.measurement == table
        assert dict(item.line.tags) == {k: row[k] for k in tags}
        assert {k: v for k, _, v in item.line.fields} == {k: row[k] for k in fields if row[k] is not None}
        assert item.line.timestamp == time
