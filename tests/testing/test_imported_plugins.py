"""A test may import a plugin like any module and hand it the double, where the official plugins' tests have fakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
try:
    LineBuilder = LineBuilder
except NameError:
    LineBuilder = None

def process_writes(influxdb3_local, table_batches, args=None):
    args["by_file"] = False
    for batch in table_batches:
        counts = influxdb3_local.cache.get("counts", default={})
        for row in batch["rows"]:
            counts[row["status"]] = counts.get(row["status"], 0) + 1
        influxdb3_local.cache.put("counts", counts, ttl=60)
        tags = influxdb3_local.query(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $t AND data_type = $d",
            {"t": batch["table_name"], "d": "Dictionary(Int32, Utf8)"},
        )
        line = LineBuilder("counts").tag("tags", "/".join(row["column_name"] for row in tags))
        for status, count in counts.items():
            line.int64_field(f"status_{status}", count)
        influxdb3_local.write_sync(line, no_sync=True)
"""
TEST = """
from pe_kit.testing import LocalApi
import counter

def test_it():
    api = LocalApi(lp="http,host=a status=200i 1", args={"fields": "status"})
    counter.process_writes(api, [{"table_name": "http", "rows": [{"host": "a", "status": 200}] * 2}], api.args)
    counter.process_writes(api, api.batches("http,host=b status=404i 2"), api.args)
    assert api.lines["db"] == ["counts,tags=host status_200=2i", "counts,tags=host status_200=2i,status_404=1i"]
    assert api.cache.get("counts") == {200: 2, 404: 1}
    api.advance("2m")
    assert api.cache.get("counts") is None
"""


@pytest.mark.slow
def test_a_plugin_that_is_imported_after_the_double_has_its_line_builder(tmp_path: Path) -> None:
    (tmp_path / "counter.py").write_text(PLUGIN)
    (tmp_path / "test_counter.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_counter.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
