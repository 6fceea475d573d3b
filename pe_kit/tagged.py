"""Tagged JSON: Python values of a plugin's cache as plain text, and back. Nothing is pickled.

What JSON has stays as it is; everything else is an object with one key that begins with ``$``. A dict whose keys are
not all text, or one of which begins with ``$``, is written as pairs.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from pe_kit.errors import FixtureError

__all__ = ["TAGS", "Unwritable", "decode", "encode", "unwritable"]

Other: TypeAlias = "Callable[[Any], dict[str, Any] | None]"
Tags: TypeAlias = "Mapping[str, Callable[[Any], Any]]"

_DEEP = 60
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Unwritable:
    """Stands in for a value that cannot be written; knows the name of its type."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"<{self.kind}, which a fixture cannot hold>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unwritable) and other.kind == self.kind

    def __hash__(self) -> int:
        return hash(self.kind)


def encode(value: Any, depth: int = 0, other: Other | None = None) -> Any:
    """Turn a value into what JSON has; what cannot be written becomes ``{"$unwritable": type}``. Never raises.

    ``other`` may write what this module cannot: it gives an object with one key that begins with ``$``, or None.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        if kind is str and not _utf8(value):
            return {"$text": base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()}
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": "nan" if math.isnan(value) else str(value)}
    if depth > _DEEP:
        return {"$unwritable": f"{kind.__name__}, nested deeper than {_DEEP}"}
    if kind is list:
        return [encode(v, depth + 1, other) for v in value]
    if kind is dict:
        if all(type(k) is str and not k.startswith("$") and _utf8(k) for k in value):
            return {k: encode(v, depth + 1, other) for k, v in value.items()}
        return {"$dict": [[encode(k, depth + 1, other), encode(v, depth + 1, other)] for k, v in value.items()]}
    if kind is tuple:
        return {"$tuple": [encode(v, depth + 1, other) for v in value]}
    if kind in (set, frozenset):
        items = [encode(v, depth + 1, other) for v in value]
        return {f"${kind.__name__}": sorted(items, key=lambda item: json.dumps(item, sort_keys=True))}
    if kind in (bytes, bytearray):
        return {f"${kind.__name__}": base64.b64encode(value).decode()}
    if kind is datetime and (value.tzinfo is None or type(value.tzinfo) is timezone):
        return {"$datetime": value.isoformat()}
    if kind is date or (kind is time and value.tzinfo is None):
        return {f"${kind.__name__}": value.isoformat()}
    if kind is timedelta:
        return {"$timedelta": [value.days, value.seconds, value.microseconds]}
    if kind is Decimal:
        return {"$decimal": str(value)}
    if kind is complex:
        return {"$complex": [encode(value.real), encode(value.imag)]}
    found = other(value) if other is not None else None
    return found or {"$unwritable": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")}


def _utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def _bytes(kind: type) -> Callable[[Any], Any]:
    return lambda text: kind(base64.b64decode(text, validate=True))


TAGS: dict[str, Callable[[Any], Any]] = {
    "$float": lambda text: _FLOATS[text],
    "$text": lambda text: base64.b64decode(text, validate=True).decode("utf-8", "surrogatepass"),
    "$dict": dict,
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
    "$bytes": _bytes(bytes),
    "$bytearray": _bytes(bytearray),
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$timedelta": lambda parts: timedelta(*parts),
    "$decimal": Decimal,
    "$complex": lambda parts: complex(*parts),
    "$unwritable": lambda kind: Unwritable(str(kind)),
}


_HOLDERS = ("$dict", "$tuple", "$set", "$frozenset", "$complex")


def decode(data: Any, tags: Tags = TAGS) -> Any:
    """Turn what :func:`encode` gave back into the value; what could not be written is an :class:`Unwritable`.

    Args:
        data: what JSON gave.
        tags: tag -> what reads it; those of this module unless given.

    Raises:
        FixtureError: an unknown tag, or a value that does not fit its tag.
    """
    if isinstance(data, list):
        return [decode(item, tags) for item in data]
    if not isinstance(data, dict):
        return data
    tag = next((k for k in data if k.startswith("$")), None)
    if tag is None:
        return {k: decode(v, tags) for k, v in data.items()}
    read = tags.get(tag)
    if read is None or len(data) != 1:
        raise FixtureError(f"tagged JSON has no {tag!r}", mend=f"The tags are {', '.join(tags)}.")
    held = decode(data[tag], tags) if tag in _HOLDERS else data[tag]
    try:
        return read(held)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError, InvalidOperation) as error:
        raise FixtureError(f"{data[tag]!r} does not fit the tag {tag!r}: {error}") from None


def unwritable(data: Any) -> list[str]:
    """Name the types of what could not be written in encoded data."""
    if isinstance(data, list):
        return [name for item in data for name in unwritable(item)]
    if isinstance(data, dict):
        if "$unwritable" in data:
            return [str(data["$unwritable"])]
        return [name for item in data.values() for name in unwritable(item)]
    return []
