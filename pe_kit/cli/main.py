"""``pe-kit``: the command line. Each command lives in its own module and is registered here."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import pe_kit
from pe_kit.cli.backtest import backtest
from pe_kit.cli.demo import demo
from pe_kit.cli.deploy import deploy, pull
from pe_kit.cli.doctor import doctor
from pe_kit.cli.fidelity import fidelity
from pe_kit.cli.fixtures import fixtures
from pe_kit.cli.influxdb3.terminal import influxdb3
from pe_kit.cli.lab import lab
from pe_kit.cli.plugins import plugins
from pe_kit.cli.serve import serve
from pe_kit.cli.validate import validate
from pe_kit.cli.workshop import workshop
from pe_kit.errors import PeKitError, UsageError

__all__ = ["app", "main"]

app = typer.Typer(
    help="A developer kit for the Processing engine of InfluxDB 3.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(lab)
app.command()(fidelity)
app.add_typer(fixtures, name="fixtures")
app.add_typer(workshop, name="workshop")
app.command()(backtest)
app.command(
    context_settings={
        "allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False,
        "help_option_names": [],
    }
)(influxdb3)  # fmt: skip
app.command()(serve)
app.command()(validate)
app.command()(doctor)
app.command()(deploy)
app.command()(pull)
app.command()(plugins)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pe-kit {pe_kit.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A developer kit for the Processing engine of InfluxDB 3."""


def main() -> None:
    """Run the command line; an error of the kit becomes its text and exit status 1, 2 for a wrong use."""
    try:
        app()
    except PeKitError as error:
        print(f"pe-kit: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
