"""Outgoing HTTP calls of plugins by urllib, requests and httpx: failed on purpose, or answered by the engine itself."""

from __future__ import annotations

import functools
import importlib.util
import io
import sys
from collections.abc import Callable
from http.client import responses
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pe_kit.engine.outcome import Response
from pe_kit.engine.ownserver import Asked, WouldHang

if TYPE_CHECKING:
    from pe_kit.engine.call import Call

__all__ = ["HttpSite"]

_INJECTED = Response(500, {}, b"injected fault")


def _joined(body: Any) -> bytes:
    if body is None or isinstance(body, bytes | bytearray | str):
        return body.encode() if isinstance(body, str) else bytes(body or b"")
    return b"".join(_joined(piece) for piece in (iter(body.read, b"") if hasattr(body, "read") else body))


def _urllib_asked(request: Any, data: Any = None, *_: Any) -> Asked:
    if isinstance(request, str):
        return Asked("GET" if data is None else "POST", request, {}, _joined(data))
    body = _joined(request.data if data is None else data)
    return Asked(request.get_method(), request.full_url, dict(request.header_items()), body)


def _urllib_answer(request: Any, response: Response) -> Any:
    import urllib.error
    import urllib.response
    from email.message import Message

    url, headers = request if isinstance(request, str) else request.full_url, Message()
    for name, value in response.headers.items():
        headers[name] = value
    text = responses.get(response.status, "")
    if not 200 <= response.status < 300:
        raise urllib.error.HTTPError(url, response.status, text, headers, io.BytesIO(response.body))
    answer = urllib.response.addinfourl(io.BytesIO(response.body), headers, url, response.status)
    answer.msg = answer.reason = text  # type: ignore[attr-defined]
    return answer


def _urllib_failed(request: Any, timeout: bool) -> Any:
    import urllib.error

    cause = TimeoutError("timed out") if timeout else ConnectionRefusedError(111, "Connection refused")
    raise urllib.error.URLError(cause)


def _requests_asked(request: Any, *_: Any) -> Asked:
    return Asked(request.method, request.url, dict(request.headers), _joined(request.body))


def _requests_answer(request: Any, response: Response) -> Any:
    import requests

    answer = requests.Response()
    answer.status_code, answer.url, answer.request = response.status, request.url, request
    answer.reason = "injected fault" if response is _INJECTED else responses.get(response.status, "")
    answer.headers.update(response.headers)
    answer.encoding = requests.utils.get_encoding_from_headers(answer.headers)
    answer._content, answer.raw = response.body, io.BytesIO(response.body)
    return answer


def _requests_failed(request: Any, timeout: bool) -> Any:
    import requests

    if timeout:
        raise requests.exceptions.ReadTimeout("injected fault: timed out", request=request)
    raise requests.exceptions.ConnectionError("injected fault: connection refused", request=request)


def _httpx_asked(request: Any, *_: Any) -> Asked:
    return Asked(request.method, str(request.url), dict(request.headers), request.read())


def _httpx_answer(request: Any, response: Response) -> Any:
    import httpx

    return httpx.Response(response.status, headers=dict(response.headers), content=response.body, request=request)


def _httpx_failed(request: Any, timeout: bool) -> Any:
    import httpx

    if timeout:
        raise httpx.ReadTimeout("injected fault: timed out", request=request)
    raise httpx.ConnectError("injected fault: connection refused", request=request)


class _Library(NamedTuple):
    """How one library sends: what is asked, an answer in its terms, and its failures."""

    module: str
    owner: str
    method: str
    asked: Callable[..., Asked]
    answer: Callable[[Any, Response], Any]
    failed: Callable[[Any, bool], Any]


_LIBRARIES = (
    _Library("urllib.request", "OpenerDirector", "open", _urllib_asked, _urllib_answer, _urllib_failed),
    _Library("requests.sessions", "Session", "send", _requests_asked, _requests_answer, _requests_failed),
    _Library("httpx", "Client", "send", _httpx_asked, _httpx_answer, _httpx_failed),
)


class HttpSite:
    """Watches the outgoing calls of one plugin call at a time; patches a library once, when it is first needed."""

    current: Call | None = None
    _left: ClassVar[list[_Library]] = list(_LIBRARIES)

    @classmethod
    def patch(cls, text: str | None = None) -> None:
        """Put the watch into the libraries that are installed; outside plugin calls they work as ever.

        ``text``: a plugin's source; only the libraries that it names, or that are imported already.
        """
        for library in list(cls._left):
            name = library.module.partition(".")[0]
            if text is not None and name not in text and name not in sys.modules:
                continue
            cls._left.remove(library)
            if importlib.util.find_spec(name) is not None:
                target = getattr(importlib.import_module(library.module), library.owner)
                setattr(target, library.method, cls._watched(getattr(target, library.method), library))

    @classmethod
    def _watched(cls, original: Callable[..., Any], library: _Library) -> Callable[..., Any]:
        @functools.wraps(original)
        def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            call = cls.current
            if call is None:
                return original(self, request, *args, **kwargs)
            runtime = call.runtime
            url = str(getattr(request, "full_url", None) or getattr(request, "url", request))
            if runtime.faults:
                rule = runtime.faults.at("http", call.work.trigger.name, url, runtime.random)
                if rule is not None:
                    call.faults.append(f"http: {rule.fault} ({url[:80]})")
                    if rule.fault == "500":
                        return library.answer(request, _INJECTED)
                    return library.failed(request, rule.fault == "timeout")
            if not (runtime.clock.virtual and runtime.own.answers(url)):
                return original(self, request, *args, **kwargs)
            try:
                answer = runtime.own.answer(call, library.asked(request, *args))
            except WouldHang as why:
                call.notes.append(str(why))
                return library.failed(request, True)
            return library.answer(request, answer)

        return send
