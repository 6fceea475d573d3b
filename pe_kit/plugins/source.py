"""Where plugin code comes from: a file below the plugin folder, a folder with ``__init__.py``, or ``gh:`` a repository.

A file is compiled once per content and executed anew for every call; a folder is imported once, like any package
(influxdb3_py_api/src/system_py.rs). A changed file is picked up at the next call
(influxdb3_processing_engine/src/lib.rs).
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from threading import RLock
from types import ModuleType
from typing import Any, Literal, NamedTuple

from pe_kit.errors import PluginError, UsageError, near_match
from pe_kit.plugins.repository import PREFIX, Fetched, Repository
from pe_kit.plugins.snapshot import Snapshot, no_function, python_files

__all__ = ["PluginFile", "PluginFolder", "PluginSource"]

_LOCK = RLock()
_owners: dict[str, PluginFolder] = {}  # top-level module name -> the folder whose package sys.modules holds


class PluginFile(NamedTuple):
    """One row of ``system.plugin_files``; ``plugin_name`` is the trigger, ``last_modified`` in ms since the epoch."""

    plugin_name: str
    file_name: str
    file_path: str
    size_bytes: int
    last_modified: int


class PluginSource:
    """One plugin of a folder; gives its code as it is now. ``note`` is what its runs say about where it came from."""

    note = ""

    def __init__(self, folder: PluginFolder, filename: str, path: Path) -> None:
        self.filename = filename
        self.path = path
        self.kind: Literal["file", "directory"] = "directory" if path.is_dir() else "file"
        self._folder = folder
        self._file = path / "__init__.py" if self.kind == "directory" else path
        self._seen: tuple[int, int, int] | None = None
        self._snapshot = self._read()

    def snapshot(self) -> Snapshot:
        """The code as it is now; the last good code when the file has become unreadable."""
        with suppress(OSError, PluginError):
            if self._stat() != self._seen:
                self._snapshot = self._read()
        return self._snapshot

    def code(self) -> str:
        """The source text as it is now."""
        return self.snapshot().text

    def _stat(self) -> tuple[int, int, int]:
        stat = os.stat(self._file)
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self) -> Snapshot:
        try:
            with _io_errors():
                seen, text = self._stat(), self._file.read_bytes().decode()
        except UnicodeDecodeError:
            raise PluginError(
                "reading plugin file: stream did not contain valid UTF-8", mend=f"Save {self.filename} as UTF-8."
            ) from None
        self._seen = seen
        return Snapshot(self.filename, text, str(self.path) if self.kind == "directory" else None, self._folder)


class FetchedSource(PluginSource):
    """A file of a repository, as it was when it was fetched: never read again while its trigger runs."""

    def __init__(self, folder: PluginFolder, filename: str, fetched: Fetched) -> None:
        self.note = fetched.note
        super().__init__(folder, filename, fetched.path)
        self._snapshot = Snapshot(filename, fetched.text, None, folder)

    def snapshot(self) -> Snapshot:
        """The code as it was fetched."""
        return self._snapshot


class PluginFolder:
    """The plugin folder of one engine: finds, writes and imports plugins. The folder is made when it is not there.

    Attributes:
        repository: where ``gh:`` paths lead. held: texts of ``gh:`` paths that are known already, for a rebuilt past.
        home: the folder that plugins take for theirs; in a rebuilt past the first one, with the files beside the code.
    """

    def __init__(self, path: str | os.PathLike[str], repository: str | Path | None = None) -> None:
        self.path = Path(path).absolute()
        self.path.mkdir(parents=True, exist_ok=True)
        self.home = self.path
        self.repository = Repository(repository, self.path / ".fetched")
        self.held: dict[str, str] = {}
        self._sources: dict[str, PluginSource] = {}
        self._packages: dict[str, dict[str, ModuleType]] = {}

    def resolve(self, filename: str) -> PluginSource:
        """Give the plugin that a running trigger names; once found it stays, even when its file is deleted.

        Raises:
            PluginError: as :meth:`find`.
        """
        return self._sources.get(filename) or self.find(filename)

    def find(self, filename: str) -> PluginSource:
        """Look a plugin up on the disk, as the server does when a trigger is made or started.

        Raises:
            PluginError: there is none, it is a folder without ``__init__.py``, or the name leads out of the folder.
        """
        if isinstance(filename, str) and filename.startswith(PREFIX):
            source = self._sources[filename] = FetchedSource(self, filename, self._fetch(filename))
            return source
        path = self._inside(filename)
        if not path.exists():
            names = self.names()
            raise PluginError(
                f"reading plugin file: Plugin not found: {path}",
                mend=near_match(filename, names)
                if names
                else "The plugin folder is empty; engine.write_plugin adds one.",
            )
        if path.is_dir() and not (path / "__init__.py").is_file():
            raise PluginError(
                f"reading plugin file: Multi-file plugin directory must contain __init__.py: {path}",
                mend="Add an __init__.py that defines or imports the function, or name a file in the folder.",
            )
        found = self._sources[filename] = PluginSource(self, filename, path)
        return found

    def _fetch(self, filename: str) -> Fetched:
        if filename not in self.held:
            return self.repository.fetch(filename.removeprefix(PREFIX))
        path = self.path / ".fetched" / "held" / filename.removeprefix(PREFIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.held[filename], encoding="utf-8", newline="")
        return Fetched(self.held[filename], path, "")

    def fetched(self) -> dict[str, str]:
        """The texts of the ``gh:`` paths in use."""
        return {name: source.code() for name, source in self._sources.items() if name.startswith(PREFIX)}

    def names(self) -> list[str]:
        """The plugins in the folder: ``.py`` files and folders with ``__init__.py``, which are not looked into."""
        found: list[str] = []
        for base, folders, files in os.walk(self.path):
            here = Path(base).relative_to(self.path)
            if "__init__.py" in files and Path(base) != self.path:
                found.append(here.as_posix())
                folders.clear()
                continue
            folders[:] = [f for f in folders if not f.startswith(".") and f not in ("__pycache__", "venv")]
            found += [(here / f).as_posix() for f in files if f.endswith(".py") and not f.startswith(".")]
        return sorted(found)

    def files_of(self, trigger: str, filename: str) -> list[PluginFile]:
        """The files of a trigger's plugin; of a folder all ``.py`` files, named from that folder on."""
        try:
            path = self._inside(filename)
        except PluginError:
            return []
        rows = []
        for file in python_files(path) if path.is_dir() else [path]:
            name = filename if file is path else file.relative_to(path).as_posix()
            with suppress(OSError):
                stat = file.stat()
                rows.append(PluginFile(trigger, name, str(file), stat.st_size, stat.st_mtime_ns // 1_000_000))
        return rows

    def write(self, filename: str, source: str) -> Path:
        """Write a plugin file: in one step, so that no call sees half of it; missing folders are made.

        Raises:
            PluginError: the name leads out of the folder or is that of a folder. UsageError: the source is not text.
        """
        path = self._inside(filename)
        if not isinstance(source, str):
            raise UsageError(f"source is {type(source).__name__}, not text", mend="Path('my.py').read_text() gives it.")
        if filename.startswith(PREFIX):
            raise PluginError(f"Plugin not found: {filename}", mend="A file of a repository is changed there.")
        if path.is_dir() or filename.endswith("/"):
            raise PluginError("reading plugin file: Is a directory (os error 21)", mend="Name a file, such as `my.py`.")
        with _io_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(source.encode())
            part.replace(path)
        return path

    def write_directory(self, name: str, files: Mapping[str, str]) -> Path:
        """Put a multi-file plugin in place of what is there; files that are not given are gone.

        Args:
            name: the folder, below the plugin folder.
            files: path below that folder -> source.

        Raises:
            PluginError: a name leads out of the folder.
        """
        path = self._inside(name)
        new, old = path.with_name(f"{path.name}.tmp"), path.with_name(f"{path.name}.old")
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        for file in files:
            _refuse_traversal(file)
        with _io_errors():
            for file, source in files.items():
                (new / file).parent.mkdir(parents=True, exist_ok=True)
                (new / file).write_bytes(source.encode())
            if path.exists():
                path.rename(old)
            new.rename(path)
        shutil.rmtree(old, ignore_errors=True)
        return path

    def forget_modules(self) -> None:
        """Forget the packages that were imported, as a restart of the server does; to be called at the end, too."""
        with _LOCK:
            for name in list(self._packages):
                if _owners.get(name) is self:
                    _take_out(name)
                    del _owners[name]
            self._packages.clear()

    def _inside(self, filename: str) -> Path:
        _refuse_traversal(filename)
        path = self.path / filename.rstrip("/")
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.path)):
            raise _traversal(filename)
        return path

    def load_package(self, root: Path, entry: str) -> Callable[..., Any]:
        """Import a folder plugin, once, and give its entry point."""
        name = root.name
        module = self._import(name, str(root.parent))
        try:
            return getattr(module, entry)  # type: ignore[no-any-return]
        except AttributeError:
            missing = no_function(entry, (), vars(module))
            origin = getattr(module, "__file__", None) or "the interpreter"
            if not origin.startswith(str(root)):
                missing.mend = f"`{name}` is a module from {origin}, which was there first: rename the plugin folder."
            raise missing from None
        except Exception as error:
            raise PluginError(
                f"Failed to load function '{entry}' from plugin module '{name}': {_text(error)}"
            ) from error

    def _import(self, name: str, parent: str) -> ModuleType:
        with _LOCK:
            self._make_own(name)
            sys.path.insert(0, parent)
            written, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # it may be stale after a quick edit
            try:
                try:
                    module = importlib.import_module(name)
                except ModuleNotFoundError as error:
                    if error.name != name:
                        raise
                    importlib.invalidate_caches()
                    module = importlib.import_module(name)
            except (Exception, SystemExit) as error:
                raise PluginError(
                    f"Failed to import plugin module '{name}': {_text(error)}\n"
                    "Hint: Check for syntax errors or missing dependencies in Python files."
                ) from error
            finally:
                sys.path.pop(0)
                sys.dont_write_bytecode = written
            return module

    def _make_own(self, name: str) -> None:
        """Put aside another engine's package of this name: every engine stands for a process of its own."""
        owner = _owners.get(name)
        if owner is self:
            return
        if owner is not None:
            owner._packages[name] = _take_out(name)
        if name in self._packages:
            sys.modules.update(self._packages[name])
        elif name in sys.modules:
            return  # a module that no engine imported: it wins, as on the server
        self._packages.setdefault(name, {})
        _owners[name] = self


