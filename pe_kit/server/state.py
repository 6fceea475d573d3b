"""Endpoints that say who answers and how it is (influxdb3_server/src/http.rs)."""

from __future__ import annotations

import os
import secrets
import uuid

from pe_kit.server.asking import Ask, Reply
from pe_kit.server.service import VERSION, Routes, Service

__all__ = ["ROUTES"]

ROUTES = Routes()


@ROUTES.on("GET POST", "/ping")
def _ping(_: Service, _ask: Ask) -> Reply:
    number = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    headers = {
        "Request-Id": number,
        "X-Request-Id": number,
        "X-Influxdb-Build": "Core",
        "X-Influxdb-Version": VERSION,
    }
    process = str(uuid.UUID(int=os.getpid()))
    told = {"product_name": "InfluxDB 3 Core", "version": VERSION, "revision": "pe-kit", "process_id": process}
    reply = Reply.of_json(told)
    return Reply(200, reply.body, (*reply.headers, *headers.items()))


@ROUTES.on("GET", "/health")
@ROUTES.on("GET", "/api/v1/health")
def _health(_: Service, _ask: Ask) -> Reply:
    return Reply(200, b"OK", (("content-type", "text/plain; charset=utf-8"),))


@ROUTES.on("GET", "/metrics")
def _metrics(service: Service, _: Ask) -> Reply:
    lines = ["# HELP http_requests_total accumulated total requests", "# TYPE http_requests_total counter"]
    for (method, path, status), count in sorted(service.answered.items()):
        kind = "ok" if status < 400 else "client_error" if status < 500 else "server_error"
        lines.append(
            f'http_requests_total{{method="{method}",path="{path}",status="{kind}",status_code="{status}"}} {count}'
        )
    frame = service.engine.triggers
    for name, column in (("runs", "runs"), ("errors", "errors")):
        lines += [f"# TYPE pe_kit_trigger_{name}_total counter"] + [
            f'pe_kit_trigger_{name}_total{{database="{db}",trigger="{_escaped(trigger)}"}} {count}'
            for db, trigger, count in zip(frame["database"], frame["trigger_name"], frame[column], strict=True)
        ]
    text = "\n".join([*lines, "# EOF\n"])
    return Reply(200, text.encode(), (("content-type", "text/plain; version=0.0.4; charset=utf-8"),))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
