"""What the README shows works as it is shown."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from pe_kit.notebook.runner import play

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_cell_of_the_readme_runs_and_warns(tmp_path: Path) -> None:
    cell = re.search(r"```python\n(%%plugin.*?)```", README, re.DOTALL)
    assert cell is not None
    write = "%%write weather\ntemperature,city=attic temp=81.5"
    check = 'assert list(engine.logs(level="WARN").log_text) == ["attic is hot: 81.5 °F"]'
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext pe_kit", cell[1], write, check)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "readme.ipynb")
    assert play(tmp_path / "readme.ipynb").failure is None


def test_everything_that_the_readme_links_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert len(targets) >= 4
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_make_commands_of_the_readme_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert named == ["demo", "lab"]
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)
