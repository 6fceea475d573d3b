"""Serve an engine and run curl and the official JavaScript client against it; `make clients`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import curl_calls

from pe_kit import Engine

HERE = Path(__file__).parent


def main() -> int:
    """Make the calls, install the client where it is not there yet and run it; 0 when all went well."""
    with Engine(clock="wall", wal_flush_interval="100ms") as engine:
        if curl_calls.main(engine.serve(port=0, token="secret").url, "secret"):
            return 1
    if not (HERE / "node_modules").is_dir():
        subprocess.run(["npm", "install", "--silent", "--no-fund", "--no-audit"], cwd=HERE, check=True)
    with Engine(clock="wall", wal_flush_interval="100ms") as engine:
        served = engine.serve(port=0, token="secret")
        return subprocess.run(["node", "client.mjs", served.url, "secret"], cwd=HERE, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
