"""``pe-kit plugins``: what there is, in which versions, and who uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pe_kit import Engine
from pe_kit.cli.main import app
from pe_kit.errors import UsageError

SOURCE = "def process_writes(influxdb3_local, table_batches, args=None):\n    influxdb3_local.info('one')\n"


def test_a_session_shows_functions_versions_triggers_and_the_difference(tmp_path: Path) -> None:
    with Engine(start="2026-01-01", data_dir=tmp_path / "s") as engine:
        engine.write_plugin("p.py", SOURCE)
        engine.create_database("d")
        engine.create_trigger("t", db="d", path="p.py", spec="all_tables")
        engine.write_plugin("p.py", "import no_such_module\n" + SOURCE.replace("one", "two"))
    words = ["plugins", "--data-dir", str(tmp_path / "s")]
    (row,) = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert (row["filename"], row["functions"], row["triggers"]) == ("p.py", ["process_writes"], ["t"])
    assert len(set(row["versions"])) == 2
    assert row["requirements"][0]["text"] == "no_such_module"
    shown = CliRunner().invoke(app, words).output
    assert all(text in shown for text in ("p.py", "process_writes", "no_such_module", "1 plugins in"))
    difference = CliRunner().invoke(app, [*words, "--difference", "p.py"]).output.splitlines()
    assert "-    influxdb3_local.info('one')" in difference
    assert "+    influxdb3_local.info('two')" in difference


def test_a_folder_is_listed_without_a_session(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text(SOURCE)
    done = CliRunner().invoke(app, ["plugins", str(tmp_path)])
    assert done.exit_code == 0
    assert "1 plugins in" in done.output


@pytest.mark.parametrize("words", [["none"], ["--data-dir", "none"], []])
def test_a_folder_that_is_not_there_is_not_made(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INFLUXDB3_PLUGIN_DIR", raising=False)
    assert isinstance(CliRunner().invoke(app, ["plugins", *words]).exception, UsageError)
    assert list(tmp_path.iterdir()) == []
