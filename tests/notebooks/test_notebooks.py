"""Every notebook runs from top to bottom in a fresh kernel, and none is committed with its outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from pe_kit.notebook.runner import play

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").rglob("*.ipynb"))
OTHERS = [path for path in NOTEBOOKS if path.stem != "tour"]  # the tour has tests of its own


@pytest.mark.slow
@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path) -> None:
    played = play(path, lambda _: None)
    assert played.failure is None
    outputs = [output for cell in played.notebook.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.output_type == "error"] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_not_committed(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count is not None] == []
