"""Rust's reading of semantic versions and version requirements (crate ``semver`` 1.0), with its error texts."""

from __future__ import annotations

import re

__all__ = ["SemverError", "check_requirement", "check_version"]

_PARTS = ("major version number", "minor version number", "patch version number")
_PRE, _BUILD = "pre-release identifier", "build metadata"
_OPERATOR = re.compile(r"(>=|<=|=|>|<|~|\^)?")
_DIGITS = re.compile(r"[0-9]*")
_IDENTIFIER = re.compile(r"[0-9A-Za-z.-]*")
_WILDCARDS = ("*", "x", "X")


class SemverError(ValueError):
    """A text that is no version or no requirement; says why, as the crate does."""


def check_version(text: str) -> None:
    """Check a version such as ``1.2.0-rc.1+build.7``.

    Raises:
        SemverError: it is none.
    """
    if not text:
        raise SemverError("empty string, expected a semver version")
    rest, where = text, _PARTS[0]
    for number, where in enumerate(_PARTS):
        if number:
            if not rest.startswith("."):
                before = _PARTS[number - 1]
                if rest:
                    raise SemverError(f"unexpected character {rest[0]!r} after {before}")
                raise SemverError(f"unexpected end of input while parsing {before}")
            rest = rest[1:]
        rest = _number(rest, where)
    rest, where = _suffixes(rest, where)
    if rest:
        raise SemverError(f"unexpected character {rest[0]!r} after {where}")


def check_requirement(text: str) -> None:
    """Check a requirement such as ``>=3.2.0, <4.0.0``, ``1.2`` (means ``^1.2``) or ``*``.

    Raises:
        SemverError: it is none.
    """
    rest = text.lstrip(" ")
    if rest.startswith(_WILDCARDS):
        after = rest[1:].lstrip(" ")
        if after.startswith(","):
            raise SemverError(f"wildcard req ({rest[0]}) must be the only comparator in the version req")
        if after:
            raise SemverError("unexpected character after wildcard in version req")
        return
    for _ in range(32):
        if rest.startswith(_WILDCARDS) and rest[1:].lstrip(" ")[:1] in ("", ","):
            raise SemverError(f"wildcard req ({rest[0]}) must be the only comparator in the version req")
        rest, where = _comparator(rest)
        if not rest:
            return
        if not rest.startswith(","):
            raise SemverError(f"expected comma after {where}, found {rest[0]!r}")
        rest = rest[1:].lstrip(" ")
    raise SemverError("excessive number of version comparators")


def _comparator(text: str) -> tuple[str, str]:
    operator = _OPERATOR.match(text)
    rest = text[operator.end() if operator else 0 :].lstrip(" ")
    where, wildcard, complete = _PARTS[0], False, False
    rest = _number(rest, where)
    for part in _PARTS[1:]:
        if not rest.startswith("."):
            break
        rest, where = rest[1:], part
        if rest.startswith(_WILDCARDS):
            rest, wildcard = rest[1:], True
        elif wildcard:
            raise SemverError("unexpected character after wildcard in version req")
        else:
            rest, complete = _number(rest, where), part == _PARTS[2]
    if complete:
        rest, where = _suffixes(rest, where)
    return rest.lstrip(" "), where


def _number(text: str, where: str) -> str:
    match = _DIGITS.match(text)
    digits = match[0] if match else ""
    if not digits:
        if text:
            raise SemverError(f"unexpected character {text[0]!r} while parsing {where}")
        raise SemverError(f"unexpected end of input while parsing {where}")
    if digits[0] == "0" and len(digits) > 1:
        raise SemverError(f"invalid leading zero in {where}")
    if int(digits) >= 2**64:
        raise SemverError(f"value of {where} exceeds u64::MAX")
    return text[len(digits) :]


def _suffixes(text: str, where: str) -> tuple[str, str]:
    for mark, kind in (("-", _PRE), ("+", _BUILD)):
        if text.startswith(mark):
            match = _IDENTIFIER.match(text, 1)
            found = match[0] if match else ""
            for segment in found.split("."):
                if not segment:
                    raise SemverError(f"empty identifier segment in {kind}")
                if kind == _PRE and segment.isdigit() and segment[0] == "0" and len(segment) > 1:
                    raise SemverError(f"invalid leading zero in {kind}")
            text, where = text[1 + len(found) :], kind
    return text, where
