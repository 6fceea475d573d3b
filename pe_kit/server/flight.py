"""The Flight face: ``DoGet`` with the JSON ticket that the official clients send (influxdb3_server/src/grpc.rs)."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from pyarrow import flight

from pe_kit.errors import PeKitError, QueryError, ServerError
from pe_kit.server.formats import plain
from pe_kit.server.querying import influxql_table
from pe_kit.server.service import Service
from pe_kit.server.tokens import Tokens

__all__ = ["FlightFace"]

NO_FLIGHT_SQL = (
    "Flight SQL commands are not part of pe-kit: send the JSON ticket "
    '{"database": ..., "sql_query": ..., "query_type": "sql"} that the InfluxDB 3 clients send'
)


class _Guard(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    """Asks every call for its token."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self._tokens = tokens

    def start_call(self, info: Any, headers: dict[str, list[str]]) -> None:
        given = next((values[0] for name, values in headers.items() if name.lower() == "authorization"), None)
        try:
            self._tokens.check(given.decode() if isinstance(given, bytes) else given)
        except ServerError:
            raise flight.FlightUnauthenticatedError("Unauthenticated") from None


class FlightFace(flight.FlightServerBase):  # type: ignore[misc]
    """Answers queries by Flight, on a port of its own behind the front."""

    def __init__(self, service: Service) -> None:
        guard = {} if service.tokens is None else {"tokens": _Guard(service.tokens)}
        super().__init__("grpc+tcp://127.0.0.1:0", middleware=guard)
        self._service = service

    def do_get(self, context: Any, ticket: flight.Ticket) -> flight.RecordBatchStream:
        """Run the query that a ticket holds."""
        del context
        table = plain(self._table(_read(ticket.ticket)))
        return flight.RecordBatchStream(pa.RecordBatchReader.from_batches(table.schema, table.to_batches()))

    def _table(self, asked: dict[str, Any]) -> pa.Table:
        engine = self._service.engine
        try:
            if asked.get("query_type") == "influxql":
                return influxql_table(engine, asked["sql_query"], asked["database"])
            return engine.query_arrow(asked["sql_query"], asked["database"], params=asked.get("params"))
        except QueryError as error:
            if error.stage == "database":
                raise KeyError(error.message) from None  # gRPC: not found
            raise pa.ArrowInvalid(f"Error while planning query: {error.message}") from None
        except ServerError as error:
            raise (pa.ArrowNotImplementedError if error.status == 405 else pa.ArrowInvalid)(error.message) from None
        except PeKitError as error:
            raise pa.ArrowInvalid(error.message) from None

    def get_flight_info(self, context: Any, descriptor: Any) -> Any:
        """Flight SQL begins here; it is not there."""
        del context, descriptor
        raise pa.ArrowNotImplementedError(NO_FLIGHT_SQL)

    def do_put(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        """Flight SQL's updates; they are not there."""
        del context, descriptor, reader, writer
        raise pa.ArrowNotImplementedError(NO_FLIGHT_SQL)

    def do_action(self, context: Any, action: Any) -> Any:
        """Flight SQL's prepared statements; they are not there."""
        del context, action
        raise pa.ArrowNotImplementedError(NO_FLIGHT_SQL)


def _read(ticket: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(ticket)
    except ValueError:
        raise pa.ArrowNotImplementedError(NO_FLIGHT_SQL) from None
    if not isinstance(asked, dict) or not all(isinstance(asked.get(k), str) for k in ("database", "sql_query")):
        raise pa.ArrowInvalid("Invalid ticket: it needs `database` and `sql_query`")
    if asked.get("query_type", "sql") not in ("sql", "influxql"):
        raise pa.ArrowInvalid(f"Invalid ticket: unknown query type {asked['query_type']!r}")
    return asked
