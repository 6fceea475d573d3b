"""The three write endpoints (influxdb3_server/src/http.rs, core/iox_http/src/write)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pe_kit.errors import InvalidNameError, ServerError, json_body
from pe_kit.lineprotocol.timestamps import as_precision
from pe_kit.server.asking import Ask, Reply, as_json, refused
from pe_kit.server.service import Routes, Service
from pe_kit.store.frames import as_payload
from pe_kit.store.refusal import write_buffer_text

if TYPE_CHECKING:
    from pe_kit.server.asking import Given

__all__ = ["ROUTES"]

ROUTES = Routes()
_CODES = {401: "unauthorized", 403: "forbidden", 404: "not found", 413: "request too large", 500: "internal error"}
_LEGACY = ("s", "second", "millisecond", "ms", "microsecond", "u", "us", "n", "nanosecond", "ns")


@ROUTES.on("POST", "/api/v3/write_lp")
def _write_v3(service: Service, ask: Ask) -> Reply:
    """Lines; the good ones are kept unless the caller wants all or none."""
    given = ask.by_query(missing="missing query parameter 'db'")
    db, precision = given.text("db"), given.text("precision", "auto")
    try:
        as_precision(precision)
    except ValueError as error:
        raise given.wrong(str(error)) from None
    partial, no_sync = given.flag("accept_partial", True), given.flag("no_sync", False)
    service.engine.write(ask.body, db, precision=precision, accept_partial=partial, no_sync=no_sync)
    return Reply(204)


@ROUTES.on("POST", "/api/v2/write")
def _write_v2(service: Service, ask: Ask) -> Reply:
    """The bucket is the database; all errors have a code."""
    try:
        given = _legacy(ask, "org/bucket")
        bucket, precision = given.text("bucket", ""), given.choice("precision", _LEGACY, "ns")
        if not bucket:
            raise refused(400, "missing bucket value")
        text = as_payload(ask.body)
    except ServerError as error:
        raise _with_code(error, error.message) from None
    try:
        service.engine.write(text, bucket, precision=precision)
        return Reply(204)
    except InvalidNameError as error:
        raise _with_code(error, error.message) from None
    except ServerError as error:
        raise _with_code(error, f"write buffer error: {write_buffer_text(error)}") from None


@ROUTES.on("POST", "/write")
def _write_v1(service: Service, ask: Ask) -> Reply:
    """A retention policy that has a name becomes part of the database's name."""
    try:
        given = _legacy(ask, "db")
        db, precision = given.text("db"), given.choice("precision", _LEGACY, "ns")
        policy = given.text("rp", "").lower()
    except ServerError as error:
        raise refused(400, error.message, json_body(error.message)) from None
    named = policy not in ("", "''", "autogen", "default")
    service.engine.write(ask.body, f"{db}/{policy}" if named else db, precision=precision)
    return Reply(204)


def _legacy(ask: Ask, where: str) -> Given:
    names = "db/rp/precision" if where == "db" else f"{where}/precision"
    return ask.by_query(f"no {where} destination provided", f"failed to deserialize {names} in request: ")


def _with_code(error: ServerError, text: str) -> ServerError:
    """The error as v2 answers it: with a code, and the status that belongs to the code."""
    code = _CODES.get(error.status, "invalid")
    status = 400 if code == "invalid" else error.status
    return refused(status, text, as_json({"code": code, "message": text}).decode())
