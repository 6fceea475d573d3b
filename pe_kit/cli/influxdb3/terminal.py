"""``pe-kit influxdb3``: the server's own command words, in a terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pe_kit.cli.influxdb3 import Local, run
from pe_kit.notebook.options import HelpRequested

__all__ = ["influxdb3"]


def influxdb3(
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option(help="Speak to the session in this folder instead of a server.")
    ] = None,
    plugin_dir: Annotated[Path | None, typer.Option(help="With --data-dir: its plugin folder.")] = None,
) -> None:
    """Speak the server's own words: create, write, query, test, show, enable, disable, delete, update, install.

    They go to --host, http://127.0.0.1:8181 unless given, or to the session in --data-dir. Options of the kit come
    before the words.
    """
    read = None if sys.stdin.isatty() else sys.stdin.read
    words = context.args or ["--help"]

    def confirm(text: str) -> bool:
        typer.echo(text, err=True)
        return sys.stdin.readline().strip().lower() in ("yes", "y")

    try:
        if data_dir is None:
            run(words, None, typer.echo, read, confirm)
            return
        from pe_kit import Engine

        with Engine(data_dir=data_dir, plugin_dir=... if plugin_dir is None else plugin_dir) as engine:
            run(words, Local(engine), typer.echo, read, confirm)
    except HelpRequested as text:
        typer.echo(str(text))
