"""Line protocol as the server reads it (core/influxdb_line_protocol/src/lib.rs, influxdb3_write/.../validator.rs)."""

from __future__ import annotations

import math

import pytest

from pe_kit import Engine
from pe_kit.errors import LineProtocolError, PartialWriteError


def refusal(engine: Engine, text: str) -> str:
    with pytest.raises(LineProtocolError) as error:
        engine.write(text, "db", precision="ns")
    return error.value.error_message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("m\tf=1", "Expected at least one space character, got `\tf=1`"),
        ("m f=1\r\nm f=2", "Could not parse entire line. Found trailing content: `\r`"),
        ("m f=1  ", "Could not parse entire line. Found trailing content: `  `"),
        ("m,a= f=1", "Expected tag value, got ` f=1`"),
    ],
)
def test_corners_of_line_protocol(engine: Engine, text: str, message: str):
    assert refusal(engine, text) == message
    engine.write("wea\\\nther,a,b=c=d x,y=1 1  ", "db", precision="ns")
    assert engine.query('SELECT * FROM "wea\\\nther"', "db").columns.tolist() == ["a,b", "time", "x,y"]


def test_numbers_that_are_none_and_one_that_is_infinite(engine: Engine):
    for number in ("1.", "1e", "TrUe"):
        assert refusal(engine, f"m f={number}").startswith("Could not parse entire line")
    for number in (".5", "+1", "NaN", "inf"):
        assert refusal(engine, f"m f={number}") == "No fields were provided"
    engine.write(f"m f={'9' * 1000}.{'9' * 1000} 1", "db", precision="ns")
    assert engine.query("SELECT f FROM m", "db").f.tolist() == [math.inf]


def test_the_unit_of_a_timestamp_is_guessed_line_by_line(engine: Engine):
    times = [4_999_999_999, 5_000_000_000, 5_000_000_000_000, 5_000_000_000_000_000]
    engine.write("\n".join(f"m,i={i} f=1 {t}" for i, t in enumerate(times)), "db")
    stored = engine.query_arrow("SELECT time FROM m ORDER BY i", "db")["time"].cast("int64").to_pylist()
    assert stored == [t * unit for t, unit in zip(times, (10**9, 10**6, 10**3, 1), strict=True)]


def test_a_field_named_time_has_two_refusals(engine: Engine):
    assert refusal(engine, "m time=1") == "'time' is a reserved column"
    engine.write("m f=1", "db")
    assert refusal(engine, "m time=1") == (
        "invalid column type for column 'time', expected iox::column_type::timestamp, got "
        "iox::column_type::field::float"
    )


def test_a_type_conflict_names_what_exists_as_expected(engine: Engine):
    engine.write("m,tag=a f=1", "db")
    assert refusal(engine, "m f=1i") == (
        "invalid column type for column 'f', expected iox::column_type::field::float, got "
        "iox::column_type::field::integer"
    )
    assert refusal(engine, "m tag=1").endswith("expected iox::column_type::tag, got iox::column_type::field::float")


def test_strings_hold_a_mebibyte_and_time_is_no_column_of_the_limit(engine: Engine):
    engine.write(f'm s="{"x" * 2**20}"', "db")
    assert refusal(engine, f'm s="{"x" * (2**20 + 1)}"') == "String is greater than 1MB"
    engine.write("wide " + ",".join(f"f{n}=1" for n in range(500)), "db")
    with pytest.raises(PartialWriteError) as error:
        engine.write("wide f500=1\nwide f0=2", "db", accept_partial=True)
    (line,) = error.value.errors
    assert line.error_message == "Update to schema would exceed number of columns per table limit of 500 columns"
    assert error.value.status == 422
