"""All endpoints: which one answers a request (influxdb3_server/src/all_paths.rs)."""

from __future__ import annotations

from pe_kit.server import configuring, programming, querying, state, writing
from pe_kit.server.asking import refused
from pe_kit.server.programming import ENGINE_PREFIX, call_plugin
from pe_kit.server.service import Handler

__all__ = ["ROUTES", "handler_of"]

ROUTES = state.ROUTES | writing.ROUTES | querying.ROUTES | configuring.ROUTES | programming.ROUTES


def handler_of(method: str, path: str) -> Handler:
    """Find what answers.

    Raises:
        ServerError: (404) nothing does, or not by this method.
    """
    if path.startswith(ENGINE_PREFIX) and method in ("GET", "POST"):
        return call_plugin
    if (method, path) not in ROUTES:
        raise refused(404, "Not found")
    return ROUTES[method, path]
