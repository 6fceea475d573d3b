"""``%pe deploy`` and ``%pe pull``: the notebook's triggers and plugins to a server, and back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pe_kit.cli.deployment import apply, pull, steps
from pe_kit.cli.influxdb3.target import Remote
from pe_kit.cli.influxdb3.words import DEFAULT_HOST
from pe_kit.notebook.card import Card
from pe_kit.notebook.options import Options

if TYPE_CHECKING:
    from argparse import Namespace

    from pe_kit.notebook.magics import Magics

__all__ = ["deploy_words", "pull_words", "run_deploy", "run_pull"]


def _words(name: str, about: str) -> Options:
    words = Options(name, about)
    words.add_argument("--host", metavar="URL", default=os.environ.get("INFLUXDB3_HOST_URL", DEFAULT_HOST))
    words.add_argument("-d", "--database", metavar="DB", required=True)
    words.add_argument("--token", metavar="TOKEN", default=os.environ.get("INFLUXDB3_AUTH_TOKEN"))
    words.add_argument("names", metavar="NAME", nargs="*", help="triggers; none: all of the database")
    return words


def deploy_words() -> Options:
    """The words of ``%pe deploy``."""
    words = _words("%pe deploy", "Show what would bring triggers and their plugins to a server; with --yes do it.")
    words.add_argument("--yes", action="store_true", help="do it")
    words.add_argument("--again", action="store_true", help="replace triggers that look the same, too")
    words.add_argument("--no-dry-run", action="store_true", help="do not let the server try the plugins")
    return words


def pull_words() -> Options:
    """The words of ``%pe pull``."""
    return _words("%pe pull", "Bring triggers of a server, and plugins that can be read from here, into the engine.")


def run_deploy(magics: Magics, got: Namespace) -> Card:
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


def run_pull(magics: Magics, got: Namespace) -> Card:
    """Bring triggers and plugins; a warning where a plugin has to be copied by hand."""
    said: list[str] = []
    complete = pull(magics.engine, got.database, got.names, Remote(got.host, got.token), said.append)
    return Card("good" if complete else "warn", "pulled", got.host, [(text,) for text in said])
