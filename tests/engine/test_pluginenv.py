"""A plugin finds files beside it as on the server, through ``VIRTUAL_ENV`` (influxdb3_processing_engine/src/virtualenv.rs)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pe_kit import Engine

READS_ITS_LIMIT = """
import os, tomllib
from pathlib import Path

def process_writes(influxdb3_local, table_batches, args=None):
    folder = Path(os.environ["VIRTUAL_ENV"]).parent
    limit = tomllib.loads((folder / args["config_file_path"]).read_text())["limit"]
    influxdb3_local.info(f"limit {limit}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_file_of_arguments_in_the_plugin_folder_is_found(tmp_path: Path, clock: str) -> None:
    before = os.environ.get("VIRTUAL_ENV")
    (tmp_path / "limit.toml").write_text("limit = 5")
    with Engine(clock=clock, plugin_dir=tmp_path) as engine:
        engine.create_database("d")
        engine.write_plugin("check.py", READS_ITS_LIMIT)
        given = {"config_file_path": "limit.toml"}
        engine.create_trigger("check", db="d", path="check.py", spec="all_tables", arguments=given)
        engine.write("m v=1", "d")
        if clock == "wall":
            engine.close()  # waits for the call
        assert engine.logs("check").log_text.tolist()[1] == "limit 5"
    assert os.environ.get("VIRTUAL_ENV") == before


def test_in_a_past_that_is_rebuilt_it_is_found_too(tmp_path: Path) -> None:
    (tmp_path / "limit.toml").write_text("limit = 5")
    with Engine(plugin_dir=tmp_path) as engine:
        engine.create_database("d")
        engine.write_plugin("check.py", READS_ITS_LIMIT)
        given = {"config_file_path": "limit.toml"}
        engine.create_trigger("check", db="d", path="check.py", spec="all_tables", arguments=given)
        with engine.at(engine.write("m v=1", "d").event.id).fork() as fork:
            assert fork.write("m v=2", "d").run.ok


def test_a_plugin_with_an_engine_of_its_own_has_its_own_folder_back(tmp_path: Path) -> None:
    inner = """
import os
from pe_kit import Engine

def process_writes(influxdb3_local, table_batches, args=None):
    before = os.environ["VIRTUAL_ENV"]
    with Engine() as engine:
        engine.create_database("d")
        engine.write_plugin("p.py", "import os\\ndef process_writes(l, b, args=None): l.info(os.environ['VIRTUAL_ENV'])")
        engine.create_trigger("p", db="d", path="p.py", spec="all_tables")
        shown = engine.write("m v=1", "d").logs.log_text[1]
    influxdb3_local.info(shown != before, os.environ["VIRTUAL_ENV"] == before)
"""
    with Engine(plugin_dir=tmp_path) as engine:
        engine.create_database("d")
        engine.write_plugin("outer.py", inner)
        engine.create_trigger("outer", db="d", path="outer.py", spec="all_tables")
        assert engine.write("m v=1", "d").logs.log_text[1] == "True True"
