"""Query endpoints and formats: influxdb3_server/src/http.rs, influxdb3/tests/server/query.rs."""

from __future__ import annotations

import io
import json
from pathlib import Path

import datafusion
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pe_kit import Engine
from pe_kit.errors import ServerError
from pe_kit.server.formats import encode, float_text

SQL = "/api/v3/query_sql"


@pytest.fixture
def filled(client: httpx.Client, engine: Engine) -> httpx.Client:
    engine.load('m,host=a f=1,i=2i,s="x,y",b=true 100\nm,host=b f=2.5 2000000000', "d", precision="ns")
    return client


@pytest.mark.parametrize(
    ("form", "content_type", "body"),
    [
        (
            "json",
            "application/json",
            '[{"b":true,"f":1.0,"host":"a","i":2,"s":"x,y","time":"1970-01-01T00:00:00.000000100"},'
            '{"f":2.5,"host":"b","time":"1970-01-01T00:00:02"}]',
        ),
        (
            "json_lines",
            "application/jsonl",
            '{"b":true,"f":1.0,"host":"a","i":2,"s":"x,y","time":"1970-01-01T00:00:00.000000100"}\n'
            '{"f":2.5,"host":"b","time":"1970-01-01T00:00:02"}\n',
        ),
        (
            "csv",
            "text/csv",
            'b,f,host,i,s,time\ntrue,1.0,a,2,"x,y",1970-01-01T00:00:00.000000100\n,2.5,b,,,1970-01-01T00:00:02\n',
        ),
        (
            "pretty",
            "text/plain; charset=utf-8",
            "+------+-----+------+---+-----+-------------------------------+\n"
            "| b    | f   | host | i | s   | time                          |\n"
            "+------+-----+------+---+-----+-------------------------------+\n"
            "| true | 1.0 | a    | 2 | x,y | 1970-01-01T00:00:00.000000100 |\n"
            "|      | 2.5 | b    |   |     | 1970-01-01T00:00:02           |\n"
            "+------+-----+------+---+-----+-------------------------------+",
        ),
    ],
)
def test_each_format_has_its_type_and_its_exact_body(
    filled: httpx.Client, form: str, content_type: str, body: str
) -> None:
    answer = filled.get(SQL, params={"db": "d", "q": "SELECT * FROM m ORDER BY time", "format": form})
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, content_type, body)


def test_parquet_comes_as_a_whole_file(filled: httpx.Client) -> None:
    answer = filled.post(SQL, json={"db": "d", "q": "SELECT f FROM m ORDER BY f", "format": "parquet"})
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert pq.read_table(io.BytesIO(answer.content))["f"].to_pylist() == [1.0, 2.5]


@pytest.mark.parametrize(("form", "body"), [("json", "[]"), ("jsonl", ""), ("csv", ""), ("pretty", "++\n++")])
def test_an_empty_result_has_its_own_form(filled: httpx.Client, form: str, body: str) -> None:
    assert filled.get(SQL, params={"db": "d", "q": "SELECT * FROM m WHERE f > 9", "format": form}).text == body


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml", "application/json"),
        ("application/json, */*;q=0.1", "application/json"),
    ],
)
def test_without_a_format_the_accept_header_decides(filled: httpx.Client, accept: str, kind: str) -> None:
    answer = filled.get(SQL, params={"db": "d", "q": "SELECT 1"}, headers={"accept": accept})
    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize("accept", ["image/png", "text/csv, text/plain", "application/jsonl", "application/json;q=1"])
def test_an_unknown_accept_header_is_refused_even_with_a_format(filled: httpx.Client, accept: str) -> None:
    """influxdb3_types/src/http.rs: the header is compared as a whole."""
    asked = {"db": "d", "q": "SELECT 1", "format": "csv"}
    answer = filled.get(SQL, params=asked, headers={"accept": accept})
    assert (answer.status_code, answer.text) == (400, f"invalid mime type ({accept})")


