"""``pe-kit plugins``: what there is in a plugin folder or a session, and who uses it."""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pe_kit.engine.engine import Engine
from pe_kit.errors import UsageError
from pe_kit.plugins.registry import Plugin

__all__ = ["plugins"]


def plugins(
    folder: Annotated[Path | None, typer.Argument(help="A plugin folder; else INFLUXDB3_PLUGIN_DIR.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The session in this folder: its triggers are shown.")] = None,
    difference: Annotated[
        str | None, typer.Option(metavar="PLUGIN", help="Show how its newest version differs from the one before.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that is known as JSON.")] = False,
) -> None:
    """List plugins: functions, versions, triggers that use them, and what they need that is not installed."""
    for given in (folder, data_dir):
        if given is not None and not given.is_dir():
            raise UsageError(f"there is no folder {given}", mend="Name a plugin folder, or that of a session.")
    if folder is None and data_dir is None and not os.environ.get("INFLUXDB3_PLUGIN_DIR"):
        raise UsageError("there is no plugin folder", mend="Name one, or set INFLUXDB3_PLUGIN_DIR.")
    with Engine(data_dir=data_dir, plugin_dir=folder or ...) as engine:
        assert engine._code is not None
        registry, where = engine._code.registry, engine.plugin_dir
        found = [
            (one, [v.hash[:12] for v in registry.versions(one.filename)])
            for one in registry.plugins(engine._runtime.triggers)
        ]
        if difference is not None:
            typer.echo(_difference(difference, [v.source for v in registry.versions(difference)]))
            return
    if as_json:
        typer.echo(json.dumps([_as_json(*one) for one in found], indent=2, ensure_ascii=False))
        return
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    for name in ("plugin", "functions", "versions", "triggers", "not installed"):
        table.add_column(name, overflow="fold")
    for one, hashes in found:
        missing = ", ".join(need.text for need in one.missing)
        cells = (one.filename, ", ".join(one.functions), " ".join(hashes), ", ".join(one.triggers), missing)
        table.add_row(*map(Text, cells))
    console = Console(highlight=False)
    if found:
        console.print(table)
    console.print(f"{len(found)} plugins in {where}", soft_wrap=True)


def _difference(name: str, sources: list[str]) -> str:
    if len(sources) < 2:
        return f"{name} has had one version only."
    old, new = (source.splitlines() for source in sources[-2:])
    names = (f"{name} (version {len(sources) - 1})", f"{name} (version {len(sources)})")
    return "\n".join(difflib.unified_diff(old, new, *names, lineterm=""))


def _as_json(one: Plugin, hashes: list[str]) -> dict[str, Any]:
    return {
        "filename": one.filename,
        "path": str(one.path),
        "kind": one.kind,
        "functions": one.functions,
        "versions": hashes,
        "triggers": one.triggers,
        "requirements": [need._asdict() for need in one.requirements],
        "metadata": one.metadata,
    }
