"""What plugins there are: where, with which functions, used by which triggers, in which version, needing what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pe_kit.clock import Clock
from pe_kit.errors import NotFoundError, PluginError, near_match
from pe_kit.plugins.manifest import plugin_code
from pe_kit.plugins.metadata import docstring_metadata
from pe_kit.plugins.repository import PREFIX
from pe_kit.plugins.requirements import Requirement, requirements
from pe_kit.plugins.source import PluginFolder, PluginSource

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Plugin", "Registry", "Version"]


class _Trigger(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str: ...


class Version(NamedTuple):
    """One content that a plugin has had: its number, 1 first; when it was first seen; SHA-256; source text."""

    number: int
    time_ns: int
    hash: str
    source: str


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin as it is now.

    Attributes:
        kind: ``file`` or ``directory``.
        functions: the entry points that it defines.
        triggers: names of the triggers that use it.
        metadata: the JSON of its docstring, None when there is none.
    """

    filename: str
    path: Path
    kind: str
    functions: tuple[str, ...]
    version: Version
    triggers: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    metadata: dict[str, Any] | None

    @property
    def missing(self) -> tuple[Requirement, ...]:
        """What it needs and is not installed: said before it runs."""
        return tuple(need for need in self.requirements if not need.installed)


class Registry:
    """The index of one plugin folder. Versions are kept from the moment they are first seen."""

    def __init__(self, folder: PluginFolder, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._versions: dict[str, list[Version]] = {}

    def note(self, filename: str) -> Version:
        """Take note of a plugin's content as it is now and give its version.

        Raises:
            PluginError: there is no such plugin.
        """
        snapshot = self._folder.resolve(filename).snapshot()
        known = self._versions.setdefault(_plain(filename), [])
        if not known or known[-1].hash != snapshot.hash:
            known.append(Version(len(known) + 1, self._clock.now_ns, snapshot.hash, snapshot.text))
        return known[-1]

    def newest(self, filename: str) -> Version | None:
        """Give the newest version that is known, without a look at the disk."""
        return self._versions.get(_plain(filename), [None])[-1]

    def remember(self, filename: str, time_ns: int, source: str) -> None:
        """Take note of a content that a plugin file had earlier."""
        known = self._versions.setdefault(_plain(filename), [])
        digest = hashlib.sha256(source.encode()).hexdigest()
        if not known or known[-1].hash != digest:
            known.append(Version(len(known) + 1, time_ns, digest, source))

    def remembered(self) -> list[tuple[str, int, str]]:
        """Give all contents that :meth:`remember` needs to know them again: filename, time, source."""
        return [(name, v.time_ns, v.source) for name, versions in self._versions.items() for v in versions]

    def plugin(self, filename: str, triggers: Iterable[_Trigger] = ()) -> Plugin:
        """Describe one plugin.

        Raises:
            PluginError: there is no such plugin.
        """
        source = self._folder.resolve(filename) if filename.startswith(PREFIX) else self._folder.find(filename)
        version = self.note(filename)
        snapshot = source.snapshot()
        return Plugin(
            filename=filename,
            path=source.path,
            kind=source.kind,
            functions=snapshot.functions,
            version=version,
            triggers=tuple(t.name for t in triggers if _plain(t.path) == _plain(filename)),
            requirements=tuple(self._requirements(source)),
            metadata=docstring_metadata(snapshot.text),
        )

    def missing(self, filename: str) -> tuple[Requirement, ...]:
        """What a plugin needs and is not installed; nothing for one that is not there."""
        try:
            source = self._folder.resolve(filename)
        except PluginError:
            return ()
        return tuple(need for need in self._requirements(source) if not need.installed)

    def plugins(self, triggers: Iterable[_Trigger] = ()) -> list[Plugin]:
        """Describe all plugins of the folder, and what triggers name besides, in the order of their names."""
        triggers = list(triggers)
        names = {_plain(name): name for name in [t.path for t in triggers] + self._folder.names()}
        found = []
        for name in sorted(names.values()):
            try:
                found.append(self.plugin(name, triggers))
            except PluginError:
                continue  # a trigger whose file is gone
        return found

    def versions(self, filename: str) -> Sequence[Version]:
        """The contents that a plugin has had, oldest first.

        Raises:
            NotFoundError: nothing of that name was ever seen.
        """
        if _plain(filename) not in self._versions:
            raise NotFoundError(f"no version of {filename} is known", mend=near_match(filename, self._versions))
        return tuple(self._versions[_plain(filename)])

    def frame(self, triggers: Iterable[_Trigger] = ()) -> pd.DataFrame:
        """All plugins: filename, kind, functions, version, hash, triggers, requirements (lists of str)."""
        import pandas as pd

        rows = [
            {
                "filename": p.filename,
                "kind": p.kind,
                "functions": list(p.functions),
                "version": p.version.number,
                "hash": p.version.hash,
                "triggers": list(p.triggers),
                "requirements": [str(need) for need in p.requirements],
            }
            for p in self.plugins(triggers)
        ]
        columns = ["filename", "kind", "functions", "version", "hash", "triggers", "requirements"]
        return pd.DataFrame(rows, columns=columns).astype({"version": "int64"})

    def _requirements(self, source: PluginSource) -> list[Requirement]:
        if source.kind == "directory":
            return requirements(plugin_code(source.path), source.path, source.path.name)
        beside = source.path.parent if source.path.parent != self._folder.path else None
        return requirements([source.path], beside, "")


def _plain(filename: str) -> str:
    return Path(filename).as_posix()
