"""What a plugin needs to run: declared packages and imports, and whether they are there."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Requirement", "requirements"]


class Requirement(NamedTuple):
    """One need of a plugin. ``declared_in`` is ``requirements.txt``, ``manifest.toml`` or ``import``."""

    text: str
    declared_in: str
    installed: bool

    def __str__(self) -> str:
        return self.text if self.installed else f"{self.text} (not installed)"


def requirements(code: list[Path], beside: Path | None, own: str) -> list[Requirement]:
    """List what is declared, and of the imports those that cannot be found.

    Args:
        code: the plugin's source files.
        beside: the folder whose ``requirements.txt`` and ``manifest.toml`` count, if any.
        own: the plugin's own package name, which needs no package.
    """
    found = [Requirement(text, where, _installed(text)) for text, where in _declared(beside)] if beside else []
    names = sorted({name for path in code for name in _imports(path)} - {own})
    return found + [Requirement(name, "import", False) for name in names if not _importable(name)]


def _declared(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    for line in lines:
        text = line.split(" #")[0].strip()
        if text and not text.startswith(("#", "-")):
            yield text, "requirements.txt"
    try:
        manifest = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    dependencies = manifest.get("dependencies")
    python = dependencies.get("python") if isinstance(dependencies, dict) else None
    for text in python if isinstance(python, list) else []:
        yield str(text), "manifest.toml"


def _installed(text: str) -> bool:
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Pep508

    try:
        need = Pep508(text)
        if need.marker is not None and not need.marker.evaluate():
            return True
        return need.specifier.contains(importlib.metadata.version(need.name), prereleases=True)
    except (InvalidRequirement, importlib.metadata.PackageNotFoundError):
        return False


def _imports(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    tried = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.Try) for inner in _inside(node.body)}
    for node in ast.walk(tree):
        if id(node) in tried:  # an import that may fail
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def _inside(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        yield from ast.walk(node)


def _importable(name: str) -> bool:
    if name in sys.stdlib_module_names or name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
