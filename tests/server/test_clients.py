"""The official clients, as they are installed, against a served engine; no port or path is overridden."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import flight

from pe_kit import Engine

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the clients' own making
    from influxdb import InfluxDBClient
    from influxdb_client_3 import InfluxDBClient3, Point, WriteOptions, write_client_options
    from influxdb_client_3.exceptions import InfluxDB3ClientQueryError, InfluxDBError


@pytest.fixture
def official(real: Engine) -> Iterator[InfluxDBClient3]:
    served = real.serve(port=0, token="secret")
    with InfluxDBClient3(host=served.url, token="secret", database="d") as made:
        yield made


def test_points_and_lines_are_written_and_queried_as_arrow_pandas_and_polars(official: Any) -> None:
    official.write(Point("m").tag("host", "a").field("f", 1.5).field("i", 2).time(1_700_000_000_000_000_000))
    official.write("m,host=b f=2.5,i=3i 1700000001000000000")
    sql = "SELECT host, f, i FROM m ORDER BY host"
    arrow = official.query(sql)
    assert arrow.to_pylist() == [{"host": "a", "f": 1.5, "i": 2}, {"host": "b", "f": 2.5, "i": 3}]
    assert arrow.schema.types == [pa.string(), pa.float64(), pa.int64()]
    assert official.query(sql, mode="pandas")["f"].tolist() == [1.5, 2.5]
    frame = official.query(sql, mode="polars")
    assert isinstance(frame, pl.DataFrame)
    assert frame["i"].to_list() == [2, 3]


def test_parameters_are_bound(official: Any) -> None:
    official.write("m,host=a f=1\nm,host=b f=2")
    answer = official.query("SELECT f FROM m WHERE host = $host", query_parameters={"host": "b"})
    assert answer["f"].to_pylist() == [2.0]


def test_frames_are_written(official: Any, real: Engine) -> None:
    import pandas as pd

    frame = pd.DataFrame({"host": ["a", "b"], "f": [1.0, 2.0]}, index=pd.to_datetime([1, 2], unit="s", utc=True))
    official._write_api.write("d", record=frame, data_frame_measurement_name="m", data_frame_tag_columns=["host"])
    assert real.query("SELECT f FROM m ORDER BY time", "d")["f"].tolist() == [1.0, 2.0]


def test_batches_arrive_whole(real: Engine) -> None:
    url = real.serve(port=0).url
    options = write_client_options(write_options=WriteOptions(batch_size=50, flush_interval=100))
    with InfluxDBClient3(host=url, token="any", database="d", write_client_options=options) as client:
        for i in range(220):
            client.write(f"m f={i}i {i + 1}")
    assert real.query("SELECT count(f) AS n FROM m", "d")["n"].tolist() == [220]


def test_refusals_reach_the_caller_as_the_clients_own_errors(official: Any, real: Engine) -> None:
    with pytest.raises(InfluxDBError, match="No fields were provided"):
        official.write("m f=")
    with pytest.raises(InfluxDB3ClientQueryError, match="database not found: d"):
        official.query("SELECT 1")
    real.create_database("d")
    with pytest.raises(InfluxDB3ClientQueryError, match=r"table 'public\.iox\.nope' not found"):
        official.query("SELECT * FROM nope")
    with pytest.raises(InfluxDB3ClientQueryError, match="query with SQL instead"):
        official.query("SELECT f FROM m", language="influxql")
    assert official.get_server_version() == "3.10.0"


def test_influxql_shows_measurements_by_flight(official: Any) -> None:
    official.write("m f=1")
    assert official.query("SHOW MEASUREMENTS", language="influxql")["name"].to_pylist() == ["m"]


def test_a_wrong_token_is_refused_by_both_faces(real: Engine) -> None:
    url = real.serve(port=0, token="secret").url
    with InfluxDBClient3(host=url, token="wrong", database="d") as client:
        with pytest.raises(InfluxDBError, match="not authenticated"):
            client.write("m f=1")
        with pytest.raises(InfluxDB3ClientQueryError, match="Unauthenticated"):
            client.query("SELECT 1")


def test_flight_sql_is_answered_that_it_is_not_there(real: Engine) -> None:
    served = real.serve(port=0)
    with flight.FlightClient(f"grpc+tcp://127.0.0.1:{served.port}") as client:
        with pytest.raises(NotImplementedError, match="Flight SQL commands are not part of pe-kit"):
            client.get_flight_info(flight.FlightDescriptor.for_command(b"CommandStatementQuery"))
        with pytest.raises(NotImplementedError, match="send the JSON ticket"):
            client.do_get(flight.Ticket(b"\x0a\x00")).read_all()
        with pytest.raises(pa.ArrowInvalid, match="needs `database`"):
            client.do_get(flight.Ticket(b"{}")).read_all()


def test_the_client_of_influxdb_1_writes(real: Engine) -> None:
    served = real.serve(port=0, token="secret")
    client = InfluxDBClient(host="127.0.0.1", port=served.port, username="any", password="secret", database="d")
    client.write_points([{"measurement": "m", "tags": {"host": "a"}, "fields": {"f": 1.0}, "time": 5}])
    assert client.write_points(["m,host=b f=2 6"], protocol="line")
    assert real.query("SELECT f FROM m ORDER BY time", "d")["f"].tolist() == [1.0, 2.0]
    assert {"name": "d"} in client.get_list_database()
    client.close()
