"""Schema on write, line by line (influxdb3_write/src/write_buffer/validator.rs, influxdb3_catalog transaction.rs)."""

from __future__ import annotations

import json

import pytest

from pe_kit.errors import InvalidNameError, LineProtocolError, ServerError
from pe_kit.store.store import Store

NOW = 1_761_048_000_123_456_789
FIELD = "iox::column_type::field::"
TAG = "iox::column_type::tag"


def clash(column: str, expected: str, got: str) -> str:
    return f"invalid column type for column '{column}', expected {expected}, got {got}"


@pytest.fixture
def store() -> Store:
    return Store(lambda: NOW)


def refused(store: Store, text: str, precision: str = "ns") -> LineProtocolError:
    with pytest.raises(LineProtocolError) as caught:
        store.write(text, "db", precision)
    return caught.value


def rows(store: Store, table: str = "m") -> list[dict[str, object]]:
    (batch,) = store.flush()
    return [row for t in batch.table_batches(table) for row in t["rows"]]  # type: ignore[misc]


KINDS = {"float": "1.5", "integer": "1i", "uinteger": "1u", "string": '"x"', "boolean": "true"}


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_the_first_write_decides_the_type_and_nothing_is_coerced(store: Store, first: str, second: str) -> None:
    store.write(f"m f={KINDS[first]}", "db")
    if first == second:
        store.write(f"m f={KINDS[second]}", "db")
    else:
        error = refused(store, f"m f={KINDS[second]}")
        assert error.error_message == clash("f", FIELD + first, FIELD + second)
        assert f"write f={KINDS[first]}," in error.mend.replace("1.0", "1.5").replace("text", "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("m,f=a g=1", clash("f", FIELD + "float", TAG)),
        ("m,t=a t=1", clash("t", TAG, FIELD + "float")),
        ("n,x=a x=1i", clash("x", TAG, FIELD + "integer")),
        ("n time=1", "'time' is a reserved column"),
        ("n,time=a f=1", "'time' is a reserved column"),
        ("m time=1", clash("time", "iox::column_type::timestamp", FIELD + "float")),
        ("m,time=a f=1", clash("time", "iox::column_type::timestamp", TAG)),
        ("n __chunk_order=1", "'__chunk_order' is a reserved column"),
        ("m,__chunk_order=1 f=1", "'__chunk_order' is a reserved column"),
        ("m f=1,f=2", "invalid line protocol - multiple instances of 'f' field found"),
        ("n f=1,f=1i", clash("f", FIELD + "float", FIELD + "integer")),
        ("n f=1,f=2,g=1,g=1i", "invalid line protocol - multiple instances of 'f' field found"),
        ("m f=1 9223372036854775807", "timestamp, 9223372036854775807, out of range for precision: Second"),
    ],
)
def test_what_the_catalog_refuses(store: Store, text: str, message: str) -> None:
    store.write("m,t=a f=1", "db")
    error = refused(store, text, "s")
    assert error.error_message == message
    assert error.status == 400
    assert error.line == text
    assert error.mend


def test_an_earlier_line_of_the_same_write_counts(store: Store) -> None:
    error = refused(store, "m f=1i\nm f=1")
    assert error.error_message == clash("f", FIELD + "integer", FIELD + "float")
    assert error.line_number == 2


def test_a_refused_write_leaves_nothing_behind(store: Store) -> None:
    store.write("m f=1", "db")
    store.flush()
    refused(store, "m,new=x f=2,g=1\nother f=1\nm f=1i")
    assert not store.pending
    assert store.table_names("db") == ["m"]
    assert store.table("db", "m").schema.names == ["f", "time"]
    with pytest.raises(LineProtocolError):
        store.write("m f=", "fresh")
    assert not store.has_database("fresh")


def test_a_partial_write_keeps_good_lines_and_the_columns_of_bad_ones(store: Store) -> None:
    text = "m,a=x f=1\nm,b=y f=1i,g=1\nempty,t=x time=1\nm bad\nm f=2"
    written = store.write(text, "db", accept_partial=True)
    assert written.rows == 2
    assert [e.line_number for e in written.errors] == [2, 3, 4]
    assert written.status == 400
    assert rows(store) == [{"a": "x", "f": 1.0, "time": NOW}, {"f": 2.0, "time": NOW}]
    assert store.table("db", "m").schema.names == ["a", "b", "f", "time"]
    assert store.table("db", "empty").schema.names == ["t"]
    assert refused(store, "empty time=1").error_message == "'time' is a reserved column"


