"""``pe-kit fidelity``: what the kit does as the server does it, what it approximates, what it leaves out."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pe_kit.errors import UsageError, near_match
from pe_kit.ledger import ledger

__all__ = ["fidelity"]

_STATUSES = ("exact", "approximated", "absent")


def fidelity(
    status: Annotated[str, typer.Option(help="Only rows of this status: exact, approximated or absent.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print whole rows as JSON, with source and test.")] = False,
) -> None:
    """Show the fidelity ledger: what is simulated, and how faithfully."""
    if status and status not in _STATUSES:
        raise UsageError(f"there is no status {status!r}", mend=near_match(status, _STATUSES, what="statuses"))
    rows = [row for row in ledger() if status in ("", row.status)]
    if as_json:
        import json

        typer.echo(json.dumps([row._asdict() for row in rows], indent=2, ensure_ascii=False))
        return
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    table.add_column("status")
    table.add_column("what the server does, and how the kit differs")
    for row in rows:
        table.add_row(row.status, Text.assemble(row.claim, (f"\n{row.note}" if row.note else "", "italic")))
    console = Console(highlight=False)
    console.print(table)
    counts = ", ".join(f"{sum(row.status == name for row in rows)} {name}" for name in _STATUSES)
    console.print(f"{len(rows)} rows: {counts}")
