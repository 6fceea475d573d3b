"""A learner's folder: all notebooks and the exercises, copied without touching what the learner has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pe_kit.errors import UsageError
from pe_kit.notebook.runner import notebooks
from pe_kit.workshop.exercises import folders

__all__ = ["Copied", "lay_out"]


@dataclass(frozen=True, slots=True)
class Copied:
    """Which files, relative to the folder, were written, were there already, and were left because they differ."""

    written: tuple[str, ...]
    same: tuple[str, ...]
    kept: tuple[str, ...]


def lay_out(folder: Path) -> Copied:
    """Copy everything that a learner needs into a folder; a file that is there and differs stays as it is.

    Raises:
        UsageError: the folder cannot be written.
    """
    done: dict[str, list[str]] = {"written": [], "same": [], "kept": []}
    try:
        for name, source in _files():
            target, content = folder / name, source.read_bytes()
            if target.exists():
                done["same" if target.read_bytes() == content else "kept"].append(name)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            done["written"].append(name)
    except OSError as error:
        raise UsageError(f"{error.filename or folder} cannot be written: {error.strerror or error}") from None
    return Copied(**{name: tuple(names) for name, names in done.items()})


def _files() -> Iterator[tuple[str, Path]]:
    yield from sorted(notebooks().items())
    for number, path in folders().items():
        inner = (p for p in sorted(path.rglob("*")) if p.is_file() and "__pycache__" not in p.parts)
        yield from ((f"exercises/{number}/{p.relative_to(path).as_posix()}", p) for p in inner)
