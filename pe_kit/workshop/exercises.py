"""Exercises on the disk: which there are, and what ``exercise.toml`` says."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pe_kit.errors import FixtureError, UsageError, near_match
from pe_kit.fixtures.files import read_text

__all__ = ["COMPARED", "Check", "Exercise", "folders", "load"]

COMPARED = ("writes", "warnings", "logs", "cache", "responses")
_PACKAGED = Path(__file__).parent / "exercises"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, what it does in words, what of a run it compares, and hints, the gentlest first."""

    name: str
    about: str
    hints: tuple[str, ...]
    compare: tuple[str, ...] = ("writes",)


@dataclass(frozen=True, slots=True)
class Exercise:
    """What ``exercise.toml`` says; see :mod:`pe_kit.workshop`. ``path`` is its folder."""

    number: str
    title: str
    checks: tuple[Check, ...]
    path: Path
    spec: str | None = None
    database: str = "workshop"
    arguments: Mapping[str, str] | None = None
    start: str = "2026-01-01T00:00:00Z"
    tolerances: Mapping[str, float] = field(default_factory=dict)


def folders(beside: Path | None = None) -> dict[str, Path]:
    """Give number -> folder of all exercises, sorted; those in ``beside/exercises`` go before the package's."""
    places = [_PACKAGED] if beside is None else [_PACKAGED, beside / "exercises"]
    found = {path.parent.name: path.parent for place in places for path in place.glob("*/exercise.toml")}
    return dict(sorted(found.items()))


def load(number: str, beside: Path | None = None) -> Exercise:
    """Read an exercise.

    Raises:
        UsageError: there is none of this number.
        FixtureError: its ``exercise.toml`` is not as it should be.
    """
    known = folders(beside)
    if number not in known:
        raise UsageError(f"there is no exercise {number!r}", mend=near_match(number, known, what="exercises"))
    path = known[number]
    where = path / "exercise.toml"
    try:
        data = tomllib.loads(read_text(path, "exercise.toml"))
        checks = tuple(_check(row) for row in data.pop("check"))
        exercise = Exercise(number=number, path=path, checks=checks, **data)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise FixtureError(f"{where}: {error}", mend="help(pe_kit.workshop) says what it may hold.") from None
    return exercise


def _check(row: Mapping[str, Any]) -> Check:
    cells: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    check = Check(**cells)
    if unknown := [name for name in check.compare if name not in COMPARED]:
        raise ValueError(f"check {check.name!r} compares {unknown}; there are {', '.join(COMPARED)}")
    if not check.hints:
        raise ValueError(f"check {check.name!r} has no hints")
    return check
