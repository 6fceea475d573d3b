"""``pe-kit fidelity``: what the kit does as the server does it, what it approximates, what it leaves out."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pe_kit.engine.engine import Engine

__all__ = ["fidelity"]


def fidelity(
    status: Annotated[str, typer.Option(help="Only rows of this status: exact, approximated or absent.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Show the fidelity ledger: each simulated behaviour, its source, its test and its status."""
    with Engine(plugin_dir=None) as engine:
        frame = engine.fidelity()
    if status:
        frame = frame[frame["status"] == status]
    if as_json:
        typer.echo(frame.to_json(orient="records", indent=2))
        return
    table = Table(header_style="bold")
    for name in frame.columns:
        table.add_column(str(name), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(str(value)) for value in row))
    Console(highlight=False).print(table)
