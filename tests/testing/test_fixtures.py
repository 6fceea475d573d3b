"""The pytest plugin that the package registers, in a run of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

TESTS = """
from pe_kit import LineBuilder

def test_influxdb3_local(influxdb3_local):
    influxdb3_local.write(LineBuilder("m").int64_field("n", 1).time_ns(5))
    assert influxdb3_local.lines == {"db": ["m n=1i 5"]}

def test_engine(engine):
    assert str(engine.now) == "2026-01-01 00:00:00+00:00"
    engine.write("m n=1 5", "db")

def test_line_builder(line_builder):
    assert line_builder is LineBuilder
"""


@pytest.mark.slow
def test_the_fixtures_are_there_wherever_the_package_is_installed(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "3 passed" in done.stdout, done.stdout
