"""Endpoints for databases, tables, caches and tokens (influxdb3_server/src/http.rs)."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from pe_kit.clock import as_ns
from pe_kit.duration import as_duration_ns
from pe_kit.errors import ClockError, DurationError, UsageError
from pe_kit.server.asking import Ask, Given, Reply, refused
from pe_kit.server.formats import FORMATS
from pe_kit.server.querying import result
from pe_kit.server.service import Routes, Service
from pe_kit.server.tokens import Tokens

__all__ = ["NO_TOKENS", "ROUTES", "TOKEN"]

ROUTES = Routes()
TOKEN = "/api/v3/configure/token"
NO_TOKENS = "endpoint disabled, started without auth"
_DATABASE, _TABLE = "/api/v3/configure/database", "/api/v3/configure/table"
_LAST, _DISTINCT = "/api/v3/configure/last_cache", "/api/v3/configure/distinct_cache"
_TYPES = ("utf8", "int64", "uint64", "float64", "bool")


@ROUTES.on("GET", _DATABASE)
def _list_databases(service: Service, ask: Ask) -> Reply:
    """All databases by name; with ``show_deleted`` the deleted ones too, after the others."""
    given = ask.by_query()
    form = FORMATS[given.choice("format", tuple(FORMATS))]
    live = sorted(service.engine.store.database_names())
    if not given.flag("show_deleted", False):
        return result(pa.table({"iox::database": pa.array(live, pa.string())}), form)
    gone = sorted(service.engine.store.catalog.state.deleted)
    flags = pa.array([False] * len(live) + [True] * len(gone))
    return result(pa.table({"iox::database": pa.array(live + gone, pa.string()), "deleted": flags}), form)


@ROUTES.on("POST", _DATABASE)
def _create_database(service: Service, ask: Ask) -> None:
    given = ask.by_json()
    service.engine.create_database(given.text("db"), retention_period=_period(given))


@ROUTES.on("PUT", _DATABASE)
def _update_database(service: Service, ask: Ask) -> None:
    """Another retention; none clears it."""
    given = ask.by_json()
    service.engine.set_retention(given.text("db"), _period(given))


def _period(given: Given) -> str | None:
    text: str | None = given.text("retention_period", None)
    try:
        as_duration_ns("0" if text is None else text)
    except DurationError:
        raise given.wrong(
            f"invalid value: string {json.dumps(text, ensure_ascii=False)}, expected a duration"
        ) from None
    return text


@ROUTES.on("DELETE", _DATABASE)
def _delete_database(service: Service, ask: Ask) -> None:
    given = ask.by_query()
    db = given.text("db")
    _check_deletion(given)
    service.engine.delete_database(db)


@ROUTES.on("POST", f"{_DATABASE}/retention_period")
def _set_retention(service: Service, ask: Ask) -> Reply:
    given = ask.by_query()
    db, duration = given.text("db"), given.text("duration")
    try:
        service.engine.set_retention(db, duration)
    except DurationError as error:
        reason = error.message.partition(" is not a duration: ")[2]
        raise refused(400, f"Cannot parse the given human time: {reason}") from None
    return Reply(204)


@ROUTES.on("DELETE", f"{_DATABASE}/retention_period")
def _clear_retention(service: Service, ask: Ask) -> Reply:
    service.engine.set_retention(ask.by_query().text("db"), None)
    return Reply(204)


@ROUTES.on("POST", _TABLE)
def _create_table(service: Service, ask: Ask) -> None:
    """A new table, and its database if need be."""
    given = ask.by_json()
    db, table, tags = given.text("db"), given.text("table"), given.texts("tags")
    fields = {field.text("name"): field.choice("type", _TYPES) for field in given.items("fields")}
    service.engine.create_table(db, table, tags, fields=fields)


@ROUTES.on("DELETE", _TABLE)
def _delete_table(service: Service, ask: Ask) -> None:
    given = ask.by_query()
    db, table = given.text("db"), given.text("table")
    _check_deletion(given)
    service.engine.delete_table(db, table)


def _check_deletion(given: Given) -> None:
    when = given.text("hard_delete_at", "default")
    if when not in ("never", "now", "default"):
        try:
            as_ns(when)
        except ClockError:
            raise refused(400, "Cannot parse the timestamp: input contains invalid characters") from None


@ROUTES.on("POST", _LAST)
def _create_last_cache(service: Service, ask: Ask) -> Reply:
    """A last-value cache; ``ttl`` in seconds."""
    given = ask.by_json()
    db, table, count = given.text("db"), given.text("table"), given.number("count", 1)
    if count == 0:
        raise given.wrong("last cache size must be greater than 0")
    options: dict[str, Any] = {
        "key_columns": given.texts("key_columns", None),
        "value_columns": given.texts("value_columns", None),
        "count": count,
        "ttl": given.number("ttl", 14_400),
    }
    name = service.engine.create_last_cache(db, table, name=given.text("name", None), **options)
    return Reply.of_json({"db": db, "table": table, "name": name, **options}, 201)


@ROUTES.on("POST", _DISTINCT)
def _create_distinct_cache(service: Service, ask: Ask) -> Reply:
    """A distinct-value cache; ``max_age`` in seconds."""
    given = ask.by_json()
    db, table, columns = given.text("db"), given.text("table"), given.texts("columns")
    options = {"max_cardinality": given.number("max_cardinality", 100_000), "max_age": given.number("max_age", 86_400)}
    if options["max_cardinality"] == 0:
        raise given.wrong("invalid value: integer `0`, expected a nonzero usize")
    name = service.engine.create_distinct_cache(db, table, columns, name=given.text("name", None), **options)
    return Reply.of_json({"db": db, "table": table, "name": name, "columns": columns, **options}, 201)


@ROUTES.on("DELETE", _LAST)
def _delete_last_cache(service: Service, ask: Ask) -> None:
    given = ask.by_either()
    service.engine.delete_last_cache(given.text("db"), given.text("table"), given.text("name"))


@ROUTES.on("DELETE", _DISTINCT)
def _delete_distinct_cache(service: Service, ask: Ask) -> None:
    given = ask.by_either()
    service.engine.delete_distinct_cache(given.text("db"), given.text("table"), given.text("name"))


def _tokens(service: Service) -> Tokens:
    if service.tokens is None:
        raise refused(405, NO_TOKENS)
    return service.tokens


@ROUTES.on("POST", f"{TOKEN}/admin")
def _create_operator(service: Service, _: Ask) -> Reply:
    """The operator's token: there is one since the start."""
    return Reply.of_json(_tokens(service).create("_admin"), 201, "json")


