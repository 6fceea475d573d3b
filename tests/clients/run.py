"""Serve engines to curl, schemathesis and the official JavaScript client; `make clients`."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import curl_calls

from pe_kit import Engine

HERE = Path(__file__).parent


def curl(url: str, token: str) -> int:
    """The calls that the reference makes."""
    return curl_calls.main(url, token)


def schemathesis(url: str, token: str) -> int:
    """Requests that are made up from a description of the endpoints; installed in an environment of its own."""
    home = Path(sys.prefix, "schemathesis")
    python = home / "bin/python"
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "schemathesis>=4.3,<5"], check=True)
    return subprocess.run([python, "described.py", url, token], cwd=HERE, check=False).returncode


def javascript(url: str, token: str) -> int:
    """The official client."""
    if not (HERE / "node_modules").is_dir():
        subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit"], cwd=HERE, check=True)
    return subprocess.run(["node", "client.mjs", url, token], cwd=HERE, check=False).returncode


def served(client: Callable[[str, str], int], **options: Any) -> bool:
    """Let a client work with an engine of its own; True when all went well."""
    with Engine(clock="wall", wal_flush_interval="100ms", **options) as engine:
        return client(engine.serve(port=0, token="secret").url, "secret") == 0


if __name__ == "__main__":
    sys.exit(not all([served(curl), served(schemathesis, max_databases=100), served(javascript)]))
