"""The plugins of one engine: their folder, what has been seen of it, what they need, their own environment."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pe_kit.clock import Clock
from pe_kit.engine.trigger_table import Trigger
from pe_kit.errors import PluginError, UsageError
from pe_kit.plugins.packages import Environment, Installed
from pe_kit.plugins.registry import Registry
from pe_kit.plugins.repository import PREFIX
from pe_kit.plugins.snapshot import Snapshot
from pe_kit.plugins.source import PluginFolder

__all__ = ["PluginCode"]


class PluginCode:
    """What an engine that is on knows of its plugins.

    Attributes:
        needs: plugin path -> what its runs say about requirements that are not installed.
        gone_then: in a rebuilt past, the plugins that were not to be had: path -> the error.
    """

    def __init__(self, folder: PluginFolder, clock: Clock, package_manager: str) -> None:
        self.folder = folder
        self.registry = Registry(folder, clock)
        self.environment = Environment(folder.path, package_manager)
        self.names: set[str] = set()  # of what was written through the engine
        self.needs: dict[str, str] = {}
        self.gone_then: Mapping[str, str] | None = None
        self._seen: dict[str, Snapshot] = {}

    def close(self) -> None:
        """Forget imported packages, and leave the environment."""
        self.folder.forget_modules()
        self.environment.leave()

    def find(self, path: str) -> Snapshot:
        """Give the code that a trigger or a dry run names.

        Raises:
            PluginError: as the server words it.
        """
        with _prefixed("Plugin error: "):
            return self.folder.find(path).snapshot()

    def for_test(self, path: str) -> Snapshot:
        """Give the code of a dry run, which never imports a package."""
        return replace(self.find(path), root=None)

    def write(self, filename: str, source: str) -> Path:
        """Put a file into the folder."""
        self.names.add(filename)
        with _prefixed("Processing engine error: plugin error: "):
            written = self.folder.write(filename, source)
            self.registry.note(filename)
            return written

    def write_directory(self, name: str, files: Mapping[str, str]) -> Path:
        """Put a multi-file plugin into the folder."""
        self.names.add(name)
        with _prefixed("Processing engine error: plugin error: "):
            return self.folder.write_directory(name, files)

    def edited(self, triggers: Iterable[Trigger]) -> Iterator[tuple[str, str]]:
        """Look at the code of running triggers; give the files (name, text) that were edited outside of the engine."""
        for path in {t.path for t in triggers if t.running}:
            source = self.folder.resolve(path)
            code = source.snapshot()
            if self._seen.get(path) is code:
                continue
            self._seen[path] = code
            before = self.registry.newest(path)
            self.registry.note(path)
            self.note_needs(path)
            file = source.kind == "file" and not path.startswith(PREFIX)
            if file and before is not None and before.hash != code.hash:
                yield path, code.text

    def note_needs(self, path: str) -> None:
        """Let the runs of a plugin say which of its requirements are not installed, and how to install them."""
        said = [note] if (note := self.folder.resolve(path).note) else []
        needs = [need.text for need in self.registry.missing(path)]
        if needs:
            command = f"%influxdb3 install package {' '.join(map(shlex.quote, needs))}"
            said.append(f"{path} needs {', '.join(needs)}: not installed. {command}")
        self.needs.pop(path, None)
        if said:
            self.needs[path] = "\n".join(said)

    def look_up(self, triggers: Iterable[Trigger]) -> dict[str, dict[str, str]]:
        """Read the plugins of triggers that start, as the server does; ``missing`` says why one cannot be had."""
        missing = dict(self.gone_then or {})
        for path in dict.fromkeys(t.path for t in triggers):
            if self.gone_then is None:
                try:
                    self.folder.find(path)
                except PluginError as error:
                    missing[path] = error.message
                    continue
            if path.startswith(PREFIX) and path not in missing:
                self.note_needs(path)
        return {"missing": missing} if missing else {}

    def install(self, packages: Sequence[str], triggers: Iterable[Trigger]) -> Installed:
        """Install packages, and look again at what the plugins of triggers need."""
        if isinstance(packages, str) or not packages:
            raise UsageError(f"packages={packages!r}", mend="Give a list: engine.install_packages(['pint'])")
        done = self.environment.install(packages)
        for path in {t.path for t in triggers}:
            self.note_needs(path)
        return done


@contextmanager
def _prefixed(prefix: str) -> Iterator[None]:
    try:
        yield
    except PluginError as error:
        raise PluginError(prefix + error.message, mend=error.mend) from None
