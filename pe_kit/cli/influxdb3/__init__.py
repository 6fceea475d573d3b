"""The command words of the server itself, ``influxdb3 ...``, for a terminal and for a notebook."""

from __future__ import annotations

from pe_kit.cli.influxdb3.commands import run
from pe_kit.cli.influxdb3.target import Local, Remote, Target
from pe_kit.cli.influxdb3.words import parser

__all__ = ["Local", "Remote", "Target", "parser", "run"]
