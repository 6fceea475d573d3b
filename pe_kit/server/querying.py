"""The query endpoints: SQL in full, of InfluxQL the two statements that clients look around with."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pe_kit.errors import DatabaseNotFoundError, QueryError
from pe_kit.server.asking import Ask, Given, Reply, refused
from pe_kit.server.formats import CONTENT_TYPES, FORMATS, encode
from pe_kit.server.service import Routes, Service

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["ROUTES", "influxql_table", "result"]

ROUTES = Routes()
NO_INFLUXQL = "InfluxQL is not part of pe-kit, except SHOW DATABASES and SHOW MEASUREMENTS: query with SQL instead"
_ACCEPTED = {
    "": "json",
    "application/json": "json",
    "text/csv": "csv",
    "text/plain": "pretty",
    "application/vnd.apache.parquet": "parquet",
}


@ROUTES.on("GET POST", "/api/v3/query_sql")
def _query_sql(service: Service, ask: Ask) -> Reply:
    accepted, given = _accepted(ask), _given(ask)
    db, sql, form, params = given.text("db"), given.text("q"), _format(given, accepted), _params(given, ask)
    return result(service.engine.query_arrow(sql, db, params=params), form)


@ROUTES.on("GET POST", "/api/v3/query_influxql")
def _query_influxql(service: Service, ask: Ask) -> Reply:
    accepted, given = _accepted(ask), _given(ask)
    return result(influxql_table(service.engine, given.text("q"), given.text("db", None)), _format(given, accepted))


@ROUTES.on("GET POST", "/query")
def _query_v1(service: Service, ask: Ask) -> Reply:
    """The same two statements in the form of InfluxDB 1."""
    form = Ask("GET", ask.path, ask.body.decode("utf-8", "replace"), ask.headers) if not ask.query else ask
    given = form.by_query(missing="missing query parameters 'db' and 'q'")
    table = influxql_table(service.engine, given.text("q"), given.text("db", None))
    name = "databases" if table.column_names[0] == "iox::database" else "measurements"
    values = [[value] for value in table.column(table.num_columns - 1).to_pylist()]
    series = [{"name": name, "columns": ["name"], "values": values}] if values else None
    statement: dict[str, Any] = {"statement_id": 0} | ({"series": series} if series else {})
    return Reply.of_json({"results": [statement]})


def result(table: pa.Table, form: str) -> Reply:
    """A table in one of the formats."""
    return Reply(200, encode(table, form), (("content-type", CONTENT_TYPES[form]),))


def influxql_table(engine: Engine, text: str, db: str | None) -> pa.Table:
    """Answer one InfluxQL statement.

    Raises:
        ServerError: (405) it is not one of the two. DatabaseNotFoundError: no such database.
    """
    words = re.sub(r"\s+", " ", text.strip().rstrip(";")).strip().upper()
    if words == "SHOW DATABASES":
        return pa.table({"iox::database": pa.array(sorted(engine.store.database_names()), pa.string())})
    if words == "SHOW MEASUREMENTS":
        if not db:
            raise refused(400, "must provide a database name, e.g., via the 'db' parameter")
        if not engine.store.has_database(db):
            raise DatabaseNotFoundError(
                f"database not found: {db}", body=json.dumps({"error": f"query error: database not found: {db}"})
            )
        names = sorted(engine.store.table_names(db))
        kinds = pa.array(["measurements"] * len(names), pa.string())
        return pa.table({"iox::measurement": kinds, "name": pa.array(names, pa.string())})
    raise refused(405, NO_INFLUXQL)


def _given(ask: Ask) -> Given:
    if ask.method == "GET":
        return ask.by_query(missing="missing query parameters 'db' and 'q'")
    return ask.by_json(check_type=False)


def _accepted(ask: Ask) -> str:
    """The format that the Accept header names: it is compared whole, and looked at even when a format is given."""
    accept = ask.headers.get("accept", "")
    if accept in _ACCEPTED:
        return _ACCEPTED[accept]
    if "text/html" in accept or "*/*" in accept:
        return "json"
    raise refused(400, f"invalid mime type ({accept})")


def _format(given: Given, accepted: str) -> str:
    named = given.choice("format", tuple(FORMATS), None)
    return accepted if named is None else FORMATS[named]


def _params(given: Given, ask: Ask) -> dict[str, Any] | None:
    from pe_kit.store.sql import as_scalars

    if ask.method == "GET" and (text := given.text("params", None)) is not None:  # JSON within the query string
        given = Ask("POST", ask.path, None, {}, f'{{"params":{text}}}'.encode()).by_json(check_type=False)
    elif ask.method == "GET":
        return None
    values: dict[str, Any] | None = given.map("params", None)
    try:
        as_scalars(values)
    except QueryError as error:
        raise given.wrong(error.message) from None
    return values
