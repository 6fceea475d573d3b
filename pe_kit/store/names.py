"""What a database may be called: the strict rule of the HTTP face and the loose one that plugins meet."""

from __future__ import annotations

import re

from pe_kit.errors import InvalidNameError, json_body

__all__ = ["check_database_name", "check_http_database_name"]

_MAX_BYTES = 511
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,500}")
_INVALID = (
    "invalid character in database or rp name: must be ASCII, containing only letters, numbers, underscores, or hyphens"
)
_INVALID_RP = (
    "db name with invalid retention policy, if providing a retention policy name, must be of form '<db_name>/<rp_name>'"
)


def check_database_name(name: str) -> None:
    """Check a name as plugins may give it: any letters and digits, ``/``, ``_`` and ``-``.

    Raises:
        InvalidNameError: with the text of influxdb3_types/src/database_name.rs.
    """
    if _PLAIN.fullmatch(name):
        return
    if not 1 <= len(name.encode("utf-8", "surrogatepass")) <= _MAX_BYTES:
        raise InvalidNameError(f"database name {name} length must be between 1 and 511 characters")
    for index, char in enumerate(name):
        if not char.isalnum() and char not in "/_-":
            raise InvalidNameError(
                f"database name '{name}' contains invalid character, character number {index} is not allowed",
                mend=f"{char!r} cannot be in a database name: use letters, digits, '_' and '-'.",
            )


def check_http_database_name(name: str) -> None:
    """Check a name as ``create_database`` and writes from outside give it.

    Raises:
        InvalidNameError: with the text and JSON body of validate_db_name, influxdb3_server/src/http.rs.
    """
    if _PLAIN.fullmatch(name):
        return
    if not name:
        raise _refused("db name cannot be empty")
    if len(name.encode("utf-8", "surrogatepass")) > _MAX_BYTES:
        raise _refused("db name too long: max 511")
    if not name[0].isascii():
        raise _refused(_INVALID)
    if not name[0].isalnum():
        raise _refused("db name did not start with a number or letter")
    slashes = 0
    for char in name[1:]:
        slashes += char == "/"
        if slashes > 1:
            raise _refused(_INVALID_RP)
        if not (char.isascii() and (char.isalnum() or char in "/_-")):
            raise _refused(_INVALID)
    if name.endswith("/"):
        raise _refused(_INVALID_RP)


def _refused(message: str) -> InvalidNameError:
    return InvalidNameError(
        message,
        mend="A database name starts with an ASCII letter or digit and goes on with letters, digits, '_' and '-'.",
        body=json_body(message),
    )