@contextmanager
def _io_errors() -> Iterator[None]:
    """Word errors of the file system as the server does."""
    try:
        yield
    except OSError as error:
        raise PluginError(f"reading plugin file: {error.strerror} (os error {error.errno})") from error


def _take_out(name: str) -> dict[str, ModuleType]:
    """Remove a package and its submodules from ``sys.modules``."""
    names = [full for full in sys.modules if full == name or full.startswith(f"{name}.")]
    return {full: sys.modules.pop(full) for full in names}


def _refuse_traversal(filename: str) -> None:
    if not isinstance(filename, str):
        raise _traversal(filename)
    if "\0" in filename:
        raise PluginError("reading plugin file: file name contained an unexpected NUL byte")
    parts = PurePosixPath(filename.replace("\\", "/")).parts
    if ".." in parts or parts[:1] == ("/",) or re.match("[A-Za-z]:", filename):
        raise _traversal(filename)


def _traversal(filename: str) -> PluginError:
    return PluginError(
        f"Path traversal detected: plugin filename '{filename}' attempts to access files outside the plugin directory",
        mend="Name the plugin relative to the plugin folder, for example `my_plugin.py` or `team/my_plugin.py`.",
    )


def _text(error: BaseException) -> str:
    return f"{type(error).__qualname__}: {error}"
