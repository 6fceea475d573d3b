"""The plugins' own virtual environment, in the plugin folder (influxdb3_processing_engine/src/environment.rs).

It is made at the first install. Its packages come last on ``sys.path``, so those of the session win, as on the server.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import site
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pe_kit.errors import ServerError, UsageError

__all__ = ["MANAGERS", "Environment", "Installed", "no_environment"]

MANAGERS = ("discover", "pip", "uv", "disabled")


@dataclass(frozen=True, slots=True)
class Installed:
    """What came of an install: ``ok``; ``packages`` that are new; the ``command`` and what it printed."""

    ok: bool
    packages: tuple[str, ...]
    command: tuple[str, ...]
    output: str

    @property
    def problem(self) -> str:
        """Why it failed: the lines that pip calls errors, else the last one; empty when it did not."""
        lines = [line for line in self.output.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")]
        return "" if self.ok else "\n".join(errors or lines[-1:])

    def __repr__(self) -> str:
        if not self.ok:
            return f"<Installed: nothing, pip failed\n{self.problem}>"
        return f"<Installed: {', '.join(self.packages) or 'nothing new'}>"


class Environment:
    """The virtual environment of one plugin folder.

    Args:
        folder: the plugin folder; the environment is its ``.venv``.
        manager: ``discover``, ``pip``, ``uv`` (which is pip, as on the server) or ``disabled``.

    Raises:
        UsageError: no such package manager.
    """

    def __init__(self, folder: Path, manager: str = "discover") -> None:
        if manager not in MANAGERS:
            raise UsageError(f"package_manager={manager!r}", mend=f"The package managers are {', '.join(MANAGERS)}.")
        self.path = folder / ".venv"
        self.manager = manager
        self._lock = threading.Lock()
        self._active = False
        self.activate()

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def packages_dir(self) -> Path:
        """Its ``site-packages``."""
        if os.name == "nt":
            return self.path / "Lib" / "site-packages"
        return self.path / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    def activate(self) -> bool:
        """Let plugins import from it, if it is there; the server knows it by its ``bin/activate``."""
        there = (self.python.parent / "activate").is_file() and self.packages_dir.is_dir()
        if there and not self._active and str(self.packages_dir) not in sys.path:
            site.addsitedir(str(self.packages_dir))
            self._active = True
        return there

    def leave(self) -> None:
        """Take it off ``sys.path`` again."""
        if self._active and str(self.packages_dir) in sys.path:
            sys.path.remove(str(self.packages_dir))
        self._active = False

    def installed(self) -> set[str]:
        """Name and version of each package in it."""
        found = self.packages_dir.glob("*.dist-info")
        return {" ".join(path.name.removesuffix(".dist-info").rsplit("-", 1)) for path in found}

    def install(self, words: Sequence[str]) -> Installed:
        """Run ``pip install`` with these words: package names, or ``-r`` and a file; pip's own settings apply.

        Raises:
            ServerError: installs are disabled (403), or there is no pip (500).
        """
        if self.manager == "disabled":
            raise ServerError(
                "Package installation has been disabled. Contact your administrator for more information.",
                status=403,
                mend="Make the engine with package_manager='discover'.",
            )
        if importlib.util.find_spec("pip") is None and importlib.util.find_spec("ensurepip") is None:
            raise no_environment("This Python has neither pip nor ensurepip: install pip.")
        with self._lock:
            made = self._make()
            if made is not None:
                return made
            before = self.installed()
            command = (*self._pip(), "install", "--disable-pip-version-check", "--no-input", *words)
            done = _run(command)
            self.activate()
            importlib.invalidate_caches()
            new = tuple(sorted(self.installed() - before))
            return Installed(done.returncode == 0, new, command, done.stdout)

    def _pip(self) -> tuple[str, ...]:
        if importlib.util.find_spec("pip") is None:
            return (str(self.python), "-m", "pip")
        return (sys.executable, "-m", "pip", "--python", str(self.python))

    def _make(self) -> Installed | None:
        """Make the environment where there is none; what failed, or None."""
        if (self.python.parent / "activate").is_file():
            return None
        without = ("--without-pip",) if importlib.util.find_spec("pip") is not None else ()
        command = (sys.executable, "-m", "venv", *without, str(self.path))
        done = _run(command)
        return None if done.returncode == 0 else Installed(False, (), command, done.stdout)


def no_environment(mend: str) -> ServerError:
    """The server's refusal where packages cannot be installed at all."""
    return ServerError(
        "Processing engine error: error installing python packages: Plugin environment management is disabled",
        mend=mend,
    )


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, check=False
    )
