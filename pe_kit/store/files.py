"""What a data folder does to the disk, one function an operation, so that a test can stop at each of them.

Nothing counts as written before it is synced; a file that is replaced is replaced in one step.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

__all__ = [
    "append",
    "make_folder",
    "move",
    "open_append",
    "read",
    "remove",
    "sync",
    "sync_folder",
    "truncate",
    "write_new",
]

before: Callable[[str, Path, bytes], None] | None = None
"""Called with (operation, path, data) before each operation; what it raises stands for a failing disk."""


def _step(operation: str, path: Path, data: bytes = b"") -> None:
    if before is not None:
        before(operation, path, data)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, synced."""
    if not path.is_dir():
        make_folder(path.parent)
        _step("mkdir", path)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def open_append(path: Path) -> int:
    """Open a file to append to; it is made if need be."""
    _step("open", path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def append(fd: int, path: Path, data: bytes) -> None:
    """Append all of it."""
    _step("append", path, data)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync(fd: int, path: Path) -> None:
    """Wait until what was written is on the disk."""
    _step("fsync", path)
    os.fsync(fd)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(fd, path)
    finally:
        os.close(fd)


def truncate(path: Path, size: int) -> None:
    """Cut a file, synced."""
    _step("truncate", path)
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(fd, size)
        sync(fd, path)
    finally:
        os.close(fd)


def write_new(path: Path, data: bytes, folder_too: bool = True) -> None:
    """Write a whole file in one step: a crash leaves the old one or the new one. ``folder_too``: sync its name."""
    part = path.with_name(f".{path.name}.part")
    _step("create", part)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        append(fd, part, data)
        sync(fd, part)
    finally:
        os.close(fd)
    _step("rename", path)
    part.replace(path)
    if folder_too:
        sync_folder(path.parent)


def move(path: Path, to: Path) -> None:
    """Give a file another name in the same file system."""
    _step("rename", to)
    path.replace(to)


def remove(path: Path) -> None:
    """Remove a file that may be gone already."""
    _step("remove", path)
    path.unlink(missing_ok=True)


def read(path: Path) -> bytes:
    """Read a whole file."""
    return path.read_bytes()
