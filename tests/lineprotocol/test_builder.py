"""LineBuilder behaves as the server's (influxdb3_py_api/src/line_builder/line_builder.py)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit.lineprotocol.builder import (
    InfluxDBError,
    InvalidKeyError,
    InvalidLineError,
    InvalidMeasurementError,
    LineBuilder,
)
from pe_kit.lineprotocol.grammar import GrammarError, parse_line

SETTERS = {
    "tag": "tag",
    "int64_field": "field",
    "uint64_field": "field",
    "float64_field": "field",
    "string_field": "field",
    "bool_field": "field",
}


def test_a_line_has_tags_fields_and_time_in_the_order_they_were_set() -> None:
    builder = LineBuilder("weather")
    line = (
        builder.tag("city", "Oslo")
        .tag("site", 7)
        .int64_field("count", 3)
        .uint64_field("total", 4)
        .float64_field("temp", 21.5)
        .string_field("sky", "clear")
        .bool_field("ok", True)
        .time_ns(1)
        .build()
    )
    assert line == 'weather,city=Oslo,site=7 count=3i,total=4u,temp=21.5,sky="clear",ok=t 1'


def test_every_setter_gives_the_builder_back() -> None:
    builder = LineBuilder("m")
    assert all(getattr(builder, name)("k", 1 if name != "string_field" else "v") is builder for name in SETTERS)
    assert builder.time_ns(5) is builder


def test_setting_a_key_again_overwrites_it_in_place() -> None:
    builder = LineBuilder("m").tag("a", "1").tag("b", "2").int64_field("x", 1).int64_field("y", 2)
    assert builder.tag("a", "3").string_field("x", "s").build() == 'm,a=3,b=2 x="s",y=2i'


def test_the_time_is_left_out_until_it_is_set() -> None:
    builder = LineBuilder("m").bool_field("f", 0)
    assert builder.build() == "m f=f"
    assert builder.time_ns(0).build() == "m f=f 0"
    assert builder.time_ns("whatever").build() == "m f=f whatever"


def test_the_measurement_must_not_hold_spaces() -> None:
    with pytest.raises(InvalidMeasurementError, match=r"^Measurement name cannot contain spaces$"):
        LineBuilder("a b")
    assert LineBuilder("").int64_field("f", 1).build() == " f=1i"
    assert LineBuilder("a,b=c").int64_field("f", 1).build() == r"a\,b=c f=1i"


@pytest.mark.parametrize(("setter", "kind"), SETTERS.items())
@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("", "cannot be empty"),
        ("a b", "'a b' cannot contain spaces"),
        ("a,b", "'a,b' cannot contain commas"),
        ("a=b", "'a=b' cannot contain equals signs"),
        ("a =,b", "'a =,b' cannot contain spaces"),
        ("a=,b", "'a=,b' cannot contain commas"),
    ],
)
def test_keys_are_checked(setter: str, kind: str, key: str, complaint: str) -> None:
    with pytest.raises(InvalidKeyError, match=f"^{kind} key {complaint}$"):
        getattr(LineBuilder("m"), setter)(key, "1" if setter == "string_field" else 1)


def test_a_line_needs_a_field() -> None:
    with pytest.raises(InvalidLineError, match=r"^At least one field is required: m\\,n,a=b\\ c$"):
        LineBuilder("m,n").tag("a", "b c").build()


def test_the_errors_have_one_base_that_is_no_other_error() -> None:
    assert InfluxDBError.__bases__ == (Exception,)
    assert {InvalidMeasurementError.__base__, InvalidKeyError.__base__, InvalidLineError.__base__} == {InfluxDBError}


def test_unsigned_fields_refuse_negative_numbers() -> None:
    with pytest.raises(ValueError, match=r"^uint64 field 'n' cannot be negative$"):
        LineBuilder("m").uint64_field("n", -1)
    with pytest.raises(InvalidKeyError):
        LineBuilder("m").uint64_field("", -1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1.0"),
        (1.0, "1.0"),
        (-0.0, "0.0"),
        (1.25, "1.25"),
        (1e21, "1000000000000000000000.0"),
        (1e-7, "1e-07"),
        (True, "1.0"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_floats_are_written_as_the_server_writes_them(value: float, text: str) -> None:
    assert LineBuilder("m").float64_field("f", value).build() == f"m f={text}"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_builds_and_fails_at_the_write(value: float) -> None:
    with pytest.raises(GrammarError, match="No fields were provided"):
        parse_line(LineBuilder("m").float64_field("f", value).build())


def test_integers_are_not_checked() -> None:
    assert LineBuilder("m").int64_field("f", 1.5).int64_field("g", "x").build() == "m f=1.5i,g=xi"


def test_values_and_field_keys_are_escaped_but_tag_keys_are_not() -> None:
    builder = LineBuilder("m").tag("t\\", "a b,c=d\\e").string_field("s\\", 'x"y\\z, =').int64_field("n", 1)
    assert builder.build() == r'm,t\=a\ b\,c\=d\\e s\\="x\"y\\z, =",n=1i'


def test_text_is_needed_for_a_string_field() -> None:
    with pytest.raises(AttributeError, match=r"^'int' object has no attribute 'replace'$"):
        LineBuilder("m").string_field("s", 5)


keys = st.text(st.characters(exclude_characters=" ,=\\\t\n\0", exclude_categories=["Cs"]), min_size=1, max_size=6)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.one_of(
    st.tuples(st.just("i"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("u"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("f"), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("s"), texts),
    st.tuples(st.just("b"), st.booleans()),
)


@pytest.mark.slow
@given(
    keys.filter(lambda name: name[0] != "#"),
    st.dictionaries(keys, texts.filter(lambda text: text and not text.endswith("\\") and not set(text) & set("\t\n"))),
    st.dictionaries(keys, values, min_size=1, max_size=4),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
)
def test_a_built_line_parses_back_to_what_was_put_in(measurement, tags, fields, time) -> None:
    builder = LineBuilder(measurement)
    for key, value in tags.items():
        builder.tag(key, value)
    setters = {
        "i": builder.int64_field,
        "u": builder.uint64_field,
        "f": builder.float64_field,
        "s": builder.string_field,
        "b": builder.bool_field,
    }
    for key, (kind, value) in fields.items():
        setters[kind](key, value)
    if time is not None:
        builder.time_ns(time)
    line = parse_line(builder.build())
    assert line.measurement == measurement
    assert dict(line.tags) == tags
    assert {key: (kind, value) for key, kind, value in line.fields} == fields
    assert line.timestamp == time
