"""``%%exercise`` on a real IPython."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

NOTHING = "def process_writes(influxdb3_local, table_batches, args=None):\n    pass\n"


@pytest.fixture
def in_folder(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    return shell


def test_an_exercise_cell_shows_what_is_missing_and_keeps_it_in_the_folder(in_folder: Any, tmp_path: Path) -> None:
    checked = in_folder.run_cell_magic("exercise", "01.1", NOTHING)
    formats, _ = in_folder.display_formatter.format(checked)
    assert "2 of 4 checks passed" in formats["text/html"]
    assert "2 of 4 checks passed" in formats["text/plain"]
    assert [path.name for path in tmp_path.iterdir()] == ["workshop-progress.toml"]


def test_the_next_hint_is_an_option_of_the_cell(in_folder: Any) -> None:
    in_folder.run_cell_magic("exercise", "01.1", NOTHING)
    assert "hint 2 of 2" in repr(in_folder.run_cell_magic("exercise", "01.1 --hint", NOTHING))


def test_the_cell_leaves_the_engine_of_the_notebook_alone(in_folder: Any) -> None:
    in_folder.run_cell_magic("exercise", "01.1", NOTHING)
    engine = in_folder.user_ns["engine"]
    assert len(engine.triggers) == len(engine.plugins) == len(engine.runs) == 0
