"""Where the words go: a server, through its HTTP API, or an Engine in this process. Both take the same requests."""

from __future__ import annotations

import json as jsonlib
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from pe_kit.errors import PartialWriteError, PeKitError, ServerError, UsageError

if TYPE_CHECKING:
    from pe_kit.engine.engine import Engine

__all__ = ["CONFIGURE", "Local", "Remote", "Target"]

CONFIGURE = "/api/v3/configure/"
_INSTALL = CONFIGURE + "plugin_environment/install_"

Query = Mapping[str, Any] | None


class Target(Protocol):
    """Answers requests of the server's API."""

    def send(
        self, method: str, path: str, *, query: Query = None, json: Any = None, body: bytes | None = None
    ) -> bytes:
        """Send a request and give the body of the answer.

        Raises:
            ServerError: the server refuses; the text is that of its own client, ``server responded with error ...``.
            PeKitError: it cannot be reached.
        """
        ...


def _refusal(status: int, body: str, mend: str = "") -> ServerError:
    try:
        code = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        code = str(status)
    return ServerError(f"server responded with error [{code}]: {body}", mend=mend, status=status, body=body)


class Remote:
    """A server, by its URL."""

    def __init__(self, host: str, token: str | None = None, ca: str | None = None, verify: bool = True) -> None:
        if urlsplit(host).scheme not in ("http", "https"):
            raise UsageError(f"{host!r} is no http(s) URL", mend="For example --host http://127.0.0.1:8181")
        self.host = host.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        handlers: list[Any] = [urllib.request.ProxyHandler({})] if _is_loopback(host) else []
        if self.host.startswith("https"):
            context = ssl.create_default_context(cafile=ca)
            if not verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def send(
        self, method: str, path: str, *, query: Query = None, json: Any = None, body: bytes | None = None
    ) -> bytes:
        """Send a request; see :class:`Target`."""
        headers = dict(self._headers)
        if json is not None:
            body, headers["Content-Type"] = jsonlib.dumps(json).encode(), "application/json"
        words = _encoded(query)
        url = self.host + path + (f"?{words}" if words else "")
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        try:
            with self._opener.open(request) as answer:  # no time limit: an install may take minutes
                return answer.read()  # type: ignore[no-any-return]
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read().decode("utf-8", "replace")) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise PeKitError(
                f"error sending request for url ({url}): {reason}",
                mend=f"Does a server listen at {self.host}? --host or INFLUXDB3_HOST_URL names another one.",
            ) from None


def _encoded(query: Query) -> str | None:
    words = {k: str(v).lower() if isinstance(v, bool) else v for k, v in (query or {}).items() if v is not None}
    return urlencode(words) or None


def _is_loopback(host: str) -> bool:
    return urlsplit(host).hostname in ("127.0.0.1", "localhost", "::1")


class Local:
    """An Engine of this process, through the same endpoints; what it refuses keeps the kit's advice."""

    def __init__(self, engine: Engine) -> None:
        from pe_kit.server.service import Service

        self.engine = engine
        self._service = Service(engine, None)

    def send(
        self, method: str, path: str, *, query: Query = None, json: Any = None, body: bytes | None = None
    ) -> bytes:
        """Do what a request asks; see :class:`Target`."""
        from pe_kit.server.asking import Ask, as_json
        from pe_kit.server.routes import handler_of

        headers = {} if json is None else {"content-type": "application/json"}
        body = body if json is None else as_json(json)
        try:
            if path.startswith(_INSTALL):
                return self._install(json)
            ask = Ask(method, path, _encoded(query), headers, body or b"")
            reply = handler_of(method, path)(self._service, ask)
        except PartialWriteError as error:
            raise _refusal(error.status, error.body, "\n".join(e.where() for e in error.errors[:5])) from None
        except ServerError as error:
            raise _refusal(error.status, error.body, error.mend) from None
        return reply.body if reply is not None else b""

    def _install(self, given: Mapping[str, Any]) -> bytes:
        """Say that an install failed, which the server does not."""
        words = ["-r", given["requirements_location"]] if "requirements_location" in given else given["packages"]
        done = self.engine.install_packages(words)
        if not done.ok:
            raise PeKitError(f"Install command failed: {done.problem}", mend="The server would answer 200.")
        return b""
