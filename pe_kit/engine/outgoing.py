"""Outgoing HTTP calls of plugins by urllib, requests and httpx.

They are failed on purpose, answered by the engine itself or from a record, or they go out and what comes is recorded.
"""

from __future__ import annotations

import asyncio
import builtins
import functools
import importlib.util
import inspect
import io
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import lru_cache
from http.client import responses
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pe_kit.engine.call import Call
from pe_kit.engine.ownserver import Asked, WouldHang
from pe_kit.engine.pluginclock import running_call
from pe_kit.engine.records import Exchange, Response

if TYPE_CHECKING:
    from pe_kit.plugins.snapshot import Snapshot

__all__ = ["NOT_HELD", "HttpSite"]

NOT_HELD = "no fixture can hold it"

_OF_THE_WIRE = {"content-encoding", "content-length", "transfer-encoding", "connection"}
_INJECTED = Response(500, {}, b"injected fault")
_FAILURES = {
    "timeout": ("ReadTimeout", "injected fault: timed out"),
    "refuse": ("ConnectionError", "injected fault: connection refused"),
}


def _joined(body: Any) -> bytes:
    if body is None or isinstance(body, bytes | bytearray | str):
        return body.encode() if isinstance(body, str) else bytes(body or b"")
    return b"".join(_joined(piece) for piece in (iter(body.read, b"") if hasattr(body, "read") else body))


def _urllib_request(request: Any, data: Any = None, *_: Any, **__: Any) -> Any:
    """What ``open`` makes of its arguments."""
    from urllib.request import Request

    if isinstance(request, str):
        return Request(request, data)
    if data is not None:
        request.data = data
    return request


def _urllib_asked(request: Any) -> Asked:
    return Asked(request.get_method(), request.full_url, dict(request.header_items()), _joined(request.data))


