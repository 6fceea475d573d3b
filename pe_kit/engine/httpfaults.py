"""Outgoing HTTP calls of plugins, refused, timed out or answered with 500: urllib, requests and httpx."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pe_kit.engine.call import Call

__all__ = ["HttpSite"]

_Fail = Callable[[str, Any], Any]


def _urllib(fault: str, request: Any) -> Any:
    import io
    import urllib.error
    from email.message import Message

    url = request if isinstance(request, str) else request.full_url
    if fault == "500":
        raise urllib.error.HTTPError(url, 500, "Internal Server Error", Message(), io.BytesIO(b"injected fault"))
    cause = TimeoutError("timed out") if fault == "timeout" else ConnectionRefusedError(111, "Connection refused")
    raise urllib.error.URLError(cause)


def _requests(fault: str, request: Any) -> Any:
    import requests

    if fault == "500":
        response = requests.Response()
        response.status_code, response.reason, response.url, response.request = (
            500,
            "injected fault",
            request.url,
            request,
        )
        response._content = b"injected fault"
        return response
    if fault == "timeout":
        raise requests.exceptions.ReadTimeout("injected fault: timed out", request=request)
    raise requests.exceptions.ConnectionError("injected fault: connection refused", request=request)


def _httpx(fault: str, request: Any) -> Any:
    import httpx

    if fault == "500":
        return httpx.Response(500, text="injected fault", request=request)
    if fault == "timeout":
        raise httpx.ReadTimeout("injected fault: timed out", request=request)
    raise httpx.ConnectError("injected fault: connection refused", request=request)


_TARGETS: tuple[tuple[str, str, str, _Fail], ...] = (
    ("urllib.request", "OpenerDirector", "open", _urllib),
    ("requests.sessions", "Session", "send", _requests),
    ("httpx", "Client", "send", _httpx),
)


class HttpSite:
    """Watches the outgoing calls of one plugin call at a time; patches the libraries once, when first used."""

    current: Call | None = None
    _patched: bool = False

    @classmethod
    def patch(cls) -> None:
        """Put the watch into the libraries that are installed; outside plugin calls they work as ever."""
        if cls._patched:
            return
        cls._patched = True
        for module, owner, method, fail in _TARGETS:
            if importlib.util.find_spec(module.split(".")[0]) is None:
                continue
            target = getattr(importlib.import_module(module), owner)
            setattr(target, method, cls._watched(getattr(target, method), fail))

    @classmethod
    def _watched(cls, original: Callable[..., Any], fail: _Fail) -> Callable[..., Any]:
        @functools.wraps(original)
        def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            call = cls.current
            if call is not None:
                runtime = call.runtime
                url = str(getattr(request, "full_url", None) or getattr(request, "url", request))
                rule = runtime.faults.at("http", call.work.trigger.name, url, runtime.random)
                if rule is not None:
                    call.faults.append(f"http: {rule.fault} ({url[:80]})")
                    return fail(rule.fault, request)
            return original(self, request, *args, **kwargs)

        return send
