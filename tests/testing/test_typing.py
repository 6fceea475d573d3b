"""What mypy finds in a plugin that names the kit's types."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pe_kit

PLUGIN = """
from __future__ import annotations
from typing import TYPE_CHECKING

from pe_kit.testing import LocalApi as Double

if TYPE_CHECKING:
    from pe_kit import LineBuilder
    from pe_kit.types import LocalApi, TableBatch


def process_writes(influxdb3_local: LocalApi, table_batches: list[TableBatch], args: dict[str, str] | None = None) -> None:
    line = LineBuilder("out").int64_field("n", 1)
    influxdb3_local.query("SELECT 1", params={"a": "b"})  # E: call-arg
    influxdb3_local.query("SELECT $n", {"n": 1})  # E: dict-item
    influxdb3_local.query("SELECT $n", args={"n": "1"}, database="x")
    influxdb3_local.write_sync(line)  # E: call-arg
    influxdb3_local.write_sync(line, no_sync=True)
    influxdb3_local.write_sync_to_db(line, "x", no_sync=True)  # E: arg-type
    influxdb3_local.write("m n=1")  # E: arg-type
    influxdb3_local.write_to_db("x", line)
    influxdb3_local.debug("x")  # E: attr-defined
    influxdb3_local.cache.put("k", 1, ttl="60")  # E: arg-type
    influxdb3_local.cache.put("k", 1, ttl=60, use_global=True)
    table_batches[0]["table"]  # E: typeddict-item
    for batch in table_batches:
        influxdb3_local.info(batch["table_name"], 1, None)


def test_it() -> None:
    api = Double(args={"a": "b"})
    process_writes(api, api.batches("m n=1"), api.args)
    api.query("SELECT 1", params={"a": "b"})  # E: call-arg
"""


@pytest.mark.slow
def test_mypy_finds_wrong_argument_names_types_and_a_missing_no_sync_and_nothing_else(tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    root = Path(pe_kit.__file__).parents[1]
    command = [sys.executable, "-m", "mypy", "--hide-error-context", "--no-error-summary"]
    command += [f"--config-file={root / 'pyproject.toml'}", f"--cache-dir={root / '.mypy_cache'}", "plugin.py"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "MYPYPATH": str(root)}
    )
    found = {}
    for message in done.stdout.splitlines():
        if message.startswith("plugin.py:") and ": error: " in message:
            found.setdefault(int(message.split(":")[1]), set()).add(message.rpartition("[")[2].rstrip("]"))
    wanted = {
        number: {text.partition("# E: ")[2]} for number, text in enumerate(PLUGIN.splitlines(), 1) if "# E: " in text
    }
    assert {n: kinds & wanted.get(n, kinds) for n, kinds in found.items()} == wanted, done.stdout + done.stderr
