"""What a learner has done, in one small readable file in the notebook's folder."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pe_kit.errors import UsageError
from pe_kit.fixtures.toml import to_toml

__all__ = ["FILE", "Done", "keep", "read"]

FILE = "workshop-progress.toml"
_HEAD = "# What pe-kit's exercise checker remembers. Delete an entry, or the file, to begin anew.\n\n"


@dataclass(frozen=True, slots=True)
class Done:
    """What was done of one exercise: attempts, checks passed the last time, hints shown by check, ever solved."""

    attempts: int = 0
    solved: bool = False
    passed: tuple[str, ...] = ()
    hints: Mapping[str, int] = field(default_factory=dict)


def read(folder: Path) -> dict[str, Done]:
    """Read the file; without one nothing has been done.

    Raises:
        UsageError: somebody has edited it so that it cannot be read.
    """
    path = folder / FILE
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        done = {n: Done(**row) for n, row in data.items()}
        return {n: replace(d, passed=tuple(d.passed), hints=dict(d.hints)) for n, d in done.items()}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, ValueError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}", mend="Mend it, or delete it to begin anew.") from None


def keep(folder: Path, number: str, done: Done) -> None:
    """Write the file with one entry changed, as a whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    entries = read(folder) | {number: done}
    rows = {
        n: {"attempts": d.attempts, "solved": d.solved, "passed": list(d.passed), "hints": dict(d.hints)}
        for n, d in sorted(entries.items())
    }
    part = folder / f".{FILE}.{os.getpid()}.part"
    part.write_text(_HEAD + to_toml(rows), encoding="utf-8")
    part.replace(folder / FILE)