class _Wire:
    """What an HTTPResponse reads from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._content)


def _urllib_answer(request: Any, response: Response) -> Any:
    from http.client import HTTPResponse
    from urllib.error import HTTPError

    status, reason = response.status, responses.get(response.status, "")
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{k}: {v}" for k, v in response.headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(response.body)}", "", ""])
    answer = HTTPResponse(_Wire(head.encode("latin-1", "replace") + response.body))  # type: ignore[arg-type]
    answer.begin()
    answer.url = request.full_url
    if not 200 <= status < 300:
        raise HTTPError(answer.url, status, reason, answer.headers, answer)
    return answer


def _urllib_error(request: Any, name: str, text: str) -> Exception:
    from urllib.error import URLError

    named = {"ReadTimeout": TimeoutError, "ConnectionError": ConnectionRefusedError}
    kind = named.get(name) or getattr(builtins, name, None)
    return URLError(kind(text) if isinstance(kind, type) and issubclass(kind, OSError) else text)


def _requests_asked(request: Any) -> Asked:
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


def _requests_error(request: Any, name: str, text: str) -> Exception:
    import requests

    kind = getattr(requests.exceptions, name, requests.exceptions.ConnectionError)
    return kind(text, request=request)


def _httpx_asked(request: Any) -> Asked:
    return Asked(request.method, str(request.url), dict(request.headers), request.read())


def _httpx_answer(request: Any, response: Response) -> Any:
    import httpx

    headers = dict(response.headers)
    answer = httpx.Response(response.status, headers=headers, content=response.body, request=request)
    answer.elapsed = timedelta(0)
    return answer


def _httpx_error(request: Any, name: str, text: str) -> Exception:
    import httpx

    kind = getattr(httpx, name, None)
    known = isinstance(kind, type) and issubclass(kind, httpx.RequestError)
    return (kind if known else httpx.ConnectError)(text, request=request)  # type: ignore[misc]


def _taken(response: Any) -> Response:
    """What came, whatever the library, without what only the way there needed."""
    status = getattr(response, "status_code", None) or response.status
    body = response.content if hasattr(response, "content") else response.read()
    headers = {k: v for k, v in response.headers.items() if k.lower() not in _OF_THE_WIRE}
    return Response(int(status), headers, body)


@lru_cache(maxsize=256)
def _names(text: str, root: str | None) -> frozenset[str]:
    """The libraries that the source of a plugin speaks of."""
    files = [] if root is None else [p.read_text("utf-8", "replace") for p in Path(root).rglob("*.py")]
    return frozenset(name for name in ("urllib", "requests", "httpx") if any(name in one for one in (text, *files)))


class _Library(NamedTuple):
    """How one library sends: what is asked, an answer in its terms, and its failures."""

    module: str
    owner: str
    method: str
    asked: Callable[[Any], Asked]
    answer: Callable[[Any, Response], Any]
    error: Callable[[Any, str, str], Exception]


_LIBRARIES = (
    _Library("urllib.request", "OpenerDirector", "open", _urllib_asked, _urllib_answer, _urllib_error),
    _Library("requests.sessions", "Session", "send", _requests_asked, _requests_answer, _requests_error),
    _Library("httpx", "Client", "send", _httpx_asked, _httpx_answer, _httpx_error),
    _Library("httpx", "AsyncClient", "send", _httpx_asked, _httpx_answer, _httpx_error),
)
_sending: set[int] = set()  # threads with a call under way: a redirect passes the same place again


class HttpSite:
    """Watches the outgoing calls of plugins; patches a library once, when it is first needed."""

    current: Call | None = None
    """The call under way, in real time; in virtual time the plugin's clock knows it."""
    left: ClassVar[list[_Library]] = list(_LIBRARIES)

    @classmethod
    def patch(cls, code: Snapshot | None = None) -> None:
        """Put the watch into the libraries that are installed; outside plugin calls they work as ever.

        ``code``: a plugin; only the libraries that it names, or that are imported already.
        """
        for library in list(cls.left):
            name = library.module.partition(".")[0]
            if code is not None and name not in sys.modules and name not in _names(code.text, code.root):
                continue
            cls.left.remove(library)
            if importlib.util.find_spec(name) is not None:
                target = getattr(importlib.import_module(library.module), library.owner)
                setattr(target, library.method, cls._watched(getattr(target, library.method), library))

    @classmethod
    def _watched(cls, original: Callable[..., Any], library: _Library) -> Callable[..., Any]:
        @functools.wraps(original)
        def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            if library.answer is _urllib_answer:
                request = _urllib_request(request, *args, **kwargs)
            call, ident = cls._sender(request), get_ident()
            if call is None or ident in _sending:
                return original(self, request, *args, **kwargs)
            if (answer := _at_once(call, library, request)) is not None:
                return answer
            _sending.add(ident)
            try:
                response = original(self, request, *args, **kwargs)
            except Exception as error:
                if library.answer is not _urllib_answer or not hasattr(error, "code"):
                    _keep_error(call, request, error)
                    raise
                response = error  # urllib's way to give an answer
            finally:
                _sending.discard(ident)
            return _kept(call, library, request, response, kwargs.get("stream"))

        @functools.wraps(original)
        async def send_async(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            call = cls._sender(request)
            if call is None:
                return await original(self, request, *args, **kwargs)
            if (answer := _at_once(call, library, request)) is not None:
                return answer
            try:
                response = await original(self, request, *args, **kwargs)
            except Exception as error:
                _keep_error(call, request, error)
                raise
            return _kept(call, library, request, response, kwargs.get("stream"))

        return send_async if inspect.iscoroutinefunction(original) else send

    @classmethod
    def _sender(cls, request: Any) -> Call | None:
        """The plugin call that sends a request, None when none does or it is not HTTP."""
        return (running_call() or cls.current) if _url(request).startswith(("http://", "https://")) else None


def _url(request: Any) -> str:
    return str(getattr(request, "full_url", None) or request.url)


def _method(request: Any) -> str:
    return str(request.get_method() if hasattr(request, "get_method") else request.method)


def _at_once(call: Call, library: _Library, request: Any) -> Any:
    """The answer to a request that does not go out: a fault, the engine's own or a recorded one; None: it goes out."""
    runtime, dry, url = call.runtime, not isinstance(call, Call), _url(request)
    if runtime.faults and not dry:
        strike = runtime.faults.at("http", call.work.trigger.name, url, runtime.random)
        if strike is not None:
            call.faults.append(strike.text)
            if strike.fault == "500":
                return library.answer(request, _INJECTED)
            raise library.error(request, *_FAILURES[strike.fault])
    if runtime.clock.virtual and runtime.own.answers(url):
        try:
            return library.answer(request, _own(call, library.asked(request)))
        except WouldHang as why:
            call.notes.append(str(why))
            raise library.error(request, *_FAILURES["timeout"]) from None
    if runtime.answers is not None and (found := runtime.answers(_method(request), url)) is not None:
        call.exchanges.append(found)
        if found.error:
            name, _, text = found.error.partition(": ")
            raise library.error(request, name, text)
        return library.answer(request, Response(found.status, found.headers, found.body))
    return None


def _own(call: Call, asked: Asked) -> Response:
    """The engine's own answer; where an event loop runs, the other plugin has a thread, for a loop of its own."""
    answer = functools.partial(call.runtime.own.answer, call, asked)
    if asyncio._get_running_loop() is None:
        return answer()
    with ThreadPoolExecutor(1, thread_name_prefix="pe_kit own server") as pool:
        return pool.submit(answer).result()


def _keep_error(call: Call, request: Any, error: Exception) -> None:
    """Record a failure, type first; of urllib's the reason."""
    reason = getattr(error, "reason", error)
    call.exchanges.append(Exchange(_method(request), _url(request), error=f"{type(reason).__name__}: {reason}"))


def _kept(call: Call, library: _Library, request: Any, response: Any, streamed: bool | None) -> Any:
    """Record what came, and hand it on."""
    method, url = _method(request), _url(request)
    if streamed:
        call.notes.append(f"the answer to {method} {url:.80} was streamed: {NOT_HELD}")
        return response
    taken = _taken(response)
    call.exchanges.append(Exchange(method, url, taken.status, taken.headers, taken.body))
    if library.answer is not _urllib_answer:
        return response
    response.close()
    return library.answer(request, taken)
