"""``pe-kit deploy`` and ``pe-kit pull``: a session's triggers and plugins to a server, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pe_kit.cli import deployment
from pe_kit.cli.influxdb3 import Remote
from pe_kit.cli.influxdb3.words import DEFAULT_HOST
from pe_kit.engine.engine import Engine
from pe_kit.errors import UsageError

__all__ = ["deploy", "pull"]

_Names = Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Triggers; none: all of the database.")]
_Database = Annotated[str, typer.Option("--database", "-d", envvar="INFLUXDB3_DATABASE_NAME", help="Their database.")]
_Session = Annotated[Path, typer.Option(help="The folder of the session.")]
_PluginDir = Annotated[Path | None, typer.Option(help="The session's plugin folder, if it is another one.")]
_Host = Annotated[str, typer.Option("--host", "-H", envvar="INFLUXDB3_HOST_URL", help="The server.")]
_Token = Annotated[str | None, typer.Option(envvar="INFLUXDB3_AUTH_TOKEN", help="Its token.")]
_Ca = Annotated[str | None, typer.Option(envvar="INFLUXDB3_TLS_CA", help="A certificate authority.")]


def _engine(data_dir: Path, plugin_dir: Path | None) -> Engine:
    return Engine(data_dir=data_dir, plugin_dir=... if plugin_dir is None else plugin_dir)


def deploy(
    database: _Database,
    data_dir: _Session,
    names: _Names = None,
    host: _Host = DEFAULT_HOST,
    token: _Token = None,
    tls_ca: _Ca = None,
    plugin_dir: _PluginDir = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without being asked.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be done, and end.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Replace triggers that look the same, too.")] = False,
    no_dry_run: Annotated[bool, typer.Option("--no-dry-run", help="Do not let the server try the plugins.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan and the result as JSON.")] = False,
) -> None:
    """Bring triggers of a session and their plugins to a server.

    Plugins are checked first, then the plan is shown and asked about. Plugin files are uploaded, the server dry-runs
    each plugin (what it does outside the database is done), then triggers are created or replaced. When a step fails,
    what was done is taken back. What the server has already is left alone.
    """
    if not data_dir.is_dir():
        raise UsageError(f"there is no session in {data_dir}", mend="Name the data_dir of one.")
    with _engine(data_dir, plugin_dir) as engine:
        target = Remote(host, token, tls_ca)
        todo = deployment.steps(engine, database, names or (), target, again=again, dry_run=not no_dry_run)
        texts = [step.text for step in todo]
        if not as_json:
            typer.echo("\n".join([f"{len(texts)} steps at {host}:", *(f"  {text}" for text in texts)])
                       if texts else f"{host} has it all: nothing to do")  # fmt: skip
        go = bool(todo) and not plan and (yes or (not as_json and typer.confirm("Do it?")))
        if go:
            deployment.apply(todo, (lambda _: None) if as_json else typer.echo)
        if as_json:
            typer.echo(json.dumps({"plan": texts, "done": go}, ensure_ascii=False))
    raise typer.Exit(1 if todo and not go and not plan else 0)


def pull(
    database: _Database,
    data_dir: _Session,
    names: _Names = None,
    host: _Host = DEFAULT_HOST,
    token: _Token = None,
    tls_ca: _Ca = None,
    plugin_dir: _PluginDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Bring triggers of a server, and their plugins where its disk can be read from here, into a session.

    The exit status is 1 when a plugin's file has to be copied by hand: the API does not give it.
    """
    did: list[str] = []
    with _engine(data_dir, plugin_dir) as engine:
        say = did.append if as_json else typer.echo
        complete = deployment.pull(engine, database, names or (), Remote(host, token, tls_ca), say)
    if as_json:
        typer.echo(json.dumps({"complete": complete, "done": did}, ensure_ascii=False))
    raise typer.Exit(0 if complete else 1)