def test_an_unknown_format_is_answered_with_the_known_ones(filled: httpx.Client) -> None:
    known = "`parquet`, `csv`, `pretty`, `json`, `json_lines`, `jsonl`"
    answer = filled.get(SQL, params={"db": "d", "q": "SELECT 1", "format": "xml"})
    assert (answer.status_code, answer.text) == (400, f"serde error: unknown variant `xml`, expected one of {known}")


def test_parameters_that_are_no_values_are_refused_where_the_json_is_read(filled: httpx.Client) -> None:
    text = "JSON arrays are not supported as query parameters. Expected null, boolean, number, or string."
    asked = {"db": "d", "q": "SELECT $a"}
    for answer in (
        filled.post(SQL, json={**asked, "params": {"a": [1]}}),
        filled.get(SQL, params={**asked, "params": '{"a": [1]}'}),
    ):
        assert answer.status_code == 400
        assert answer.text.startswith(f"serde json error: {text} at line 1 column ")
    assert filled.get(SQL, params={**asked, "params": "1"}).text.startswith("serde json error: invalid type: integer")


def test_parameters_come_as_an_object_or_as_json_text(filled: httpx.Client) -> None:
    query = {"db": "d", "q": "SELECT f FROM m WHERE host = $host AND f < $most"}
    params = {"host": "a", "most": 5}
    by_post = filled.post(SQL, json={**query, "params": params})
    by_get = filled.get(SQL, params={**query, "params": json.dumps(params)})
    assert by_post.text == by_get.text == '[{"f":1.0}]'


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ("", 400, "missing query parameters 'db' and 'q'"),
        ("?db=d", 400, "serde error: missing field `q`"),
        ("?db=nope&q=SELECT%201", 404, '{"error":"query error: database not found: nope"}'),
    ],
)
def test_a_query_that_cannot_be_is_refused_in_the_servers_words(
    filled: httpx.Client, query: str, status: int, body: str
) -> None:
    answer = filled.get(SQL + query)
    assert (answer.status_code, answer.text) == (status, body)


def test_a_bad_statement_is_400_in_plain_text(filled: httpx.Client) -> None:
    answer = filled.get(SQL, params={"db": "d", "q": "SELECT * FROM nope"})
    assert answer.status_code == 400
    assert answer.text == "Error during planning: table 'public.iox.nope' not found"


def test_influxql_knows_two_statements_and_says_so(filled: httpx.Client) -> None:
    path = "/api/v3/query_influxql"
    assert filled.get(path, params={"q": "show databases"}).json() == [
        {"iox::database": "_internal"},
        {"iox::database": "d"},
    ]
    shown = filled.get(path, params={"db": "d", "q": "SHOW MEASUREMENTS"}).json()
    assert shown == [{"iox::measurement": "measurements", "name": "m"}]
    answer = filled.get(path, params={"db": "d", "q": "SELECT f FROM m"})
    assert answer.status_code == 405
    assert "query with SQL" in answer.text


def test_structs_lists_and_zones_are_written(filled: httpx.Client) -> None:
    q = (
        "SELECT selector_first(f, time) AS s, make_array(1, NULL, 3) AS l, "
        "arrow_cast(0, 'Timestamp(Millisecond, Some(\"+05:30\"))') AS z FROM m"
    )
    row = filled.get(SQL, params={"db": "d", "q": q}).text
    assert row == (
        '[{"s":{"value":1.0,"time":"1970-01-01T00:00:00.000000100"},"l":[1,null,3],"z":"1970-01-01T05:30:00+05:30"}]'
    )


def test_numbers_that_json_lacks_are_null_and_text_elsewhere() -> None:
    table = pa.table({"x": [float("nan"), float("inf"), 1e300, None, 0.1]})
    assert encode(table, "json") == b'[{"x":null},{"x":null},{"x":1.0e300},{},{"x":0.1}]'
    assert encode(table, "csv") == b'x\nNaN\ninf\n1e300\n""\n0.1\n'


