"""A plugin's code at one moment: read, compiled once, executed for each call (influxdb3_py_api/src/system_py.rs)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

from pe_kit.errors import PluginError, near_match
from pe_kit.plugins.entrypoints import ENTRY_POINTS, bound_entry_points

if TYPE_CHECKING:
    from pe_kit.plugins.source import PluginFolder

__all__ = ["Snapshot", "no_function", "python_files"]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A plugin's code at one moment.

    Attributes:
        filename: as the trigger names it. text: the source; of a folder, that of its ``__init__.py``.
        root: the folder of a multi-file plugin, None for a single file and for a dry run, which never imports.
    """

    filename: str
    text: str
    root: str | None
    folder: PluginFolder

    @cached_property
    def lines(self) -> list[str]:
        """The source, line by line, for tracebacks."""
        return self.text.splitlines()

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the content in hex; of a folder, of all its ``.py`` files."""
        digest = hashlib.sha256()
        if self.root is None:
            digest.update(self.text.encode())
        else:
            for path in python_files(Path(self.root)):
                digest.update(f"{path.relative_to(self.root).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The entry points that the source binds to plain functions, in the server's order."""
        return bound_entry_points(self.text)

    @cached_property
    def compiled(self) -> CodeType:
        """The source, compiled once.

        Raises:
            SyntaxError: as the server reports it, for the file ``<string>``.
            PluginError: the source holds a null byte.
        """
        if "\0" in self.text:
            raise PluginError("plugin code contains null bytes", mend="Save the file as UTF-8 text.")
        return compile(self.text.encode(), "<string>", "exec", dont_inherit=True)

    def load(self, entry: str) -> Callable[..., Any]:
        """Give the entry point, ready to be called.

        A single file is executed in a new namespace that holds nothing but ``__builtins__``: no global survives a
        call, there is no ``__file__``, and ``__name__`` is ``builtins``. A folder is imported as a package, once.

        Raises:
            PluginError: there is no such function, or the package cannot be imported.
            BaseException: whatever the module's own code raises.
        """
        if self.root is not None:
            return self.folder.load_package(Path(self.root), entry)
        namespace: dict[str, Any] = {}
        exec(self.compiled, namespace)
        if entry not in namespace:
            raise no_function(entry, self.functions, namespace)
        return namespace[entry]  # type: ignore[no-any-return]


def python_files(root: Path) -> Iterator[Path]:
    """Give the Python files of a folder plugin."""
    yield from sorted(p for p in root.rglob("*.py") if "__pycache__" not in p.parts and p.is_file())


def no_function(entry: str, functions: tuple[str, ...], namespace: Mapping[str, Any]) -> PluginError:
    """Say that code has no such entry point, and which it has."""
    there = functions or tuple(name for name in ENTRY_POINTS if name in namespace)
    mend = f"It defines {', '.join(there)}: is the trigger specification of the right kind? " if there else ""
    close = near_match(entry, [n for n, v in namespace.items() if callable(v) and not n.startswith("_")])
    if not there and close.startswith("Did you"):
        mend = close
    return PluginError(
        f"the {entry} function is not present in the plugin. Should be defined as: {ENTRY_POINTS[entry]}",
        mend=mend.strip(),
    )
