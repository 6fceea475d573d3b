"""Data made safe to look at: hidden characters shown, long text cut with a note, any object in one line."""

from __future__ import annotations

import math
import re
import reprlib
from itertools import islice
from typing import Any

__all__ = ["count", "lasting", "show", "show_object", "visible"]

_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_PICTURES = {i: chr(0x2400 + i) for i in range(32)} | {0x7F: "␡"}


def visible(text: str, limit: int = 200, *, lines: bool = False) -> str:
    """Show text that may hold anything.

    Control characters become their pictures (ESC is ``␛``), characters that turn or hide text become ``⟨U+202E⟩``.

    Args:
        text: anything, lone surrogates included.
        limit: characters of ``text`` that are kept; a note says how many are not.
        lines: keep line feeds and tabs as they are.
    """

    def name(match: re.Match[str]) -> str:
        char = match.group()
        if lines and char in "\n\t":
            return char
        return _PICTURES.get(ord(char)) or f"⟨U+{ord(char):04X}⟩"

    shown = _HIDDEN.sub(name, text[:limit])
    rest = len(text) - limit
    return f"{shown}… (+{rest:,} characters)" if rest > 0 else shown


class _Short(reprlib.Repr):
    """``repr`` that stops early and survives objects whose own ``__repr__`` raises."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = limit
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = self.maxdeque = max(
            12, limit // 40
        )
        self.maxlevel = 4

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """Show the keys in their order, which says more than a sorted one."""
        if level <= 0:
            return "{...}" if x else "{}"
        parts = [f"{self.repr1(k, level - 1)}: {self.repr1(v, level - 1)}" for k, v in islice(x.items(), self.maxdict)]
        return "{" + ", ".join(parts + ["..."] * (len(x) > self.maxdict)) + "}"

    def repr_instance(self, x: Any, level: int) -> str:
        try:
            text = repr(x)
        except Exception as error:
            return f"<{type(x).__name__} whose repr raises {type(error).__name__}>"
        return text if len(text) <= self.maxother else f"{text[: self.maxother]}…"


def show_object(value: Any, limit: int = 120) -> str:
    """Show a Python object as ``repr`` does, in one line; what is long is cut."""
    if isinstance(value, str | bytes) and len(value) > limit:
        unit = "characters" if isinstance(value, str) else "bytes"
        return f"{visible(repr(value[:limit]), limit * 4)}… (+{len(value) - limit:,} {unit})"
    try:
        text = _Short(limit).repr(value)
    except Exception as error:  # a container whose len() or iterator raises
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return visible(text, limit * 3)


def show(value: Any, limit: int = 120) -> str:
    """Show a value of a table: text without quotes, NaN as ``NaN``, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        return visible(value, limit)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else repr(float(value))
    return show_object(value, limit)


def count(number: int, noun: str) -> str:
    """``1 row``, ``1,234 rows``; a noun in -y or with its own plural is written ``entry/entries``."""
    one, _, many = noun.partition("/")
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def lasting(seconds: float) -> str:
    """Write a duration with three figures: ``420 µs``, ``4.20 ms``, ``1.20 s``, ``3 min 20 s``."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        ms = seconds * 1e3
        return f"{ms:.2f} ms" if ms < 10 else f"{ms:.1f} ms" if ms < 100 else f"{ms:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s"
