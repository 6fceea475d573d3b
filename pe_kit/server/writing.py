"""The three write endpoints (influxdb3_server/src/http.rs, core/iox_http/src/write)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pe_kit.errors import ServerError
from pe_kit.server.asking import Ask, Reply, as_json, refused
from pe_kit.server.service import Service

if TYPE_CHECKING:
    from pe_kit.server.asking import Given

__all__ = ["write_v1", "write_v2", "write_v3"]

_CODES = {400: "invalid", 401: "unauthorized", 403: "forbidden", 404: "not found", 413: "request too large"}
_LEGACY = ("s", "ms", "us", "u", "ns", "n")


def write_v3(service: Service, ask: Ask) -> Reply:
    """``POST /api/v3/write_lp``."""
    given = ask.by_query(missing="missing query parameter 'db'")
    return _write(
        service,
        ask,
        given.text("db"),
        precision=given.text("precision", "auto"),
        accept_partial=given.flag("accept_partial", True),
        no_sync=given.flag("no_sync", False),
    )


def write_v2(service: Service, ask: Ask) -> Reply:
    """``POST /api/v2/write``: the bucket is the database."""
    try:
        given = ask.by_query(missing="no org/bucket destination provided")
        bucket = given.text("bucket", "")
        if not bucket:
            raise refused(400, "no org/bucket destination provided")
        options = _legacy(given)
    except ServerError as error:
        return _as_v2(error)
    return _write(service, ask, bucket, **options)


def write_v1(service: Service, ask: Ask) -> Reply:
    """``POST /write``: a retention policy that has a name becomes part of the database's name."""
    try:
        given = ask.by_query(missing="no db destination provided")
        db, policy = given.text("db"), given.text("rp", "").lower()
        options = _legacy(given)
    except ServerError as error:
        return _as_v2(error)
    named = policy not in ("", "''", "autogen", "default")
    return _write(service, ask, f"{db}/{policy}" if named else db, **options)


def _legacy(given: Given) -> dict[str, Any]:
    return {
        "precision": given.choice("precision", _LEGACY, "ns"),
        "accept_partial": given.flag("accept_partial", False),
        "no_sync": False,
    }


def _as_v2(error: ServerError) -> Reply:
    code = _CODES.get(error.status, "internal error")
    body = as_json({"code": code, "message": error.message.removeprefix("serde error: ")})
    return Reply(error.status, body, (("content-type", "application/json"),))


def _write(service: Service, ask: Ask, db: str, **options: Any) -> Reply:
    try:
        text = ask.body.decode()
    except UnicodeDecodeError as error:
        where = f"invalid utf-8 sequence of 1 bytes from index {error.start}"
        raise refused(400, f"body content is not valid utf8: {where}") from None
    service.engine.write(text, db, **options)
    return Reply(204)