def test_a_write_of_bad_lines_only_is_a_partial_write_too(store: Store) -> None:
    written = store.write("m bad\nn worse", "db", accept_partial=True)
    assert (written.rows, len(written.errors), written.status) == (0, 2, 400)
    assert not store.pending
    assert store.has_database("db")


def test_new_tags_extend_the_series_key_at_any_time(store: Store) -> None:
    store.write("m,b=1,a=2 f=1", "db")
    store.write("m,c=3,a=2 f=1", "db")
    assert store.table("db", "m").series_key == ("b", "a", "c")


def test_a_tag_that_comes_twice_has_its_last_value_in_its_first_place(store: Store) -> None:
    store.write("m,t=1,u=2,t=3 f=1 5", "db", "ns")
    (row,) = rows(store)
    assert list(row.items()) == [("t", "3"), ("u", "2"), ("f", 1.0), ("time", 5)]
    assert store.query_arrow("SELECT t FROM m", "db")["t"].to_pylist() == ["3"]


def test_five_hundred_columns_are_the_limit_and_time_does_not_count(store: Store) -> None:
    store.write("m,t=1 " + ",".join(f"f{i}=1" for i in range(499)), "db")
    error = refused(store, "m one_more=1")
    assert error.error_message == "Update to schema would exceed number of columns per table limit of 500 columns"
    assert error.status == 400
    assert refused(store, "m,tag=1 f0=1").error_message == error.error_message
    store.write("n " + ",".join(f"f{i}=1" for i in range(499)), "db")
    store.write("n last=1", "db")
    assert refused(store, "n one_more=1").error_message == error.error_message
    small = Store(lambda: NOW, max_columns=2)
    written = small.write("m a=1,b=1\nm c=1\nm a=2", "db", accept_partial=True)
    assert (written.rows, written.status) == (2, 422)


def test_tag_columns_have_a_limit_of_their_own(store: Store) -> None:
    wide = Store(lambda: NOW, max_columns=10_000)
    wide.write("m," + ",".join(f"t{i}=1" for i in range(4096)) + " f=1", "db")
    error = refused(wide, "m,more=1 f=1")
    assert error.error_message == "Update to schema would exceed number of tag columns per table limit of 4096 columns"
    assert error.status == 400


def test_a_named_field_family_holds_a_hundred_fields(store: Store) -> None:
    store.write("m " + ",".join(f"fam::f{i}=1" for i in range(100)), "db")
    error = refused(store, "m fam::more=1")
    assert error.error_message == "Update to schema would exceed the field limit (100) for field family 'fam'"
    assert error.status == 400
    store.write("m other::x=1,::y=1,z::=1,fam::f1=2", "db")
    wide = Store(lambda: NOW, max_columns=1000)
    wide.write("m " + ",".join(f"::f{i}=1,g{i}=1" for i in range(150)), "db")


@pytest.mark.parametrize(
    ("precision", "ns"),
    [
        ("auto", NOW),
        ("ns", NOW),
        ("us", 1_761_048_000_123_456_000),
        ("ms", 1_761_048_000_123_000_000),
        ("s", 1_761_048_000_000_000_000),
    ],
)
def test_missing_times_are_the_time_of_the_write_cut_to_the_precision(store: Store, precision: str, ns: int) -> None:
    store.write("m f=1\nm f=2", "db", precision)
    assert [row["time"] for row in rows(store)] == [ns, ns]


def test_precisions_the_server_does_not_know(store: Store) -> None:
    with pytest.raises(ServerError) as caught:
        store.write("m f=1", "db", "sec")
    assert (caught.value.message, caught.value.status) == ("unrecognized precision unit: sec", 400)


def test_numbers_and_lines_are_the_servers_and_the_place_is_the_real_one(store: Store) -> None:
    text = '# comment\n\nm s="two\nlines"\n  m,t=a f=1,f=2 7\nm f'
    written = store.write(text, "db", accept_partial=True)
    schema, grammar = written.errors
    # a validation error shows the line rendered again, a parse error the n-th line of the text
    assert (schema.line_number, schema.original_line) == (2, "m,t=a f=1,f=2 7")
    assert (schema.text_line, schema.column) == (5, 13)
    assert (grammar.line_number, grammar.original_line) == (3, 'm s="two')
    assert (grammar.text_line, grammar.line, grammar.column) == (6, "m f", 4)
    assert "\n  m f\n     ^" in str(grammar)


