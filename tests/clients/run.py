"""Serve an engine and run the official JavaScript client against it; `make clients`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pe_kit import Engine

HERE = Path(__file__).parent


def main() -> int:
    """Install the client where it is not there yet, run it, give its exit status."""
    if not (HERE / "node_modules").is_dir():
        subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit"], cwd=HERE, check=True)
    with Engine(clock="wall", wal_flush_interval="100ms") as engine:
        served = engine.serve(port=0, token="secret")
        return subprocess.run(["node", "client.mjs", served.url, "secret"], cwd=HERE, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
