"""Who may ask: tokens, of which only hashes are kept.

Behaviour: influxdb3_authz/src/lib.rs and influxdb3_server/src/http.rs. All tokens of the Core edition are admin tokens.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass, replace
from typing import Any

from pe_kit.clock import as_text
from pe_kit.errors import ConflictError, NotFoundError, ServerError
from pe_kit.server.asking import refused
from pe_kit.types import Now

__all__ = ["Tokens"]

OPERATOR = "_admin"
MS = 1_000_000
_LATEST_NS = 253_402_300_799_000_000_000  # the last second of the year 9999: later ones cannot be written down
_MALFORMED = (
    "Authorization header was malformed, the request was not in the form of 'Authorization: <auth-scheme> <token>', "
    "supported auth-schemes are Bearer, Token and Basic"
)


@dataclass(frozen=True, slots=True)
class _Token:
    id: int
    name: str
    hash: str
    created_ns: int
    expires_ns: int | None


class Tokens:
    """The tokens of one server; the one it is started with is the operator's."""

    def __init__(self, token: str, now: Now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._all = {OPERATOR: _Token(0, OPERATOR, _hashed(token), now(), None)}
        self._ids = 0

    def check(self, header: str | None, password: str | None = None) -> None:
        """Let a request pass.

        Args:
            header: its Authorization header. password: the ``p`` of a v1 request, which goes before the header.

        Raises:
            ServerError: 401 without a valid token, 400 for a header that is none.
        """
        given = _token_of(header) if password is None and header is not None else password
        if given is None or not self.valid(given):
            text = "the request was not authenticated"
            raise refused(401, text, f'{{"error": "{text}"}}')

    def valid(self, token: str) -> bool:
        """Say whether a token exists and has not expired."""
        hashed, now = _hashed(token), self._now()
        with self._lock:
            known = list(self._all.values())
        found = [t for t in known if hmac.compare_digest(t.hash, hashed)]
        return any(t.expires_ns is None or t.expires_ns > now for t in found)

    def rows(self) -> list[tuple[object, ...]]:
        """Give the rows of ``system.tokens``; of a hash its beginning (influxdb3_system_tables/src/tokens.rs)."""
        with self._lock:
            known = list(self._all.values())
        return [
            (t.id, t.name, t.hash[:9], t.created_ns // MS, *[None] * 4, t.expires_ns and t.expires_ns // MS, "*:*:*")
            for t in known
        ]

    def create(self, name: str, expiry_seconds: int | None = None) -> dict[str, Any]:
        """Make a token; its text is in the result and nowhere else.

        Raises:
            ConflictError: the name is taken.
        """
        text, now = _new(), self._now()
        with self._lock:
            if name in self._all:
                raise ConflictError(f"token name already exists, {name}")
            self._ids += 1
            expires = None if expiry_seconds is None else min(now + expiry_seconds * 1_000_000_000, _LATEST_NS)
            self._all[name] = made = _Token(self._ids, name, _hashed(text), now, expires)
        return _shown(made, text)

    def regenerate(self) -> dict[str, Any]:
        """Replace the operator's token."""
        text = _new()
        with self._lock:
            made = self._all[OPERATOR] = replace(self._all[OPERATOR], hash=_hashed(text), created_ns=self._now())
        return _shown(made, text)

    def delete(self, name: str) -> None:
        """Delete a token.

        Raises:
            ServerError: (405) the operator's. NotFoundError: there is none.
        """
        if name == OPERATOR:
            raise ServerError("cannot delete operator token", status=405)
        with self._lock:
            if self._all.pop(name, None) is None:
                raise NotFoundError(f"the requested resource was not found: {name}")


def _new() -> str:
    return "apiv3_" + secrets.token_urlsafe(64)


def _hashed(token: str) -> str:
    return hashlib.sha512(token.encode()).hexdigest()


def _shown(token: _Token, text: str) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "token": text,
        "hash": token.hash,
        "created_at": as_text(token.created_ns),
        "expiry": None if token.expires_ns is None else as_text(token.expires_ns),
    }


def _token_of(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    if scheme in ("Bearer", "Token") and rest and " " not in rest:
        return rest
    if scheme == "Basic" and rest:
        try:
            _, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            colon = password = ""
        if colon and ":" not in password:
            return password
    raise refused(400, _MALFORMED, f'{{"error": "{_MALFORMED}"}}')