def test_bodies_are_the_servers(store: Store) -> None:
    error = refused(store, 'm s="a long text that is cut",s="b"')
    message = "invalid line protocol - multiple instances of 's' field found"
    assert error.body == (
        '{"error":"line protocol parsing error","data":{"error_message":"' + message + '",'
        '"line_number":1,"original_line":"m s=a long text that"}}'
    )
    assert error.original_line == "m s=a long text that is cut,s=b"
    assert error.message == f"line protocol parse failed: {message}"
    error = refused(store, "mm äöüäöüäöü=1,äöüäöüäöü=2")
    assert json.loads(error.body)["data"]["original_line"] == "mm äöüäöüäö"


def test_carriage_returns_are_part_of_the_line_but_not_of_what_is_shown(store: Store) -> None:
    error = refused(store, "m f=1\r\nm f=2\r\n")
    assert error.error_message == "Could not parse entire line. Found trailing content: `\r`"
    assert error.original_line == "m f=1"
    assert "CRLF" in error.mend


@pytest.mark.parametrize("text", ["", "\n\n", "# comment", " \t\n# x\n"])
def test_an_empty_write_is_refused(store: Store, text: str) -> None:
    with pytest.raises(ServerError) as caught:
        store.write(text, "db")
    assert (caught.value.message, caught.value.status, caught.value.body) == (
        "incoming write was empty", 400, "incoming write was empty",
    )  # fmt: skip


def test_a_body_may_be_bytes_or_a_list_of_lines(store: Store) -> None:
    store.write('m s="ü" 1'.encode(), "db", "ns")
    store.write(["m f=1 2", "m f=2 3"], "db", "ns")
    assert [row["time"] for row in rows(store)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'm s="\xff"', "invalid utf-8 sequence of 1 bytes from index 5"),
        (b"m \xe2\x82", "incomplete utf-8 byte sequence from index 2"),
        (b"m \xe2\x82x", "invalid utf-8 sequence of 2 bytes from index 2"),
        ("m ü=\ud800", "invalid utf-8 sequence of 1 bytes from index 5"),
    ],
)
def test_a_body_that_is_no_utf8_is_refused_before_anything_else(store: Store, body: str | bytes, found: str) -> None:
    with pytest.raises(ServerError) as caught:
        store.write(body, "db")
    assert (caught.value.message, caught.value.status) == (f"body content is not valid utf8: {found}", 400)
    assert not store.has_database("db")


def test_plugins_may_use_names_that_the_http_face_refuses(store: Store) -> None:
    store.write("m f=1", "_x", http_name=False)
    with pytest.raises(InvalidNameError, match="did not start with"):
        store.write("m f=1", "_x")
    with pytest.raises(InvalidNameError, match="character number 1"):
        store.write("m f=1", "a b", http_name=False)


def test_times_at_both_ends_of_int64(store: Store) -> None:
    low, high = -(2**63), 2**63 - 1
    store.write(f"m f=1 {low}\nm f=2 {high}\nm f=3 0", "db", "ns")
    assert [row["time"] for row in rows(store)] == [low, high, 0]
    # a NULL in Arrow's words is never the lowest number: the times come back as they went in
    found = store.query_arrow("SELECT time, f FROM m ORDER BY time", "db")
    assert found["time"].cast("int64").to_pylist() == [low, 0, high]


def test_values_come_back_as_they_went_in(store: Store) -> None:
    text = 'm,t=\0 s="a\0b",i=-9223372036854775808i,u=18446744073709551615u,f=' + "9" * 400 + ",b=F 1"
    store.write(text, "db", "ns")
    (row,) = rows(store)
    assert row == {
        "t": "\0", "s": "a\0b", "i": -(2**63), "u": 2**64 - 1, "f": float("inf"), "b": False, "time": 1,
    }  # fmt: skip
    assert store.query_arrow("SELECT t, s, i, u, f, b FROM m", "db").to_pylist() == [
        {k: v for k, v in row.items() if k != "time"}
    ]
