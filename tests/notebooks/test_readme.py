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


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_everything_that_a_page_links_to_is_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not t.startswith("https://") and not (page.parent / t.split("#")[0]).exists()] == []


def test_the_readme_leads_to_every_page_and_notebook() -> None:
    missing = {path.name for path in (*PAGES[1:], *ROOT.glob("notebooks/*.ipynb"))} - set(re.findall(r"[\w.]+", README))
    assert {name for name in missing if not re.match(r"0[2-9]_", name)} == set()  # lesson 01 leads to the others


def test_the_two_hours_of_the_teacher_add_up() -> None:
    rows = re.findall(r"^\| (\d):(\d\d) \|.*?\| (\d+) min \|", (ROOT / "docs/teaching.md").read_text(), re.MULTILINE)
    begins = [int(hours) * 60 + int(minutes) for hours, minutes, _ in rows]
    ends = [begin + int(length) for begin, (_, _, length) in zip(begins, rows, strict=True)]
    assert [0, *ends] == [*begins, 120]


def test_the_make_commands_of_the_readme_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert named == ["demo", "lab"]
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)
