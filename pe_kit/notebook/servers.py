"""``%pe deploy`` and ``%pe pull``: the notebook's triggers and plugins to a server, and back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pe_kit.cli.deployment import apply, pull, steps
from pe_kit.cli.influxdb3.target import Remote
from pe_kit.cli.influxdb3.words import DEFAULT_HOST
from pe_kit.notebook.card import Card
from pe_kit.notebook.options import Options, Subcommand, word

if TYPE_CHECKING:
    from argparse import Namespace

    from pe_kit.notebook.magics import Magics

__all__ = ["SUBCOMMANDS"]

_WORDS = (
    word("--host", metavar="URL", default=os.environ.get("INFLUXDB3_HOST_URL", DEFAULT_HOST)),
    word("-d", "--database", metavar="DB", required=True),
    word("--token", metavar="TOKEN", default=os.environ.get("INFLUXDB3_AUTH_TOKEN")),
    word("names", metavar="NAME", nargs="*", help="triggers; none: all of the database"),
)


def _run_deploy(magics: Magics, got: Namespace) -> Card:
    """Show the plan; with ``--yes`` do it."""
    target = Remote(got.host, got.token)
    plan = steps(magics.engine, got.database, got.names, target, again=got.again, dry_run=not got.no_dry_run)
    if not plan:
        return Card("good", "deployed", f"{got.host} has it all")
    if not got.yes:
        return Card("info", "plan", f"{got.host}; --yes does it", [(step.text,) for step in plan])
    said: list[str] = []
    apply(plan, said.append)
    return Card("good", "deployed", got.host, [(text,) for text in said])


def _run_pull(magics: Magics, got: Namespace) -> Card:
    """Bring triggers and plugins; a warning where a plugin has to be copied by hand."""
    said: list[str] = []
    complete = pull(magics.engine, got.database, got.names, Remote(got.host, got.token), said.append)
    return Card("good" if complete else "warn", "pulled", got.host, [(text,) for text in said])


SUBCOMMANDS = {
    "deploy": Subcommand(
        Options(
            "%pe deploy",
            "Show what would bring triggers and their plugins to a server; with --yes do it.",
            *_WORDS,
            word("--yes", action="store_true", help="do it"),
            word("--again", action="store_true", help="replace triggers that look the same, too"),
            word("--no-dry-run", action="store_true", help="do not let the server try the plugins"),
        ),
        _run_deploy,
    ),
    "pull": Subcommand(
        Options(
            "%pe pull",
            "Bring triggers of a server, and plugins that can be read from here, into the engine.",
            *_WORDS,
        ),
        _run_pull,
    ),
}
"""The words of ``%pe`` for servers."""