VALUES = (
    *("1e300", "1e16", "1e15", "1e10", "1e9", "-123456789.5", "12345678901.5", "0.00001", "1.234e-5", "1e-6", "5e-324"),
    *("-0.0", "100.0", "arrow_cast(0.1, 'Float32')", "arrow_cast(1e13, 'Float32')", "arrow_cast(1e-6, 'Float32')"),
    *("interval '1 month 2 days 3 hours 4 minutes 5.5 seconds'", "interval '-1 day -61 seconds'", "interval '0 day'"),
    *("date '2020-01-01'", "time '12:34:56.5'", "arrow_cast(5, 'Time64(Nanosecond)')", "1.50::decimal(10, 3)"),
    *("arrow_cast(90061001, 'Duration(Millisecond)')", "arrow_cast(5, 'Timestamp(Second, Some(\"UTC\"))')", "x'ff00'"),
)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_values_are_spelled_as_the_arrow_writers_spell_them(form: str, tmp_path: Path) -> None:
    """DataFusion's own writers of files are the ones that the server answers with."""
    frame = datafusion.SessionContext().sql(f"SELECT {', '.join(f'{v} AS v{n}' for n, v in enumerate(VALUES))}")
    if form == "csv":
        frame.write_csv(tmp_path, with_header=True)
    else:
        frame.write_json(tmp_path)
    (written,) = tmp_path.iterdir()
    assert encode(frame.to_arrow_table(), form).decode() == written.read_text()


def test_maps_are_written_as_objects_and_csv_takes_nothing_nested(filled: httpx.Client) -> None:
    """The Arrow writers refuse it (arrow-csv/src/writer.rs, arrow-json/src/writer/encoder.rs)."""
    context = datafusion.SessionContext()
    table = context.sql("SELECT map {'a': 1.0, 'b\"': NULL, 'c': 2.5} AS m, map {1: 'x'} AS n").to_arrow_table()
    assert encode(table.select(["m"]), "json") == b'[{"m":{"a":1.0,"c":2.5}}]'
    assert encode(table, "pretty").decode().splitlines()[3] == '| {a: 1.0, b": , c: 2.5} | {1: x} |'
    with pytest.raises(ServerError, match="Only UTF8 keys supported by JSON MapArray Writer: got int64"):
        encode(table, "jsonl")
    answer = filled.get(SQL, params={"db": "d", "q": "SELECT selector_first(f, time) AS s FROM m", "format": "csv"})
    assert answer.status_code == 500
    assert "Nested type struct<" in answer.text
    empty = {"db": "d", "q": "SELECT make_array(f) AS l FROM m WHERE f > 9", "format": "csv"}
    assert (filled.get(SQL, params=empty).status_code, filled.get(SQL, params=empty).text) == (200, "")


def test_a_text_of_several_lines_is_drawn_on_several_lines() -> None:
    drawn = encode(pa.table({"a": ["x\nlonger", "y"], "b": [1, 2]}), "pretty").decode()
    assert drawn.splitlines()[3:] == ["| x      | 1 |", "| longer |   |", "| y      | 2 |", "+--------+---+"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_float_reads_back_as_the_same_number(value: float) -> None:
    assert float(float_text(value)) == value
    assert "+" not in float_text(value)


@given(
    st.lists(st.one_of(st.none(), st.text(), st.integers(-(2**63), 2**63 - 1)).filter(lambda v: v != ""), max_size=5)
)
def test_json_reads_back_as_the_rows_without_their_nulls(values: list[object]) -> None:
    texts = pa.array([None if v is None else str(v) for v in values], pa.string())
    rows = json.loads(encode(pa.table({"a": texts}), "json"))
    assert [row.get("a") for row in rows] == texts.to_pylist()