@ROUTES.on("POST", f"{TOKEN}/admin/regenerate")
def _regenerate_operator(service: Service, _: Ask) -> Reply:
    return Reply.of_json(_tokens(service).regenerate(), 201, "json")


@ROUTES.on("POST", f"{TOKEN}/named_admin")
def _create_token(service: Service, ask: Ask) -> Reply:
    tokens, given = _tokens(service), ask.by_json()
    return Reply.of_json(tokens.create(given.text("token_name"), given.number("expiry_secs", None)), 201, "json")


@ROUTES.on("DELETE", TOKEN)
def _delete_token(service: Service, ask: Ask) -> None:
    tokens = _tokens(service)
    tokens.delete(ask.by_query().text("token_name"))


@ROUTES.on("GET", "/pe/clock")
def _read_clock(service: Service, _: Ask) -> Reply:
    """The kit's own: what time it is in the engine."""
    engine = service.engine
    if not engine.is_virtual:
        raise refused(404, "Not found")
    return Reply.of_json({"now": engine.now.isoformat(), "now_ns": engine.now_ns})


@ROUTES.on("POST", "/pe/clock")
def _move_clock(service: Service, ask: Ask) -> Reply:
    """The kit's own: let virtual time pass, ``{"advance": "10m"}`` or ``{"advance_to": "2026-01-01T00:00:00Z"}``."""
    if not service.engine.is_virtual:
        raise refused(404, "Not found")
    given = ask.by_json()
    to = given.text("advance_to", None)
    try:
        outcome = service.engine.advance(given.text("advance")) if to is None else service.engine.advance_to(to)
    except UsageError as error:
        raise refused(400, error.message) from None
    seen = {"now": service.engine.now.isoformat(), "now_ns": service.engine.now_ns}
    return Reply.of_json({**seen, "runs": len(outcome.runs) + outcome.dropped_runs, "ok": outcome.ok})
